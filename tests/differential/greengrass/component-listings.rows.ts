import { expect } from "vitest";
import { parse as parseYaml } from "yaml";
import type { Row } from "../rows.ts";
import {
  api,
  componentArn,
  create,
  digest,
  guide,
  publicArn,
  recipe,
  stated,
  unique,
  versionArn,
  type World,
  withArtifacts,
} from "./world.ts";

const RECIPE = guide("component-recipe-reference");
const invalid = (fields: object) => ({ status: 400, code: "ValidationException", fields: { ...fields } });

export const componentListingRows: readonly Row<World>[] = [
  {
    operation: "DescribeComponent",
    when: "a deployable version",
    send: async (world) =>
      stated(world.client.describeComponent({ arn: await create(world, recipe("described", "2.0.0")) })),
    expect: {
      status: 200,
      fields: {
        arn: versionArn("described", "2.0.0"),
        componentName: "described",
        componentVersion: "2.0.0",
        description: "A component.",
        publisher: "Example",
        creationTimestamp: expect.any(Date),
        state: { componentState: "DEPLOYABLE", message: "NONE", errors: {}, vendorGuidance: "ACTIVE" },
        platforms: [{ attributes: { os: "linux" } }],
      },
    },
    source: "https://docs.aws.amazon.com/cli/latest/reference/greengrassv2/describe-component.html",
  },
  {
    operation: "DescribeComponent",
    when: "a version with an artifact that cannot be read",
    send: async (world) =>
      stated(
        world.client.describeComponent({
          arn: await create(world, recipe(unique(), "1.0.0", withArtifacts("s3://b/ok", "s3://b/missing"))),
        }),
      ),
    expect: {
      status: 200,
      fields: {
        state: {
          componentState: "FAILED",
          errors: { "s3://b/missing": "Specified artifact resource cannot be accessed" },
        },
      },
    },
    source: api("CloudComponentStatus"),
  },
  {
    operation: "DescribeComponent",
    when: "a public version",
    send: ({ client }) =>
      stated(client.describeComponent({ arn: `${publicArn("aws.greengrass.TokenExchangeService")}:versions:2.0.3` })),
    expect: {
      status: 200,
      fields: { componentName: "aws.greengrass.TokenExchangeService", state: { componentState: "DEPLOYABLE" } },
    },
    source: guide("token-exchange-service-component"),
  },
  {
    operation: "DescribeComponent",
    when: "an absent version",
    send: ({ client }) => client.describeComponent({ arn: versionArn("never.made") }),
    expect: { status: 404, code: "ResourceNotFoundException", fields: { resourceId: versionArn("never.made") } },
    source: api("DescribeComponent"),
  },
  {
    operation: "DescribeComponent",
    when: "an ARN without a version",
    send: ({ client }) => client.describeComponent({ arn: componentArn("described") }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:ComponentVersionARN",
  },
  {
    operation: "GetComponent",
    when: "the recipe in JSON, with the artifact's digest",
    send: async (world) => {
      const arn = await create(world, recipe("got.json", "1.0.0", withArtifacts("s3://b/ok")));
      const { recipe: stored, ...rest } = await world.client.getComponent({ arn });
      return { ...rest, parsed: JSON.parse(new TextDecoder().decode(stored)) as object };
    },
    expect: {
      status: 200,
      fields: {
        recipeOutputFormat: "JSON",
        parsed: {
          ComponentName: "got.json",
          Manifests: [{ Artifacts: [{ Uri: "s3://b/ok", Digest: digest("s3://b/ok"), Algorithm: "SHA-256" }] }],
        },
      },
    },
    source: RECIPE,
  },
  {
    operation: "GetComponent",
    when: "the recipe in YAML",
    send: async (world) => {
      const arn = await create(world, recipe("got.yaml"));
      const { recipe: stored, ...rest } = await world.client.getComponent({ arn, recipeOutputFormat: "YAML" });
      return { ...rest, parsed: parseYaml(new TextDecoder().decode(stored)) as object };
    },
    expect: { status: 200, fields: { recipeOutputFormat: "YAML", parsed: { ComponentName: "got.yaml" } } },
    source: api("GetComponent"),
  },
  {
    operation: "GetComponent",
    when: "another format",
    send: ({ client }) =>
      client.getComponent({ arn: versionArn("got.json"), recipeOutputFormat: "XML" as unknown as "JSON" }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:RecipeOutputFormat",
  },
  {
    operation: "GetComponent",
    when: "an absent version",
    send: ({ client }) => client.getComponent({ arn: versionArn("never.made") }),
    expect: { status: 404, code: "ResourceNotFoundException", fields: { resourceType: expect.any(String) } },
    source: api("GetComponent"),
  },
  {
    operation: "ListComponents",
    when: "without a scope, one's own with the latest version",
    send: async (world) => {
      await create(world, recipe("aaa.listed", "1.9.0"));
      await create(world, recipe("aaa.listed", "1.10.0"));
      return world.client.listComponents({ maxResults: 1 });
    },
    expect: {
      status: 200,
      fields: {
        components: [
          {
            arn: componentArn("aaa.listed"),
            componentName: "aaa.listed",
            latestVersion: { arn: versionArn("aaa.listed", "1.10.0"), componentVersion: "1.10.0" },
          },
        ],
        nextToken: expect.any(String),
      },
    },
    source: api("ListComponents"),
  },
  {
    operation: "ListComponents",
    when: "the next page",
    send: async (world) => {
      await create(world, recipe("aab.listed"));
      const { components: [first] = [], nextToken } = await world.client.listComponents({ maxResults: 1 });
      const page = await world.client.listComponents({ maxResults: 1, ...(nextToken && { nextToken }) });
      return { ...page, repeated: page.components?.[0]?.componentName === first?.componentName };
    },
    expect: { status: 200, fields: { repeated: false, components: [expect.anything()] } },
    source: api("ListComponents"),
  },
  {
    operation: "ListComponents",
    when: "the public ones",
    send: ({ client }) => client.listComponents({ scope: "PUBLIC", maxResults: 100 }),
    expect: {
      status: 200,
      fields: {
        components: expect.arrayContaining([
          expect.objectContaining({
            arn: publicArn("aws.greengrass.Nucleus"),
            componentName: "aws.greengrass.Nucleus",
          }),
        ]),
      },
    },
    source: guide("public-components"),
  },
  {
    operation: "ListComponents",
    when: "a page of none",
    send: ({ client }) => client.listComponents({ maxResults: 0 }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:DefaultMaxResults",
  },
  {
    operation: "ListComponents",
    when: "a token of nobody",
    send: ({ client }) => client.listComponents({ nextToken: "%%" }),
    expect: invalid({}),
    source: api("ListComponents"),
  },
  {
    operation: "ListComponentVersions",
    when: "greater versions first",
    send: async (world) => {
      for (const version of ["1.9.0", "1.10.0", "1.10.0-rc.1"]) await create(world, recipe("many.versions", version));
      return world.client.listComponentVersions({ arn: componentArn("many.versions") });
    },
    expect: {
      status: 200,
      fields: {
        componentVersions: [
          { componentName: "many.versions", componentVersion: "1.10.0", arn: versionArn("many.versions", "1.10.0") },
          { componentVersion: "1.10.0-rc.1" },
          { componentVersion: "1.9.0" },
        ],
      },
    },
    source: api("ListComponentVersions"),
  },
  {
    operation: "ListComponentVersions",
    when: "of a public component",
    send: ({ client }) => client.listComponentVersions({ arn: publicArn("aws.greengrass.Cli"), maxResults: 100 }),
    expect: {
      status: 200,
      fields: {
        componentVersions: expect.arrayContaining([
          expect.objectContaining({ componentName: "aws.greengrass.Cli", componentVersion: "2.16.0" }),
        ]),
      },
    },
    source: guide("greengrass-cli-component"),
  },
  {
    operation: "ListComponentVersions",
    when: "of an absent component",
    send: ({ client }) => client.listComponentVersions({ arn: componentArn("never.made") }),
    expect: { status: 404, code: "ResourceNotFoundException", fields: { resourceId: componentArn("never.made") } },
    source: api("ListComponentVersions"),
  },
  {
    operation: "DeleteComponent",
    when: "a version that a deployment names",
    send: async (world) => {
      const arn = await create(world, recipe("deployed.then.deleted"));
      await world.client.createDeployment({
        targetArn: "arn:aws:iot:eu-central-1:123456789012:thinggroup/of-the-deleted",
        components: { "deployed.then.deleted": { componentVersion: "1.0.0" } },
      });
      return world.client.deleteComponent({ arn });
    },
    expect: { status: 204 },
    source: api("DeleteComponent"),
  },
  {
    operation: "DeleteComponent",
    when: "twice",
    send: async (world) => {
      const arn = await create(world, recipe(unique()));
      await world.client.deleteComponent({ arn });
      return world.client.deleteComponent({ arn });
    },
    expect: { status: 404, code: "ResourceNotFoundException", fields: { resourceId: expect.any(String) } },
    source: api("DeleteComponent"),
  },
];
