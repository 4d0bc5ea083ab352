import semver from "semver";
import { parse as parseYaml, stringify as stringifyYaml } from "yaml";
import { z } from "zod";
import { invalid } from "./errors.ts";

/** https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html */
export const MAX_RECIPE_BYTES = 16_000;

const Permission = z.enum(["NONE", "OWNER", "ALL"]);

const Artifact = z.strictObject({
  Uri: z.string().regex(/^(s3:\/\/[^/]+\/.+|docker:.+)$/, "must be an s3:// or a docker: URI"),
  Unarchive: z.enum(["NONE", "ZIP"]).optional(),
  Permission: z.strictObject({ Read: Permission.optional(), Execute: Permission.optional() }).optional(),
  Digest: z.string().optional(),
  Algorithm: z.literal("SHA-256").optional(),
});

const fileName = (uri: string): string => uri.slice(uri.lastIndexOf("/") + 1);

/** A platform's value between slashes is an expression, which must be one. */
const isValue = (value: unknown): boolean => {
  const expression = typeof value === "string" ? /^\/(.*)\/$/.exec(value)?.[1] : undefined;
  if (expression === undefined) return true;
  try {
    new RegExp(expression);
    return true;
  } catch {
    return false;
  }
};

const Manifest = z
  .strictObject({
    Name: z.string().optional(),
    Platform: z.record(z.string(), z.unknown().refine(isValue, "must be a regular expression")).optional(),
    Lifecycle: z.record(z.string(), z.unknown()).optional(),
    Selections: z.array(z.string()).optional(),
    Artifacts: z.array(Artifact).optional(),
  })
  .refine(
    ({ Artifacts = [] }) => new Set(Artifacts.map(({ Uri }) => fileName(Uri))).size === Artifacts.length,
    "file names of artifacts must be unique in a manifest",
  );

const Dependency = z.strictObject({
  VersionRequirement: z.string().refine((text) => semver.validRange(text) !== null, "must be a version range"),
  DependencyType: z.enum(["HARD", "SOFT"]).optional(),
});

/**
 * A component recipe, with the names as documented; AWS refuses unknown keys at its top.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html
 */
const Recipe = z.strictObject({
  RecipeFormatVersion: z.literal("2020-01-25"),
  ComponentName: z
    .string()
    .max(128)
    .regex(/^[a-zA-Z0-9-_.]+$/),
  ComponentVersion: z
    .string()
    .max(64)
    .refine((text) => semver.valid(text) === text, "must be a semantic version")
    .refine((text) => /^\d{1,6}\.\d{1,6}\.\d{1,6}(?:-|$)/.test(text), "numbers must have six digits at most"),
  ComponentDescription: z.string().optional(),
  ComponentPublisher: z.string().optional(),
  ComponentType: z
    .enum(["aws.greengrass.generic", "aws.greengrass.lambda", "aws.greengrass.plugin", "aws.greengrass.nucleus"])
    .optional(),
  ComponentSource: z.string().optional(),
  ComponentConfiguration: z.strictObject({ DefaultConfiguration: z.record(z.string(), z.unknown()) }).optional(),
  ComponentDependencies: z.record(z.string(), Dependency).optional(),
  Manifests: z.array(Manifest).min(1),
  Lifecycle: z.record(z.string(), z.unknown()).optional(),
});

export type Recipe = z.infer<typeof Recipe>;

/** YAML 1.2 has JSON within it, so that one parser reads both; aliases cannot make a document larger than its text. */
const parseText = (text: string): unknown => {
  try {
    return parseYaml(text, { maxAliasCount: 0 });
  } catch (error) {
    throw invalid(`Invalid Input: the recipe is neither JSON nor YAML: ${String(error)}`);
  }
};

/** What stands within a member of the format: its members' names, or those of its elements. */
interface Names {
  readonly [name: string]: Names | "any";
}

const NAMES: Names = {
  ...Object.fromEntries(Object.keys(Recipe.shape).map((name) => [name, "any"] as const)),
  ComponentConfiguration: { DefaultConfiguration: "any" },
  ComponentDependencies: { "*": { VersionRequirement: "any", DependencyType: "any" } },
  Manifests: {
    "*": {
      Name: "any",
      Platform: "any",
      Lifecycle: "any",
      Selections: "any",
      Artifacts: {
        "*": {
          Uri: "any",
          Unarchive: "any",
          Permission: { Read: "any", Execute: "any" },
          Digest: "any",
          Algorithm: "any",
        },
      },
    },
  },
};

/**
 * With the names as the service gives them, since it takes them in any case (`URI` as well as `Uri`); of lifecycles,
 * platforms and configurations they stay as they are.
 * https://github.com/aws-greengrass/aws-greengrass-component-common/blob/main/src/main/java/com/amazon/aws/iot/greengrass/component/common/SerializerFactory.java
 * https://github.com/aws-greengrass/aws-greengrass-gdk-cli/issues/142
 */
const withServiceNames = (value: unknown, names: Names | "any"): unknown => {
  if (names === "any" || typeof value !== "object" || value === null) return value;
  const { "*": each } = names;
  if (Array.isArray(value)) return value.map((element) => withServiceNames(element, each ?? "any"));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const known = Object.keys(names).find((one) => one.toLowerCase() === name.toLowerCase());
      return [known ?? name, withServiceNames(inner, each ?? names[known ?? ""] ?? "any")];
    }),
  );
};

/** @throws ValidationException (400) for what is too long, cannot be read, or is not a recipe. */
export const readRecipe = (bytes: Uint8Array): Recipe => {
  if (bytes.length > MAX_RECIPE_BYTES)
    throw invalid(`Invalid Input: the recipe has ${bytes.length} bytes; at most ${MAX_RECIPE_BYTES} are allowed`);
  const result = Recipe.safeParse(withServiceNames(parseText(new TextDecoder().decode(bytes)), NAMES));
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join(".") || "recipe"}: ${message}`);
  throw invalid(`Invalid Input: Encountered following errors in the recipe: {${issues.join(", ")}}`);
};

/** The artifacts that Greengrass copies and digests: those in S3. */
export const s3Uris = (recipe: Recipe): string[] => {
  const uris = recipe.Manifests.flatMap(({ Artifacts = [] }) => Artifacts.map(({ Uri }) => Uri));
  return [...new Set(uris.filter((uri) => uri.startsWith("s3://")))];
};

/** The recipe with the digests of its artifacts, as the service stores it. */
export const withDigests = (recipe: Recipe, digests: ReadonlyMap<string, string>): Recipe => ({
  ...recipe,
  Manifests: recipe.Manifests.map((manifest) => {
    if (manifest.Artifacts === undefined) return manifest;
    const artifacts = manifest.Artifacts.map((artifact) => {
      const digest = digests.get(artifact.Uri);
      return digest === undefined ? artifact : { ...artifact, Digest: digest, Algorithm: "SHA-256" as const };
    });
    return { ...manifest, Artifacts: artifacts };
  }),
});

/** The recipe as `GetComponent` answers it. */
export const writeRecipe = (recipe: Recipe, format: "JSON" | "YAML"): Uint8Array =>
  new TextEncoder().encode(format === "YAML" ? stringifyYaml(recipe) : JSON.stringify(recipe));

/** A manifest's platform as the API shows it: its attributes that are text. */
export const platforms = (recipe: Recipe): { name?: string | undefined; attributes: Record<string, string> }[] =>
  recipe.Manifests.filter((manifest) => manifest.Platform !== undefined).map(({ Name, Platform = {} }) => ({
    name: Name,
    attributes: Object.fromEntries(
      Object.entries(Platform).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    ),
  }));
