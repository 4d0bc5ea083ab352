import * as z from "zod";
import { JsonObject } from "../../shared/json.ts";
import { valueAt } from "./configuration.ts";
import { DeploymentError } from "./errors.ts";
import type { Dependency, Resolved } from "./merge.ts";

/** https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html , as far as it is followed here */

/** A folder is named after each: the recipe reference lets a name be `..`, too. */
const ComponentName = z
  .string()
  .regex(/^[a-zA-Z0-9-_.]{1,128}$/)
  .refine((name) => !/^\.+$/.test(name) && name !== "__proto__");
const Version = z.string().regex(/^\d+\.\d+\.\d+(?:-[0-9a-zA-Z-.]+)?$/);

const Artifact = z.object({
  Uri: z.string(),
  Unarchive: z.enum(["NONE", "ZIP"]).default("NONE"),
  Digest: z.string().optional(),
  Algorithm: z.string().optional(),
  Permission: z.object({ Read: z.string().default("OWNER"), Execute: z.string().default("NONE") }).prefault({}),
});
export type Artifact = z.infer<typeof Artifact>;

/** An object whose members are named in any case: AWS and the Java nucleus take them so, nucleus lite's steps in lower case. */
const anyCase = <Shape extends z.ZodRawShape>(shape: Shape) => {
  const names = new Map(Object.keys(shape).map((name) => [name.toLowerCase(), name]));
  return z.preprocess((value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, of]) => [names.get(name.toLowerCase()) ?? name, of]));
  }, z.object(shape));
};

const Script = z.union([
  z.string().transform((script) => ({ script, timeoutSeconds: undefined, environment: {} })),
  anyCase({
    Script: z.string(),
    Timeout: z.number().positive().optional(),
    Setenv: z.record(z.string(), z.string()).default({}),
  }).transform(({ Script: script, Timeout, Setenv }) => ({ script, timeoutSeconds: Timeout, environment: Setenv })),
]);
export type Script = z.infer<typeof Script>;

const Lifecycle = anyCase({
  Setenv: z.record(z.string(), z.string()).default({}),
  Install: Script.optional(),
  Startup: Script.optional(),
  Run: Script.optional(),
  Shutdown: Script.optional(),
});
export type Lifecycle = z.infer<typeof Lifecycle>;

const Manifest = z.object({
  Platform: z.record(z.string(), z.string()).default({}),
  Lifecycle: Lifecycle.prefault({}),
  Artifacts: z.array(Artifact).default([]),
});

export const Recipe = z.object({
  ComponentName,
  ComponentVersion: Version,
  ComponentConfiguration: z.object({ DefaultConfiguration: JsonObject.optional() }).optional(),
  ComponentDependencies: z
    .record(
      ComponentName,
      z.object({
        VersionRequirement: z.string().default("*"),
        DependencyType: z
          .string()
          .transform((text) => text.toUpperCase())
          .pipe(z.enum(["HARD", "SOFT"]))
          .default("HARD"),
      }),
    )
    .default({}),
  Manifests: z.array(Manifest).default([]),
});
export type Recipe = z.infer<typeof Recipe>;

/** A component version as the cloud gave it, or as it is kept. */
export interface Component extends Resolved {
  readonly name: string;
  readonly arn: string;
  readonly recipe: Recipe;
}

/** @throws DeploymentError for what is no recipe of that component */
export const readRecipe = (text: string, name: string, version: string): Recipe => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DeploymentError(["RECIPE_PARSE_ERROR"], `The recipe of ${name} ${version} is not JSON`, { cause: error });
  }
  const parsed = Recipe.safeParse(value);
  if (!parsed.success)
    throw new DeploymentError(
      ["RECIPE_PARSE_ERROR"],
      `The recipe of ${name} ${version}: ${z.prettifyError(parsed.error)}`,
    );
  if (parsed.data.ComponentName !== name || parsed.data.ComponentVersion !== version)
    throw new DeploymentError(
      ["RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE"],
      `That is not the recipe of ${name} ${version}`,
    );
  return parsed.data;
};

export const dependenciesOf = ({ ComponentDependencies }: Recipe): Record<string, Dependency> =>
  Object.fromEntries(
    Object.entries(ComponentDependencies).map(([name, { VersionRequirement, DependencyType }]) => [
      name,
      { requirement: VersionRequirement, hard: DependencyType === "HARD" },
    ]),
  );

/** What recipes select manifests by, in their words. */
export const PLATFORM: Readonly<Record<string, string>> = {
  os: process.platform,
  architecture: { x64: "amd64", arm64: "aarch64" }[process.arch as string] ?? process.arch,
  runtime: "aws_nucleus_classic",
};

const isFor = (platform: Readonly<Record<string, string>>): boolean =>
  Object.entries({ runtime: "aws_nucleus_classic", ...platform }).every(([name, wanted]) => {
    const actual = PLATFORM[name];
    const expression = /^\/(.*)\/$/.exec(wanted)?.[1];
    if (wanted === "*") return true;
    return expression === undefined ? wanted === actual : new RegExp(`^(?:${expression})$`).test(actual ?? "");
  });

/** The first manifest that is for this device. @throws DeploymentError when there is none */
export const manifestOf = ({ ComponentName: name, Manifests }: Recipe): z.infer<typeof Manifest> => {
  const found = Manifests.find(({ Platform }) => isFor(Platform));
  if (found === undefined && Manifests.length > 0)
    throw new DeploymentError(["RECIPE_MISSING_MANIFEST"], `${name} has no manifest for ${JSON.stringify(PLATFORM)}`);
  return found ?? Manifest.parse({});
};

/** What a script's variables stand for. */
export interface Variables {
  readonly artifacts: string;
  readonly decompressed: string;
  readonly work: string;
  readonly root: string;
  readonly thing: string;
  readonly configuration: unknown;
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/**
 * A script with its variables' values. A variable that has none, or that is not known, stays as it is written.
 * @param of the variables of a component, for `{component:artifacts:path}`; undefined for one that is not there
 */
export const interpolate = (script: string, own: Variables, of: (component: string) => Variables | undefined): string =>
  script.replace(
    /\{(?:([a-zA-Z0-9-_.]+):)?(artifacts|work|kernel|iot|configuration):([^{}]*)\}/g,
    (text, component: string | undefined, namespace: string, key: string) => {
      const variables = component === undefined ? own : of(component);
      if (variables === undefined) return text;
      const values: Readonly<Record<string, unknown>> = {
        "artifacts:path": variables.artifacts,
        "artifacts:decompressedPath": variables.decompressed,
        "work:path": variables.work,
        "kernel:rootPath": variables.root,
        "iot:thingName": variables.thing,
      };
      const value =
        namespace === "configuration" ? valueAt(variables.configuration, key) : values[`${namespace}:${key}`];
      return value === undefined ? text : textOf(value);
    },
  );
