import semver from "semver";
import { type ComponentVersion, getComponentVersion, versionsOf } from "./component-versions.ts";
import { invalid, notEmulated, notFound } from "./errors.ts";
import { isPublic } from "./public-components.ts";
import { type Recipe, s3Uris, writeRecipe } from "./recipe.ts";
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

/** An artifact's name: its URI after the scheme. */
const artifactName = (uri: string): string => uri.slice(uri.indexOf(":") + 1).replace(/^\/\//, "");

/** What core devices ask for: https://docs.aws.amazon.com/greengrass/v2/developerguide/device-auth.html */
export const resolveHandlers: GreengrassHandlers = {
  /**
   * The highest version of each candidate that meets all requirements and is for the device's platform; the one that the
   * device has, if that will do.
   *
   * @throws ResourceNotFoundException (404) when there is none; ValidationException (400) for what is no version range
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ResolveComponentCandidates.html
   */
  ResolveComponentCandidates: (input, greengrass) => ({
    resolvedComponentVersions: (input.componentCandidates ?? []).map((candidate) => {
      const { componentName, componentVersion, versionRequirements = {} } = candidate;
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
        vendorGuidance: "ACTIVE" as const,
      };
    }),
  }),

  /**
   * A URL by which the device can fetch an artifact that lies in S3, by its name (`bucket/key`).
   *
   * @throws ResourceNotFoundException (404)
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_GetComponentVersionArtifact.html
   */
  GetComponentVersionArtifact: async (input, greengrass) => {
    const { name, recipe } = getComponentVersion(greengrass, input.arn);
    if (isPublic(name)) throw notEmulated("GetComponentVersionArtifact of a public component");
    const uri = s3Uris(recipe).find((one) => artifactName(one) === input.artifactName);
    if (uri === undefined)
      throw notFound(`${input.arn} has no artifact ${input.artifactName}`, input.artifactName, "COMPONENT");
    if (greengrass.presign === undefined) throw notEmulated("GetComponentVersionArtifact without a presigner");
    return { preSignedUrl: await greengrass.presign(uri) };
  },
};
