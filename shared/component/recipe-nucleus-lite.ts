import type { RecipeRule, Report } from "./recipe-findings.ts";
import type { Found, StepName } from "./recipe-lifecycle.ts";
import type { Member } from "./recipe-members.ts";
import { type FoundManifest, selectorsOf } from "./recipe-platforms.ts";
import { valuesOf, variablesIn } from "./recipe-variables.ts";
import type { ComponentType } from "./short-form.ts";

/** `file_mem` in https://github.com/aws-greengrass/aws-greengrass-lite/blob/main/modules/ggl-recipe/src/recipe.c */
const MAX_BYTES = 8_196;
/** `escape_contents` in https://github.com/aws-greengrass/aws-greengrass-lite/blob/main/modules/recipe-runner/src/runner.c */
const MAX_VARIABLE = 256;
/** Seen with a core device: a longer value of a configuration fails its deployment. */
const MAX_CONFIGURATION_BYTES = 1_024;

interface Scene {
  readonly type: ComponentType;
  readonly bytes: number;
  readonly manifests: readonly FoundManifest[];
  readonly globalLifecycle: Found | undefined;
  readonly configuration: Member;
  readonly pointers: { readonly ComponentType?: Member | undefined; readonly Manifests?: Member | undefined };
}

/**
 * What nucleus lite does not take of a recipe, as warnings. A recipe that is not for it has one that says so.
 * https://github.com/aws-greengrass/aws-greengrass-lite/blob/main/docs/RECIPE_SUPPORT_CHANGES.md
 */
export const checkForLite = (scene: Scene, report: Report): void => {
  const warn = (rule: RecipeRule, pointer: string, detail: string, hint: string) => {
    report("warning", rule, pointer, detail, hint);
  };
  const { type, bytes, manifests, globalLifecycle, configuration, pointers } = scene;
  if (type !== "aws.greengrass.generic") {
    const detail = "nucleus lite runs generic components alone";
    warn("nucleus-lite-type", pointers.ComponentType?.pointer ?? "", detail, "Deploy it to the classic nucleus.");
    return;
  }
  const forLite = manifests.filter(isForLite);
  if (forLite.length === 0) {
    const hint = 'Say `runtime: "*"` in a Platform for linux, if devices with it are to have the component.';
    warn("nucleus-lite-platform", pointers.Manifests?.pointer ?? "", "no manifest is for nucleus lite", hint);
    return;
  }
  for (const manifest of forLite) checkPlatform(manifest, warn);
  for (const { lifecycle } of forLite) checkLifecycle(lifecycle, warn);
  if (forLite.some(({ lifecycle }) => lifecycle === undefined || lifecycle.empty)) {
    checkSelected(globalLifecycle, warn);
    checkLifecycle(globalLifecycle, warn);
  }
  if (bytes > MAX_BYTES) {
    const hint = "Put what is long into an artifact.";
    warn("nucleus-lite-size", "", `nucleus lite reads recipes of up to ${MAX_BYTES} bytes; it has ${bytes}`, hint);
  }
  for (const { value, pointer } of valuesOf(configuration)) {
    if (new TextEncoder().encode(JSON.stringify(value)).length <= MAX_CONFIGURATION_BYTES) continue;
    const detail = `nucleus lite takes values of up to ${MAX_CONFIGURATION_BYTES} bytes of JSON`;
    warn("nucleus-lite-configuration", pointer, detail, "Put it into an artifact.");
  }
};

type Warn = (rule: RecipeRule, pointer: string, detail: string, hint: string) => void;

const isForLite = ({ platform }: FoundManifest): boolean => {
  const selectors = selectorsOf(platform);
  const runtime = selectors.get("runtime");
  const os = selectors.get("os") ?? "*";
  return (
    (runtime === "*" || runtime === "aws_nucleus_lite" || isExpression(runtime)) &&
    (["linux", "*", "all"].includes(os) || isExpression(os))
  );
};

const isExpression = (value: string | undefined): boolean => value?.startsWith("/") ?? false;

const checkPlatform = ({ platform, pointer }: FoundManifest, warn: Warn): void => {
  for (const [name, value] of selectorsOf(platform)) {
    if (!isExpression(value)) continue;
    const hint = "Write a manifest for each value.";
    warn("nucleus-lite-platform", `${pointer}/Platform/${name}`, "nucleus lite has no regular expressions here", hint);
  }
};

const UNSUPPORTED: Partial<Record<StepName, string>> = {
  shutdown: "nucleus lite does not run shutdown",
  recover: "nucleus lite does not run recover",
  bootstrap: "nucleus lite runs bootstrap in part",
};

const checkLifecycle = (lifecycle: Found | undefined, warn: Warn): void => {
  if (lifecycle === undefined) return;
  for (const { step, pointer } of lifecycle.steps) {
    const detail = UNSUPPORTED[step];
    if (detail === undefined) continue;
    const hint = "See that the component works without it, or deploy it to the classic nucleus.";
    warn("nucleus-lite-step", pointer, detail, hint);
  }
  for (const pointer of lifecycle.skipIfs) {
    warn("nucleus-lite-skip-if", pointer, "nucleus lite runs the step all the same", "Check it in the script.");
  }
  for (const { pointer, name, wanted } of lifecycle.misspelt) {
    const detail = `nucleus lite does not find ${name}: it tells upper from lower case`;
    warn("nucleus-lite-case", pointer, detail, `Write ${wanted}.`);
  }
  for (const { name, value, pointer } of lifecycle.environment) {
    if (typeof value === "string" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    const hint = "Take letters, digits and '_' for the name, and a text for the value.";
    warn("nucleus-lite-environment", pointer, "nucleus lite does not take this variable", hint);
  }
  for (const { text, pointer } of lifecycle.texts) checkText(text, pointer, warn);
};

/** Nucleus lite takes each opening brace for the start of a variable, and fails where it is none of those it has. */
const checkText = (text: string, pointer: string, warn: Warn): void => {
  const variables = variablesIn(text);
  for (const { written, component } of variables) {
    if (component !== undefined) {
      const hint = "Pass it on by the configuration.";
      warn("nucleus-lite-variable", pointer, `nucleus lite has no variables of dependencies: ${written}`, hint);
    } else if (written.length - 2 > MAX_VARIABLE) {
      const detail = `nucleus lite takes variables of up to ${MAX_VARIABLE} characters`;
      warn("nucleus-lite-variable", pointer, detail, "Take a shorter pointer.");
    }
  }
  if (text.split("{").length - 1 > variables.length) {
    const detail = "nucleus lite takes every { for the start of a recipe variable, and fails where there is none";
    warn("nucleus-lite-variable", pointer, detail, "Put the script into an artifact.");
  }
};

/** Of the global lifecycle nucleus lite reads what is under the keys `all` and `linux`. */
const checkSelected = (lifecycle: Found | undefined, warn: Warn): void => {
  if (lifecycle === undefined || lifecycle.empty) return;
  if (["all", "linux"].some((key) => lifecycle.selections.has(key))) return;
  const hint = "Put the steps under `all`, or into the manifests.";
  const detail = "of the global lifecycle nucleus lite reads what is under `all` or `linux`";
  warn("nucleus-lite-selection", lifecycle.pointer, detail, hint);
};
