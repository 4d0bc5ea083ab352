import { pointerTo } from "../json.ts";
import type { FoundArtifact } from "./recipe-artifacts.ts";
import type { Report } from "./recipe-findings.ts";
import type { Found } from "./recipe-lifecycle.ts";
import { isObject, type Member } from "./recipe-members.ts";
import type { FoundManifest } from "./recipe-platforms.ts";
import type { RecipeContext } from "./validate-recipe.ts";

/**
 * As the classic nucleus finds variables: `{namespace:key}`, or `{component:namespace:key}` of a dependency.
 * https://github.com/aws-greengrass/aws-greengrass-nucleus/blob/main/src/main/java/com/aws/greengrass/componentmanager/KernelConfigResolver.java
 */
const VARIABLE = /\{(?:(?<component>[.\w-]+):)?(?<namespace>[.\w]+):(?<key>[^:{}]+)\}/g;

/** https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html#recipe-variables */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  artifacts: ["path", "decompressedPath"],
  work: ["path"],
  kernel: ["rootPath"],
  iot: ["thingName"],
};

export interface Variable {
  /** As it is written, with its braces. */
  readonly written: string;
  readonly component: string | undefined;
  readonly namespace: string;
  readonly key: string;
  /** The text that follows it. */
  readonly rest: string;
}

export const variablesIn = (text: string): Variable[] =>
  [...text.matchAll(VARIABLE)].map((match) => ({
    written: match[0],
    component: match.groups?.component,
    namespace: match.groups?.namespace ?? "",
    key: match.groups?.key ?? "",
    rest: text.slice(match.index + match[0].length),
  }));

interface Scene {
  readonly manifests: readonly FoundManifest[];
  readonly globalLifecycle: Found | undefined;
  readonly configuration: Member;
  readonly dependencies: ReadonlyMap<string, Member>;
  readonly context: RecipeContext;
}

/** Variables must be ones that Greengrass has, of this component or a direct dependency, and lead to something. */
export const checkVariables = (scene: Scene, report: Report): void => {
  for (const { lifecycle, artifacts } of scene.manifests) checkTexts(lifecycle, artifacts, scene, report);
  const selecting = scene.manifests.filter(({ lifecycle }) => lifecycle === undefined || lifecycle.empty);
  checkTexts(
    scene.globalLifecycle,
    selecting.flatMap(({ artifacts }) => artifacts),
    scene,
    report,
  );
};

const checkTexts = (
  lifecycle: Found | undefined,
  artifacts: readonly FoundArtifact[],
  scene: Scene,
  report: Report,
): void => {
  for (const { text, pointer } of lifecycle?.texts ?? []) {
    for (const variable of variablesIn(text)) checkVariable(variable, pointer, artifacts, scene, report);
  }
};

const checkVariable = (
  variable: Variable,
  pointer: string,
  artifacts: readonly FoundArtifact[],
  { configuration, dependencies, context }: Scene,
  report: Report,
): void => {
  const { written, component, namespace, key } = variable;
  const keys = Object.hasOwn(KEYS, namespace) ? KEYS[namespace] : undefined;
  if (keys === undefined && namespace !== "configuration") {
    const hint = `Greengrass leaves it as it is. Variables are of ${Object.keys(KEYS).join(", ")} and configuration.`;
    report("warning", "unknown-variable", pointer, `${written} is no variable of Greengrass`, hint);
    return;
  }
  if (keys !== undefined && !keys.includes(key)) {
    const hint = `Take one of ${keys.map((known) => `{${namespace}:${known}}`).join(", ")}.`;
    report("error", "unknown-variable", pointer, `${written} is no variable of Greengrass`, hint);
    return;
  }
  if (namespace === "configuration" && !key.startsWith("/")) {
    const hint = "JSON pointers start with a slash.";
    report("error", "unknown-variable", pointer, `${written} has no JSON pointer`, hint);
    return;
  }
  if (component !== undefined && component !== context.name) {
    if (dependencies.has(component)) return;
    const hint = `Variables reach direct dependencies alone. Add ${component} to them.`;
    report("error", "variable-dependency", pointer, `${written} is of no dependency`, hint);
    return;
  }
  if (namespace === "configuration" && !leadsSomewhere(configuration.value, key)) {
    const hint = "Greengrass leaves it as it is, unless a deployment sets it. Give it a default.";
    report("warning", "variable-configuration", pointer, `the default configuration has no ${key}`, hint);
  }
  if (namespace === "artifacts" && context.artifactsToCome !== true) checkPath(variable, pointer, artifacts, report);
};

const leadsSomewhere = (document: unknown, pointer: string): boolean => {
  let at: unknown = document;
  for (const part of pointer.slice(1).split("/")) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(at)) at = /^(?:0|[1-9]\d*)$/.test(name) ? at[Number(name)] : undefined;
    else at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
    if (at === undefined) return false;
  }
  return true;
};

/**
 * Artifacts lie in one folder, archives each in a folder of their names without the last extension. A path that goes on
 * with something of the shell's is known on the device alone.
 */
const checkPath = (
  { written, key, rest }: Variable,
  pointer: string,
  artifacts: readonly FoundArtifact[],
  report: Report,
): void => {
  const [, name = "", folder] = /^[/\\]([^\s/\\"'`;|&<>()[\]$*?{}:,]+)([/\\]?)(?![$*?{[`])/.exec(rest) ?? [];
  if (name === "") return;
  const files = artifacts.flatMap(({ fileName, isArchive }) =>
    fileName === undefined ? [] : [{ fileName, isArchive, unpacked: fileName.replace(/(.)\.[^.]*$/, "$1") }],
  );
  if (key === "path") {
    if (folder === "" && files.some(({ fileName }) => fileName === name)) return;
    const hint =
      folder === ""
        ? "Add it to the manifest's artifacts. Names are of files, without the folders below dist/."
        : "The artifacts of a manifest lie in one folder. Name the file alone, or unpack an archive.";
    report("error", "variable-artifact", pointer, `there is no artifact ${name}${folder} in ${written}`, hint);
  } else if (!files.some(({ isArchive, unpacked }) => isArchive && unpacked === name)) {
    const hint = "Archives unpack to a folder of their own name. Add one with Unarchive ZIP.";
    report("error", "variable-artifact", pointer, `no archive unpacks to ${name} in ${written}`, hint);
  }
};

/** The values of a configuration that are no objects, with their pointers. */
export const valuesOf = ({ value, pointer }: Member): { value: unknown; pointer: string }[] =>
  isObject(value)
    ? Object.entries(value).flatMap(([name, inner]) =>
        valuesOf({ name, value: inner, pointer: pointerTo(pointer, name) }),
      )
    : [{ value, pointer }];
