import semver from "semver";
import { AwsError } from "../aws-json/errors.ts";
import { afterToken, cut } from "../aws-json/paging.ts";
import { fingerprint, recall, remember } from "./client-tokens.ts";
import { conflict, invalid, invalidToken, notFound } from "./errors.ts";
import { platforms, type Recipe, readRecipe, writeRecipe } from "./recipe.ts";
import { DEFAULT_PAGE, type Greengrass, type GreengrassHandlers } from "./state.ts";
import { dropTags, tagsOf, writeTags } from "./tags.ts";

export const COMPONENTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS component_versions (
    arn TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, recipe TEXT NOT NULL,
    state TEXT NOT NULL, message TEXT NOT NULL, errors TEXT NOT NULL, created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS component_versions_by_name ON component_versions (name);
`;

export type ComponentState = "REQUESTED" | "INITIATED" | "DEPLOYABLE" | "FAILED";

export interface ComponentVersionRow {
  readonly arn: string;
  readonly name: string;
  readonly version: string;
  /** JSON; with the artifacts' digests once they were read. */
  readonly recipe: string;
  readonly state: ComponentState;
  readonly message: string;
  /** JSON: what is wrong, by artifact. */
  readonly errors: string;
  readonly created_at: number;
}

const componentArn = (greengrass: Greengrass, name: string): string => greengrass.arn(`components:${name}`);

export const componentVersionArn = (greengrass: Greengrass, name: string, version: string): string =>
  `${componentArn(greengrass, name)}:versions:${version}`;

export const findComponentVersion = (greengrass: Greengrass, arn: string): ComponentVersionRow | undefined =>
  greengrass.store.get<ComponentVersionRow>("SELECT * FROM component_versions WHERE arn = ?", arn);

/** @throws ResourceNotFoundException (404) */
const getComponentVersion = (greengrass: Greengrass, arn: string): ComponentVersionRow => {
  const row = findComponentVersion(greengrass, arn);
  if (row === undefined) throw notFound(`The component version ${arn} does not exist`, arn, "COMPONENT");
  return row;
};

const recipeOf = (row: ComponentVersionRow): Recipe => JSON.parse(row.recipe) as Recipe;

interface CreatedVersion {
  readonly arn: string;
  readonly componentName: string;
  readonly componentVersion: string;
  /** Milliseconds: the answer is kept as JSON for repetitions. */
  readonly createdAt: number;
}

const createdAnswer = ({ createdAt, ...version }: CreatedVersion) => ({
  ...version,
  creationTimestamp: new Date(createdAt),
  status: { componentState: "REQUESTED", message: "NONE", errors: {}, vendorGuidance: "ACTIVE" } as const,
});

const summary = (row: ComponentVersionRow) => {
  const recipe = recipeOf(row);
  return {
    arn: row.arn,
    componentVersion: row.version,
    creationTimestamp: new Date(row.created_at),
    description: recipe.ComponentDescription,
    publisher: recipe.ComponentPublisher,
    platforms: platforms(recipe),
  };
};

/** All versions of a component, the greatest first. */
const versionsOf = (greengrass: Greengrass, name: string): ComponentVersionRow[] =>
  greengrass.store
    .all<ComponentVersionRow>("SELECT * FROM component_versions WHERE name = ?", name)
    .sort((one, other) => semver.compareBuild(other.version, one.version));

const OPERATION = "CreateComponentVersion";

export const componentHandlers: GreengrassHandlers = {
  /**
   * Takes a recipe and answers at once; the artifacts are read afterwards. The same client token with the same recipe
   * gets the same answer.
   *
   * @throws ValidationException (400) for what is no recipe; ConflictException (409) for a version that exists, and for
   * a token that was used with another request.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_CreateComponentVersion.html
   */
  CreateComponentVersion: (input, greengrass) => {
    if (input.lambdaFunction !== undefined)
      throw new AwsError(
        "NotImplemented",
        501,
        "greengrass:CreateComponentVersion of a Lambda function is not emulated",
      );
    if (input.inlineRecipe === undefined) throw invalid("Invalid Input: inlineRecipe or lambdaFunction is required");
    const request = fingerprint(input);
    const earlier = recall(greengrass, OPERATION, input.clientToken, request);
    if (earlier?.same === true) return createdAnswer(earlier.response as CreatedVersion);
    if (earlier !== undefined)
      throw conflict("The clientToken was used with another request", input.clientToken ?? "", "COMPONENT");

    const recipe = readRecipe(input.inlineRecipe);
    const arn = componentVersionArn(greengrass, recipe.ComponentName, recipe.ComponentVersion);
    if (findComponentVersion(greengrass, arn) !== undefined)
      throw conflict(
        `Component [${recipe.ComponentName} : ${recipe.ComponentVersion}] for account [${greengrass.accountId}] already exists`,
        arn,
        "COMPONENT",
      );
    const created: CreatedVersion = {
      arn,
      componentName: recipe.ComponentName,
      componentVersion: recipe.ComponentVersion,
      createdAt: Date.now(),
    };
    greengrass.store.transact(() => {
      greengrass.store.run(
        "INSERT INTO component_versions VALUES (?, ?, ?, ?, 'REQUESTED', 'NONE', '{}', ?)",
        arn,
        recipe.ComponentName,
        recipe.ComponentVersion,
        JSON.stringify(recipe),
        created.createdAt,
      );
      writeTags(greengrass, arn, input.tags);
      remember(greengrass, OPERATION, input.clientToken, request, created);
    });
    greengrass.initiate(arn);
    return createdAnswer(created);
  },

  DescribeComponent: (input, greengrass) => {
    const row = getComponentVersion(greengrass, input.arn);
    return {
      ...summary(row),
      componentName: row.name,
      status: {
        componentState: row.state,
        message: row.message,
        errors: JSON.parse(row.errors) as Record<string, string>,
        vendorGuidance: "ACTIVE",
      },
      tags: tagsOf(greengrass, row.arn),
    };
  },

  GetComponent: (input, greengrass) => {
    const row = getComponentVersion(greengrass, input.arn);
    const recipeOutputFormat = input.recipeOutputFormat ?? "JSON";
    return {
      recipeOutputFormat,
      recipe: writeRecipe(recipeOf(row), recipeOutputFormat),
      tags: tagsOf(greengrass, row.arn),
    };
  },

  /** Without a scope, this account's components; the public ones are not emulated, so that there are none. */
  ListComponents: (input, greengrass) => {
    if (input.scope === "PUBLIC") return { components: [] };
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const rows = greengrass.store.all<{ name: string }>(
      "SELECT DISTINCT name FROM component_versions WHERE name > ? ORDER BY name LIMIT ?",
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.name]);
    return {
      components: page.items.map(({ name }) => {
        const [latest] = versionsOf(greengrass, name);
        return {
          arn: componentArn(greengrass, name),
          componentName: name,
          latestVersion: latest === undefined ? undefined : summary(latest),
        };
      }),
      nextToken: page.next,
    };
  },

  /** Greater versions first: https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ListComponentVersions.html */
  ListComponentVersions: (input, greengrass) => {
    const name = input.arn.slice(input.arn.lastIndexOf(":") + 1);
    const all = input.arn === componentArn(greengrass, name) ? versionsOf(greengrass, name) : [];
    if (all.length === 0) throw notFound(`The component ${input.arn} does not exist`, input.arn, "COMPONENT");
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const after = semver.parse(String(afterToken(input.nextToken, invalidToken)?.[0] ?? ""));
    const rest = after === null ? all : all.filter(({ version }) => semver.compareBuild(version, after) < 0);
    const page = cut(rest, limit, (row) => [row.version]);
    return {
      componentVersions: page.items.map((row) => ({
        componentName: row.name,
        componentVersion: row.version,
        arn: row.arn,
      })),
      nextToken: page.next,
    };
  },

  /**
   * Deployments that name the version are left as they are; devices that run them will fail.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_DeleteComponent.html
   */
  DeleteComponent: (input, greengrass) => {
    const row = getComponentVersion(greengrass, input.arn);
    if (row.state === "REQUESTED" || row.state === "INITIATED")
      throw conflict(`The component version ${row.arn} is still being created`, row.arn, "COMPONENT");
    greengrass.store.transact(() => {
      greengrass.store.run("DELETE FROM component_versions WHERE arn = ?", row.arn);
      dropTags(greengrass, row.arn);
    });
    return {};
  },
};
