import semver from "semver";
import { afterToken, cut } from "../aws-json/paging.ts";
import { unreadable } from "./artifacts.ts";
import { exclusively, fingerprint, recall, remember } from "./client-tokens.ts";
import {
  type ComponentVersion,
  componentArn,
  componentVersionArn,
  findComponentVersion,
  getComponentVersion,
  type Scope,
  versionsOf,
} from "./component-versions.ts";
import { conflict, invalid, invalidToken, notEmulated, notFound, quotaExceeded } from "./errors.ts";
import { publicComponents } from "./public-components.ts";
import { platforms, type Recipe, readRecipe, writeRecipe } from "./recipe.ts";
import { DEFAULT_PAGE, type Greengrass, type GreengrassHandlers } from "./state.ts";
import { dropTags, limitTags, tagsOf, writeTags } from "./tags.ts";

/** Of components, and of the versions of each: https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html */
const MAX_COMPONENTS = 5_000;
const MAX_VERSIONS = 5_000;

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

const summary = ({ arn, version, recipe, createdAt }: ComponentVersion) => ({
  arn,
  componentVersion: version,
  creationTimestamp: createdAt,
  description: recipe.ComponentDescription,
  publisher: recipe.ComponentPublisher,
  platforms: platforms(recipe),
});

/** @throws ConflictException (409) for a version that exists; ServiceQuotaExceededException (402) */
const admit = (greengrass: Greengrass, recipe: Recipe): void => {
  const { store, accountId } = greengrass;
  const { ComponentName: name, ComponentVersion: version } = recipe;
  const arn = componentVersionArn(greengrass, name, version);
  // A version that failed keeps its number until it is deleted: versions never change.
  if (findComponentVersion(greengrass, arn) !== undefined)
    throw conflict(`Component [${name} : ${version}] for account [${accountId}] already exists`, arn, "COMPONENT");
  const count = (sql: string, ...parameters: string[]) => store.get<{ n: number }>(sql, ...parameters)?.n ?? 0;
  const versions = count("SELECT count(*) AS n FROM component_versions WHERE name = ?", name);
  if (versions >= MAX_VERSIONS)
    throw quotaExceeded(`Component ${name} has ${MAX_VERSIONS} versions already`, name, "COMPONENT");
  if (versions === 0 && count("SELECT count(DISTINCT name) AS n FROM component_versions") >= MAX_COMPONENTS)
    throw quotaExceeded(`The account has ${MAX_COMPONENTS} components already`, name, "COMPONENT");
};

const insertVersion = (
  greengrass: Greengrass,
  recipe: Recipe,
  tags: Record<string, string> | undefined,
  keep: (created: CreatedVersion) => void,
): CreatedVersion => {
  const created: CreatedVersion = {
    arn: componentVersionArn(greengrass, recipe.ComponentName, recipe.ComponentVersion),
    componentName: recipe.ComponentName,
    componentVersion: recipe.ComponentVersion,
    createdAt: Date.now(),
  };
  greengrass.store.transact(() => {
    greengrass.store.run(
      "INSERT INTO component_versions VALUES (?, ?, ?, ?, 'REQUESTED', 'NONE', '{}', ?)",
      created.arn,
      created.componentName,
      created.componentVersion,
      JSON.stringify(recipe),
      created.createdAt,
    );
    writeTags(greengrass, created.arn, tags);
    keep(created);
  });
  return created;
};

const OPERATION = "CreateComponentVersion";

