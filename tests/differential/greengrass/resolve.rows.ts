import { expect } from "vitest";
import type { Row } from "../rows.ts";
import { api, create, guide, recipe, unique, versionArn, type World, withArtifacts } from "./world.ts";

const LINUX = { attributes: { os: "linux", architecture: "amd64" } };
const RECIPE = guide("component-recipe-reference");

/** Versions of a component of its own, by their recipes' further members. */
const publish = async (world: World, versions: Readonly<Record<string, object>>): Promise<string> => {
  const name = unique();
  for (const [version, more] of Object.entries(versions)) await create(world, recipe(name, version, more));
  return name;
};

const resolve = async (
  { client }: World,
  name: string,
  requirements: Record<string, string>,
  attributes: Record<string, string> = LINUX.attributes,
) => {
  const { resolvedComponentVersions = [], ...rest } = await client.resolveComponentCandidates({
    platform: { attributes },
    componentCandidates: [{ componentName: name, versionRequirements: requirements }],
  });
  return { ...rest, versions: resolvedComponentVersions.map(({ componentVersion }) => componentVersion) };
};

const refused = { status: 404, code: "ResourceNotFoundException", fields: { resourceType: expect.any(String) } };
const onPlatform = (Platform: object): object => ({ Manifests: [{ Platform }] });

export const resolveRows: readonly Row<World>[] = [
  {
    operation: "ResolveComponentCandidates",
    when: "the highest version that meets all requirements",
    send: async (world) => {
      const name = await publish(world, { "1.9.0": {}, "1.10.0": {}, "2.0.0": {} });
      return resolve(world, name, { "thinggroup/one": ">=1.0.0 <2.0.0", "thinggroup/two": "^1.9.0" });
    },
    expect: { status: 200, fields: { versions: ["1.10.0"] } },
    source: api("ResolveComponentCandidates"),
  },
  {
    operation: "ResolveComponentCandidates",
    when: "with the recipe that the device installs by",
    send: async (world) => {
      const name = await publish(world, { "1.0.0": {} });
      const { resolvedComponentVersions = [], ...rest } = await world.client.resolveComponentCandidates({
        platform: LINUX,
        componentCandidates: [{ componentName: name, versionRequirements: { g: "1.0.0" } }],
      });
      const [found] = resolvedComponentVersions;
      const stored = JSON.parse(new TextDecoder().decode(found?.recipe)) as { ComponentName: string };
      return { ...rest, sameArn: found?.arn === versionArn(name), sameName: stored.ComponentName === name };
    },
    expect: { status: 200, fields: { sameArn: true, sameName: true } },
    source: api("ResolvedComponentVersion"),
  },
  {
    operation: "ResolveComponentCandidates",
    when: "requirements that conflict",
    send: async (world) =>
      resolve(world, await publish(world, { "1.0.0": {}, "3.0.0": {} }), { a: ">2.0.0", b: "<2.0.0" }),
    expect: refused,
    source: guide("troubleshooting"),
  },
  {
    operation: "ResolveComponentCandidates",
    when: "a component that there is not",
    send: (world) => resolve(world, "never.made", { a: ">=0.0.0" }),
    expect: refused,
    source: api("ResolveComponentCandidates"),
  },
  {
    operation: "ResolveComponentCandidates",
    when: "a version whose artifacts could not be read",
    send: async (world) =>
      resolve(world, await publish(world, { "1.0.0": withArtifacts("s3://b/missing") }), { a: ">=1.0.0" }),
    expect: refused,
    source: guide("troubleshooting"),
  },
  {
    operation: "ResolveComponentCandidates",
    when: "no manifest for the platform",
    send: async (world) =>
      resolve(world, await publish(world, { "1.0.0": onPlatform({ os: "windows" }) }), { a: ">=1.0.0" }),
    expect: { ...refused, fields: { message: expect.stringMatching(/doesn't claim platform .* compatibility$/) } },
    source: guide("troubleshooting"),
  },
  {
    operation: "ResolveComponentCandidates",
    when: "the highest version that is for the platform",
    send: async (world) =>
      resolve(world, await publish(world, { "1.0.0": {}, "1.1.0": onPlatform({ os: "windows" }) }), { a: ">=1.0.0" }),
    expect: { status: 200, fields: { versions: ["1.0.0"] } },
    source: guide("troubleshooting"),
  },
  {
    operation: "ResolveComponentCandidates",
    when: "an expression that stands for many platforms",
    send: async (world) =>
      resolve(world, await publish(world, { "1.0.0": onPlatform({ os: "/darwin|linux/", architecture: "*" }) }), {
        a: ">=1.0.0",
      }),
    expect: { status: 200, fields: { versions: ["1.0.0"] } },
    source: RECIPE,
  },
  {
    operation: "ResolveComponentCandidates",
    when: "nucleus lite, a recipe for every runtime",
    send: async (world) =>
      resolve(
        world,
        await publish(world, { "1.0.0": onPlatform({ os: "linux", runtime: "*" }) }),
        { a: "1.0.0" },
        { os: "linux", runtime: "aws_nucleus_lite" },
      ),
    expect: { status: 200, fields: { versions: ["1.0.0"] } },
    source: RECIPE,
  },
  {
    operation: "ResolveComponentCandidates",
    when: "nucleus lite, a recipe that names no runtime",
    send: async (world) =>
      resolve(
        world,
        await publish(world, { "1.0.0": onPlatform({ os: "linux" }) }),
        { a: "1.0.0" },
        { os: "linux", runtime: "aws_nucleus_lite" },
      ),
    expect: refused,
    source: RECIPE,
  },
  {
    operation: "ResolveComponentCandidates",
    when: "a public component",
    send: (world) => resolve(world, "aws.greengrass.TokenExchangeService", { a: ">=0.0.0" }),
    expect: { status: 200, fields: { versions: ["2.0.3"] } },
    source: guide("token-exchange-service-component"),
  },
  {
    operation: "GetComponentVersionArtifact",
    when: "an absent version",
    send: ({ client }) =>
      client.getComponentVersionArtifact({ arn: versionArn("never.made"), artifactName: "bucket/file" }),
    expect: { status: 404, code: "ResourceNotFoundException", fields: { resourceId: versionArn("never.made") } },
    source: api("GetComponentVersionArtifact"),
  },
  {
    operation: "GetComponentVersionArtifact",
    when: "an artifact that lies in S3, not with Greengrass",
    send: async (world) =>
      world.client.getComponentVersionArtifact({
        arn: await create(world, recipe(unique(), "1.0.0", withArtifacts("s3://bucket/folder/file.zip"))),
        artifactName: "bucket/folder/file.zip",
      }),
    expect: { status: 404, code: "ResourceNotFoundException", fields: { resourceId: "bucket/folder/file.zip" } },
    source: api("GetComponentVersionArtifact"),
  },
  {
    operation: "GetComponentVersionArtifact",
    when: "an artifact that the version has not",
    send: async (world) =>
      world.client.getComponentVersionArtifact({
        arn: await create(world, recipe(unique(), "1.0.0", withArtifacts("s3://bucket/file"))),
        artifactName: "bucket/other",
      }),
    expect: { status: 404, code: "ResourceNotFoundException", fields: { resourceId: "bucket/other" } },
    source: api("GetComponentVersionArtifact"),
  },
];
