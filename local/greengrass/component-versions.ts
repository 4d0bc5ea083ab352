import semver from "semver";
import { notFound } from "./errors.ts";
import { publicComponents, publicRecipe } from "./public-components.ts";
import type { Recipe } from "./recipe.ts";
import type { Greengrass } from "./state.ts";

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

/** A version of one's own component, or of one that AWS publishes. */
export interface ComponentVersion {
  readonly arn: string;
  readonly name: string;
  readonly version: string;
  readonly recipe: Recipe;
  readonly state: ComponentState;
  readonly message: string;
  readonly errors: Record<string, string>;
  /** Unknown of a public one. */
  readonly createdAt: Date | undefined;
}

export type Scope = "PRIVATE" | "PUBLIC";

/** A public component belongs to the account `aws`: https://docs.aws.amazon.com/greengrass/v2/developerguide/public-components.html */
export const componentArn = (greengrass: Greengrass, name: string, scope: Scope = "PRIVATE"): string =>
  scope === "PRIVATE"
    ? greengrass.arn(`components:${name}`)
    : `arn:aws:greengrass:${greengrass.region}:aws:components:${name}`;

export const componentVersionArn = (
  greengrass: Greengrass,
  name: string,
  version: string,
  scope: Scope = "PRIVATE",
): string => `${componentArn(greengrass, name, scope)}:versions:${version}`;

export const findComponentVersion = (greengrass: Greengrass, arn: string): ComponentVersionRow | undefined =>
  greengrass.store.get<ComponentVersionRow>("SELECT * FROM component_versions WHERE arn = ?", arn);

const fromRow = (row: ComponentVersionRow): ComponentVersion => ({
  arn: row.arn,
  name: row.name,
  version: row.version,
  recipe: JSON.parse(row.recipe) as Recipe,
  state: row.state,
  message: row.message,
  errors: JSON.parse(row.errors) as Record<string, string>,
  createdAt: new Date(row.created_at),
});

const publicVersion = (greengrass: Greengrass, name: string, version: string): ComponentVersion | undefined => {
  const recipe = publicRecipe(name, version);
  if (recipe === undefined) return undefined;
  return {
    arn: componentVersionArn(greengrass, name, version, "PUBLIC"),
    name,
    version,
    recipe,
    state: "DEPLOYABLE",
    message: "NONE",
    errors: {},
    createdAt: undefined,
  };
};

/** @throws ResourceNotFoundException (404) */
export const getComponentVersion = (greengrass: Greengrass, arn: string): ComponentVersion => {
  const own = findComponentVersion(greengrass, arn);
  if (own !== undefined) return fromRow(own);
  const [, name = "", version = ""] = /:components:([^:]+):versions:([^:]+)$/.exec(arn) ?? [];
  const published = publicVersion(greengrass, name, version);
  if (published?.arn !== arn) throw notFound(`The component version ${arn} does not exist`, arn, "COMPONENT");
  return published;
};

/** All versions of a component, the greatest first: https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ListComponentVersions.html */
export const versionsOf = (greengrass: Greengrass, name: string, scope: Scope): ComponentVersion[] => {
  const all =
    scope === "PRIVATE"
      ? greengrass.store.all<ComponentVersionRow>("SELECT * FROM component_versions WHERE name = ?", name).map(fromRow)
      : Object.keys(publicComponents[name]?.versions ?? {})
          .map((version) => publicVersion(greengrass, name, version))
          .filter((version) => version !== undefined);
  return all.sort((one, other) => semver.compareBuild(other.version, one.version));
};