export const componentHandlers: GreengrassHandlers = {
  /**
   * Takes a recipe and answers at once; the artifacts are read afterwards, unless the stand-in is set to refuse what it
   * cannot read. The same client token with the same recipe gets the same answer.
   *
   * @throws ValidationException (400) for what is no recipe; ConflictException (409) for a version that exists, and for
   * a token that was used with another request; ServiceQuotaExceededException (402); RequestAlreadyInProgressException
   * (400) for a token whose first request is being processed.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_CreateComponentVersion.html
   */
  CreateComponentVersion: async (input, greengrass) => {
    if (input.lambdaFunction !== undefined) throw notEmulated(`${OPERATION} of a Lambda function`);
    if (input.inlineRecipe === undefined) throw invalid("Invalid Input: inlineRecipe or lambdaFunction is required");
    const request = fingerprint(input);
    const earlier = recall(greengrass, OPERATION, input.clientToken, request);
    if (earlier?.same === true) return createdAnswer(earlier.response as CreatedVersion);
    if (earlier !== undefined)
      throw conflict("The clientToken was used with another request", input.clientToken ?? "", "COMPONENT");

    const recipe = readRecipe(input.inlineRecipe);
    limitTags(input.tags);
    const create = (): CreatedVersion => {
      admit(greengrass, recipe);
      const created = insertVersion(greengrass, recipe, input.tags, (version) =>
        remember(greengrass, OPERATION, input.clientToken, request, version),
      );
      greengrass.initiate(created.arn);
      return created;
    };
    if (!greengrass.refusesUnreadable) return createdAnswer(create());
    return exclusively(greengrass, OPERATION, input.clientToken, async () => {
      const message = await unreadable(recipe, greengrass.readArtifact);
      if (message !== undefined) throw invalid(`Invalid Input: ${message}`);
      return createdAnswer(create());
    });
  },

  DescribeComponent: (input, greengrass) => {
    const version = getComponentVersion(greengrass, input.arn);
    return {
      ...summary(version),
      componentName: version.name,
      status: {
        componentState: version.state,
        message: version.message,
        errors: version.errors,
        vendorGuidance: "ACTIVE",
      },
      tags: tagsOf(greengrass, version.arn),
    };
  },

  GetComponent: (input, greengrass) => {
    const version = getComponentVersion(greengrass, input.arn);
    const recipeOutputFormat = input.recipeOutputFormat ?? "JSON";
    return {
      recipeOutputFormat,
      recipe: writeRecipe(version.recipe, recipeOutputFormat),
      tags: tagsOf(greengrass, version.arn),
    };
  },

  /** Without a scope, this account's components. https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ListComponents.html */
  ListComponents: (input, greengrass) => {
    const scope: Scope = input.scope ?? "PRIVATE";
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const names =
      scope === "PRIVATE"
        ? greengrass.store
            .all<{ name: string }>(
              "SELECT DISTINCT name FROM component_versions WHERE name > ? ORDER BY name LIMIT ?",
              after,
              limit + 1,
            )
            .map(({ name }) => name)
        : Object.keys(publicComponents)
            .sort()
            .filter((name) => name > String(after));
    const page = cut(names, limit, (name) => [name]);
    return {
      components: page.items.map((name) => {
        const [latest] = versionsOf(greengrass, name, scope);
        return {
          arn: componentArn(greengrass, name, scope),
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
    const scope = (["PRIVATE", "PUBLIC"] as const).find((one) => input.arn === componentArn(greengrass, name, one));
    const all = scope === undefined ? [] : versionsOf(greengrass, name, scope);
    if (all.length === 0) throw notFound(`The component ${input.arn} does not exist`, input.arn, "COMPONENT");
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const after = semver.parse(String(afterToken(input.nextToken, invalidToken)?.[0] ?? ""));
    const rest = after === null ? all : all.filter(({ version }) => semver.compareBuild(version, after) < 0);
    const page = cut(rest, limit, ({ version }) => [version]);
    return {
      componentVersions: page.items.map(({ name: componentName, version: componentVersion, arn }) => ({
        componentName,
        componentVersion,
        arn,
      })),
      nextToken: page.next,
    };
  },

  /**
   * Deployments that name the version are left as they are; devices that run them will fail.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_DeleteComponent.html
   */
  DeleteComponent: (input, greengrass) => {
    const row = findComponentVersion(greengrass, input.arn);
    if (row === undefined) throw notFound(`The account has no component version ${input.arn}`, input.arn, "COMPONENT");
    if (row.state === "REQUESTED" || row.state === "INITIATED")
      throw conflict(`The component version ${row.arn} is still being created`, row.arn, "COMPONENT");
    greengrass.store.transact(() => {
      greengrass.store.run("DELETE FROM component_versions WHERE arn = ?", row.arn);
      dropTags(greengrass, row.arn);
    });
    return {};
  },
};
