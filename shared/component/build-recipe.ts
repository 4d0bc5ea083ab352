import { pointerTo } from "../json.ts";
import { artifactKey } from "./recipe.ts";
import type { ShortArtifact, ShortRecipe, Step } from "./short-form.ts";

export interface RecipeSource {
  readonly name: string;
  readonly version: string;
  readonly publisher?: string | undefined;
  readonly description?: string | undefined;
  readonly recipe: ShortRecipe;
  readonly bucket: string;
  /** Paths below the version's prefix, such as `dist/main.sh`. */
  readonly artifacts: readonly string[];
  /** The one of them that is Slipway's package of the sources: a device unpacks it, unless the recipe says how it is taken. */
  readonly packaged?: string | undefined;
}

/** Where in the short form what stands in the recipe comes from: JSON pointers by JSON pointers. */
type Origins = Map<string, string>;

type Part = NonNullable<ShortRecipe["manifests"]>[number];

/**
 * The names as nucleus lite reads them, which AWS's page has as well by now; the classic nucleus takes any case.
 * https://github.com/aws-greengrass/aws-greengrass-lite/blob/main/docs/RECIPE_SUPPORT_CHANGES.md
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/create-first-component.html
 */
const STEPS = ["bootstrap", "install", "startup", "run", "shutdown"] as const;

/**
 * The Greengrass recipe of a version, RecipeFormatVersion 2020-01-25. The same input gives the same bytes, whatever the
 * order of its files. `Platform.runtime: "*"` lets nucleus lite take it too.
 */
export const buildRecipe = (source: RecipeSource): object => build(source).recipe;

/** The recipe, and to each pointer into it the one into the short form. */
export const build = (source: RecipeSource): { recipe: object; toShortForm: (pointer: string) => string } => {
  const { recipe: short } = source;
  const origins: Origins = new Map();
  const recipe = {
    RecipeFormatVersion: "2020-01-25",
    ComponentName: source.name,
    ComponentVersion: source.version,
    ComponentType: "aws.greengrass.generic",
    ...(source.description !== undefined && { ComponentDescription: source.description }),
    ComponentPublisher: source.publisher ?? source.name,
    ...(short.configuration !== undefined && {
      ComponentConfiguration: { DefaultConfiguration: short.configuration },
    }),
    ...(short.dependencies !== undefined && { ComponentDependencies: dependencies(short.dependencies, origins) }),
    Manifests: (short.manifests ?? [{}]).map((part, index) => manifest(source, part, index, origins)),
  };
  return { recipe, toShortForm: (pointer) => originOf(pointer, origins) };
};

const CONFIGURATION = "/ComponentConfiguration/DefaultConfiguration";

const originOf = (pointer: string, origins: Origins): string => {
  if (pointer.startsWith(CONFIGURATION)) return `/configuration${pointer.slice(CONFIGURATION.length)}`;
  if (pointer.startsWith("/ComponentConfiguration")) return "/configuration";
  for (let at = pointer; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const origin = origins.get(at);
    if (origin !== undefined) return origin;
  }
  return "";
};

const dependencies = (short: NonNullable<ShortRecipe["dependencies"]>, origins: Origins) => {
  origins.set("/ComponentDependencies", "/dependencies");
  return Object.fromEntries(
    Object.entries(short).map(([name, wanted]) => {
      const from = pointerTo("/dependencies", name);
      const at = pointerTo("/ComponentDependencies", name);
      origins.set(at, from);
      if (typeof wanted !== "string") origins.set(`${at}/VersionRequirement`, `${from}/version`);
      const { version, type } = typeof wanted === "string" ? { version: wanted, type: "HARD" as const } : wanted;
      // Nucleus lite joins components whose dependency says its type, and no others.
      return [name, { VersionRequirement: version, DependencyType: type }];
    }),
  );
};

const manifest = (source: RecipeSource, part: Part, index: number, origins: Origins) => {
  const { recipe: short } = source;
  const at = `/Manifests/${index}`;
  /** Where a member of this manifest is given: in its own part, or above all of them. */
  const given = <Name extends keyof Part>(name: Name): { value: Part[Name]; from: string } => {
    const own = short.manifests !== undefined && part[name] !== undefined;
    return own ? { value: part[name], from: `/manifests/${index}/${name}` } : { value: short[name], from: `/${name}` };
  };
  if (short.manifests !== undefined) origins.set(at, `/manifests/${index}`);
  const platform = given("platform");
  origins.set(`${at}/Platform`, platform.from);
  const { attributes, ...selectors } = platform.value ?? short.platform;
  const environment = given("environment");
  origins.set(`${at}/Lifecycle/Setenv`, environment.from);
  const steps = STEPS.flatMap((name) => {
    const { value, from } = given(name);
    if (value === undefined) return [];
    return [[name, step(value, `${at}/Lifecycle/${name}`, from, origins)] as const];
  });
  const chosen = given("artifacts");
  return {
    Platform: { ...attributes, runtime: "*", ...selectors },
    Lifecycle: {
      ...(environment.value !== undefined && { Setenv: environment.value }),
      ...Object.fromEntries(steps),
    },
    Artifacts: artifacts(source, chosen.value).map(({ index: choice, ...artifact }, position) => {
      origins.set(`${at}/Artifacts/${position}`, choice === undefined ? "" : `${chosen.from}/${choice}`);
      return artifact;
    }),
  };
};

const step = (given: Step, at: string, from: string, origins: Origins): object | string => {
  origins.set(at, from);
  if (typeof given === "string") return given;
  const { script, timeout, requiresPrivilege, environment, skipIf } = given;
  const members = {
    Script: ["script", script],
    RequiresPrivilege: ["requiresPrivilege", requiresPrivilege],
    Skipif: ["skipIf", skipIf],
    Timeout: ["timeout", timeout],
    Setenv: ["environment", environment],
  } as const;
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, [member, value]]) => {
      if (value === undefined) return [];
      origins.set(`${at}/${name}`, `${from}/${member}`);
      return [[name, value]];
    }),
  );
};

/** The files below `dist/` that a choice takes, in the order of their names. */
export const filesOf = (path: string, files: readonly string[]): string[] =>
  path.endsWith("/") ? files.filter((file) => file.startsWith(path)).sort() : [path];

const artifacts = (
  { bucket, name, version, artifacts: files, packaged }: RecipeSource,
  chosen: ShortArtifact[] | undefined,
) => {
  const uri = (path: string) => `s3://${bucket}/${artifactKey(name, version, path)}`;
  if (chosen === undefined) {
    return [...files].sort().map((path) => ({
      index: undefined,
      Uri: uri(path),
      Unarchive: path === packaged ? "ZIP" : "NONE",
      Permission: { Read: "OWNER", Execute: "OWNER" },
    }));
  }
  return chosen.flatMap((choice, index) => {
    if ("docker" in choice) return [{ index, Uri: `docker:${choice.docker}` }];
    const { path, unarchive, read, execute } = choice;
    const how = { Unarchive: unarchive, Permission: { Read: read, Execute: execute } };
    return filesOf(path, files).map((file) => ({ index, Uri: uri(file), ...how }));
  });
};
