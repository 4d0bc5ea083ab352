import { expect } from "vitest";
import { stringify } from "yaml";
import type { Row } from "../rows.ts";
import {
  api,
  bytes,
  create,
  guide,
  QUOTAS,
  recipe,
  stated,
  unique,
  versionArn,
  type World,
  withArtifacts,
} from "./world.ts";

const RECIPE = guide("component-recipe-reference");
const invalid = (fields: object = { reason: "OTHER" }) => ({
  status: 400,
  code: "ValidationException",
  fields: { ...fields },
});

const refused = (when: string, value: (name: string) => object | string, source = RECIPE): Row<World> => ({
  operation: "CreateComponentVersion",
  when,
  send: ({ client }) => client.createComponentVersion({ inlineRecipe: bytes(value(unique())) }),
  expect: invalid(),
  source,
});

export const componentRows: readonly Row<World>[] = [
  {
    operation: "CreateComponentVersion",
    when: "a recipe in JSON",
    send: ({ client }) =>
      stated(client.createComponentVersion({ inlineRecipe: bytes(recipe("json.recipe", "1.2.3")) })),
    expect: {
      status: 201,
      fields: {
        arn: versionArn("json.recipe", "1.2.3"),
        componentName: "json.recipe",
        componentVersion: "1.2.3",
        creationTimestamp: expect.any(Date),
        state: { componentState: "REQUESTED", message: "NONE", errors: {} },
      },
    },
    source: "https://docs.aws.amazon.com/cli/latest/reference/greengrassv2/create-component-version.html",
  },
  {
    operation: "CreateComponentVersion",
    when: "a recipe in YAML",
    send: ({ client }) => client.createComponentVersion({ inlineRecipe: bytes(stringify(recipe("yaml.recipe"))) }),
    expect: { status: 201, fields: { arn: versionArn("yaml.recipe") } },
    source: RECIPE,
  },
  {
    operation: "CreateComponentVersion",
    when: "the same client token and recipe again",
    send: async ({ client }) => {
      const request = { inlineRecipe: bytes(recipe("token.same")), clientToken: unique("token").replace(".", "-") };
      await client.createComponentVersion(request);
      return stated(client.createComponentVersion(request));
    },
    expect: { status: 201, fields: { arn: versionArn("token.same"), state: { componentState: "REQUESTED" } } },
    source: api("CreateComponentVersion"),
  },
  {
    operation: "CreateComponentVersion",
    when: "a version that exists",
    send: async (world) => {
      const value = recipe("exists.already");
      await create(world, value);
      return world.client.createComponentVersion({ inlineRecipe: bytes(value) });
    },
    expect: {
      status: 409,
      code: "ConflictException",
      fields: {
        resourceId: expect.any(String),
        resourceType: expect.any(String),
      },
    },
    source: api("CreateComponentVersion"),
  },
  {
    operation: "CreateComponentVersion",
    when: "a version that was deleted",
    send: async (world) => {
      const value = recipe("deleted.once");
      await world.client.deleteComponent({ arn: await create(world, value) });
      return world.client.createComponentVersion({ inlineRecipe: bytes(value) });
    },
    expect: { status: 201, fields: { arn: versionArn("deleted.once") } },
    source: api("DeleteComponent"),
  },
  {
    operation: "CreateComponentVersion",
    when: "neither recipe nor function",
    send: ({ client }) => client.createComponentVersion({}),
    expect: invalid(),
    source: api("CreateComponentVersion"),
  },
  {
    operation: "CreateComponentVersion",
    when: "a client token with an underscore",
    send: ({ client }) => client.createComponentVersion({ inlineRecipe: bytes(recipe(unique())), clientToken: "a_b" }),
    expect: invalid({ reason: "FIELD_VALIDATION_FAILED" }),
    source: "model:ClientTokenString",
  },
  {
    operation: "CreateComponentVersion",
    when: "an artifact that cannot be read, refused at once",
    send: ({ refusing }) =>
      refusing.createComponentVersion({
        inlineRecipe: bytes(recipe(unique(), "1.0.0", withArtifacts("s3://b/missing"))),
      }),
    expect: invalid({
      message:
        "Invalid Input: Encountered following errors in Artifacts: {s3://b/missing = Specified artifact resource cannot be accessed}",
    }),
    source: guide("troubleshooting"),
  },
  {
    operation: "CreateComponentVersion",
    when: "a recipe of 16,000 bytes",
    send: ({ client }) =>
      client.createComponentVersion({ inlineRecipe: bytes(JSON.stringify(recipe(unique())).padEnd(16_000)) }),
    expect: { status: 201 },
    source: QUOTAS,
  },
  refused("a recipe of 20,000 bytes", (name) => JSON.stringify(recipe(name)).padEnd(20_000), QUOTAS),
  refused("what is neither JSON nor YAML", () => "{"),
  refused("a list", () => "- a"),
  refused("another format version", (name) => ({ ...recipe(name), RecipeFormatVersion: "2020-01-26" })),
  refused("no manifest", (name) => ({ ...recipe(name), Manifests: [] })),
  refused("a name with a space", () => recipe("a b")),
  refused("a name of 129 characters", () => recipe("x".repeat(129)), "model:ComponentNameString"),
  refused("a version of two numbers", (name) => recipe(name, "1.0")),
  refused("an artifact that lies neither in S3 nor in a registry", (name) =>
    recipe(name, "1.0.0", withArtifacts("https://example.com/a")),
  ),
  refused("two artifacts with one file name", (name) => recipe(name, "1.0.0", withArtifacts("s3://a/f", "s3://b/f"))),
  refused("a dependency on what is no version range", (name) =>
    recipe(name, "1.0.0", { ComponentDependencies: { other: { VersionRequirement: "newest" } } }),
  ),
  refused("a permission that there is not", (name) =>
    recipe(name, "1.0.0", { Manifests: [{ Artifacts: [{ Uri: "s3://a/f", Permission: { Read: "SOME" } }] }] }),
  ),
];
