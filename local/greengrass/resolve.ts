import semver from "semver";
import { type ComponentVersion, getComponentVersion, versionsOf } from "./component-versions.ts";
import { invalid, notFound } from "./errors.ts";
import { isPublic } from "./public-components.ts";
import { type Recipe, writeRecipe } from "./recipe.ts";
import type { Greengrass, GreengrassHandlers } from "./state.ts";

type Attributes = Readonly<Record<string, string>>;

/** A value of a recipe's platform: `*` and an expression between slashes stand for many. */
const matchesAttribute = (wanted: unknown, actual: string | undefined): boolean => {
  if (typeof wanted !== "string") return false;
  if (wanted === "*") return true;
  if (actual === undefined) return false;
  const expression = /^\/(.*)\/$/.exec(wanted)?.[1];
  return expression === undefined ? wanted === actual : new RegExp(`^(?:${expression})$`).test(actual);
};

/**
 * Whether one of the recipe's manifests is for the platform. A manifest that names no runtime is for the classic nucleus.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html
 */
const claims = ({ Manifests }: Recipe, attributes: Attributes): boolean =>
  Manifests.some(({ Platform = {} }) =>
    Object.entries({ runtime: "aws_nucleus_classic", ...Platform }).every(([name, wanted]) =>
      matchesAttribute(wanted, name === "runtime" ? (attributes.runtime ?? "aws_nucleus_classic") : attributes[name]),
    ),
  );

const satisfies = (version: string, ranges: readonly string[]): boolean =>
  ranges.every((range) => semver.satisfies(version, range));

/** @throws ResourceNotFoundException (404), which fails the deployment on the device: no version will do */
const resolve = (
  greengrass: Greengrass,
  name: string,
  installed: string | undefined,
  ranges: readonly string[],
  attributes: Attributes,
): ComponentVersion => {
  const all = versionsOf(greengrass, name, isPublic(name) ? "PUBLIC" : "PRIVATE");
  const fitting = all.filter(({ version, state }) => state === "DEPLOYABLE" && satisfies(version, ranges));
  if (fitting.length === 0)
    throw notFound(
      `No cloud component version satisfies the requirements of component ${name}: ${ranges.join(", ")}`,
      name,
      "COMPONENT",
    );
  const found = fitting.filter(({ recipe }) => claims(recipe, attributes));
  const [latest] = found;
  if (latest === undefined)
    throw notFound(
      `The latest version of Component ${name} doesn't claim platform ${JSON.stringify(attributes)} compatibility`,
      name,
      "COMPONENT",
    );
  // A device that has one of them already need not fetch another.
  return found.find(({ version }) => version === installed) ?? latest;
};

/** What a device may install, and by which requirements. */
export type Candidates = Parameters<NonNullable<GreengrassHandlers["ResolveComponentCandidates"]>>[0];

export interface ResolvedComponentVersion {
  readonly arn: string;
  readonly componentName: string;
  readonly componentVersion: string;
  /** JSON. */
  readonly recipe: Uint8Array;
  readonly vendorGuidance: "ACTIVE";
}

/**
 * The highest version of each candidate that meets all requirements and is for the device's platform; the one that the
 * device has, if that will do.
 *
 * @throws ResourceNotFoundException (404) when there is none; ValidationException (400) for what is no version range
 * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ResolveComponentCandidates.html
 */
export const resolveCandidates = (greengrass: Greengrass, input: Candidates): ResolvedComponentVersion[] =>
  (input.componentCandidates ?? []).map(({ componentName, componentVersion, versionRequirements = {} }) => {
    if (componentName === undefined) throw invalid("Invalid Input: a candidate has no componentName");
    const ranges = Object.values(versionRequirements);
    const wrong = ranges.find((range) => semver.validRange(range) === null);
    if (wrong !== undefined) throw invalid(`Invalid Input: ${wrong} is not a version requirement`);
    const found = resolve(greengrass, componentName, componentVersion, ranges, input.platform?.attributes ?? {});
    return {
      arn: found.arn,
      componentName: found.name,
      componentVersion: found.version,
      recipe: writeRecipe(found.recipe, "JSON"),
      vendorGuidance: "ACTIVE",
    };
  });

/**
 * Refuses to say where an artifact lies that Greengrass itself keeps (`greengrass:` in a recipe): public and Lambda
 * components have such, and none here does. What a recipe names in S3 a device fetches with its role's credentials.
 *
 * @throws ResourceNotFoundException (404)
 * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_GetComponentVersionArtifact.html
 */
export const getArtifact = (greengrass: Greengrass, arn: string, artifactName: string): never => {
  getComponentVersion(greengrass, arn);
  throw notFound(`${arn} has no artifact ${artifactName}`, artifactName, "COMPONENT");
};

/** What core devices ask for: https://docs.aws.amazon.com/greengrass/v2/developerguide/device-auth.html */
export const resolveHandlers: GreengrassHandlers = {
  ResolveComponentCandidates: (input, greengrass) => ({
    resolvedComponentVersions: resolveCandidates(greengrass, input),
  }),
  GetComponentVersionArtifact: (input, greengrass) => getArtifact(greengrass, input.arn, input.artifactName),
};
