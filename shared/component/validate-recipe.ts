import validRange from "semver/ranges/valid.js";
import { isPublicName } from "../names.ts";
import { MAX_RECIPE_BYTES } from "./recipe.ts";
import { checkArtifacts, type FoundArtifact } from "./recipe-artifacts.ts";
import { cycleThrough } from "./recipe-cycles.ts";
import { collectFindings, type RecipeFinding, type Report } from "./recipe-findings.ts";
import { checkGlobalLifecycle, checkLifecycle, type Found } from "./recipe-lifecycle.ts";
import { allMembers, elementsOf, isObject, knownMembers, type Member, oneOf, textOf } from "./recipe-members.ts";
import { checkForLite } from "./recipe-nucleus-lite.ts";
import { checkPlatforms, type FoundManifest } from "./recipe-platforms.ts";
import { checkVariables } from "./recipe-variables.ts";
import { ComponentType } from "./short-form.ts";

/** What a recipe is for, and what is known of its surroundings. */
export interface RecipeContext {
  readonly name: string;
  readonly version: string;
  /** The workspace's bucket, where the version's files lie. */
  readonly bucket: string;
  /** Paths of the version's files; undefined while nobody knows them: then no artifact is missed. */
  readonly files?: readonly string[] | undefined;
  /** Whether artifacts are still to come, so that variables may refer to any. */
  readonly artifactsToCome?: boolean;
  /** Names of what components depend on, by name, as far as known; undefined where nobody looked. */
  readonly dependencies?: ReadonlyMap<string, readonly string[]> | undefined;
}

const TOP = [
  "RecipeFormatVersion",
  "ComponentName",
  "ComponentVersion",
  "ComponentDescription",
  "ComponentPublisher",
  "ComponentType",
  "ComponentSource",
  "ComponentConfiguration",
  "ComponentDependencies",
  "Manifests",
  "Lifecycle",
] as const;

/**
 * Everything that is wrong with a recipe as it would be published, at once; nothing where all is well. Findings point into
 * the document.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html
 * https://github.com/aws-greengrass/aws-greengrass-component-common (the classes that AWS reads recipes with)
 * @param bytes of the recipe's text
 */
export const validateRecipe = (document: unknown, bytes: number, context: RecipeContext): RecipeFinding[] => {
  const { findings, report } = collectFindings();
  if (bytes > MAX_RECIPE_BYTES) {
    const hint = `Greengrass takes ${MAX_RECIPE_BYTES}. Put what is long into a file below dist/.`;
    report("error", "too-large", "", `the recipe has ${bytes} bytes`, hint);
  }
  const root: Member = { value: document, pointer: "", name: "" };
  const top = knownMembers(root, TOP, report);
  if (!isObject(document)) return findings;
  for (const name of ["RecipeFormatVersion", "ComponentName", "ComponentVersion", "Manifests"] as const) {
    if (top[name] === undefined) report("error", "missing-member", "", `${name} is missing`, "Greengrass needs it.");
  }
  oneOf(top.RecipeFormatVersion, ["2020-01-25"], report);
  checkIdentity(top, context, report);
  for (const name of ["ComponentDescription", "ComponentPublisher", "ComponentSource"] as const)
    textOf(top[name], report);
  const type = checkType(top.ComponentType, report);
  const configuration = checkConfiguration(top.ComponentConfiguration, report);
  const dependencies = checkDependencies(top.ComponentDependencies, context, report);
  const globalLifecycle = top.Lifecycle && checkGlobalLifecycle(top.Lifecycle, report);
  const manifests = checkManifests(top.Manifests, context, globalLifecycle, report);
  checkDocker(manifests, dependencies, report);
  checkVariables({ manifests, globalLifecycle, configuration, dependencies, context }, report);
  checkForLite({ type, bytes, manifests, globalLifecycle, configuration, pointers: top }, report);
  return findings;
};

/** Version and name must be the version's own: Greengrass would publish another component otherwise. */
const checkIdentity = (top: Partial<Record<(typeof TOP)[number], Member>>, context: RecipeContext, report: Report) => {
  const name = textOf(top.ComponentName, report);
  if (name !== undefined && name !== context.name) {
    const hint = `Write ${context.name}, or {COMPONENT_NAME}.`;
    report("error", "component-name", top.ComponentName?.pointer ?? "", `it names ${name}`, hint);
  }
  const version = textOf(top.ComponentVersion, report);
  if (version !== undefined && version !== context.version) {
    const hint = `Write ${context.version}, or {COMPONENT_VERSION}.`;
    report("error", "component-version", top.ComponentVersion?.pointer ?? "", `it is ${version}`, hint);
  }
};

const checkType = (member: Member | undefined, report: Report): ComponentType => {
  const type = oneOf(member, ComponentType.options, report);
  if (member !== undefined && type !== undefined && type !== "aws.greengrass.generic") {
    const detail = `${type} is not meant to be asked for by a recipe`;
    const hint = "AWS sets the type of Lambda components, and uses the other types for its own. Leave it out.";
    report("warning", "component-type", member.pointer, detail, hint);
  }
  return type ?? "aws.greengrass.generic";
};

/** The default configuration; an empty one where there is none. */
const checkConfiguration = (member: Member | undefined, report: Report): Member => {
  const nothing = { value: {}, pointer: "", name: "" };
  if (member === undefined) return nothing;
  const { DefaultConfiguration: configuration } = knownMembers(member, ["DefaultConfiguration"], report);
  if (configuration === undefined) return nothing;
  allMembers(configuration, report);
  return configuration;
};

/** The dependencies by name, each as the member that says so. */
const checkDependencies = (member: Member | undefined, context: RecipeContext, report: Report): Map<string, Member> => {
  const found = new Map<string, Member>();
  for (const dependency of member === undefined ? [] : allMembers(member, report)) {
    const { name, pointer } = dependency;
    found.set(name, dependency);
    const { VersionRequirement: range, DependencyType: type } = knownMembers(
      dependency,
      ["VersionRequirement", "DependencyType"],
      report,
    );
    oneOf(type, ["HARD", "SOFT"], report);
    if (!/^[a-zA-Z0-9-_.]{1,128}$/.test(name)) {
      const hint = "Names have 1 to 128 of letters, digits, '-', '_' and '.'.";
      report("error", "value", pointer, "it is no component's name", hint);
    }
    if (name === context.name) {
      report("error", "self-dependency", pointer, `${name} depends on itself`, "Leave it out.");
    }
    if (range === undefined && isObject(dependency.value)) {
      report("error", "missing-member", pointer, "VersionRequirement is missing", "Take a range such as ^1.0.0.");
    }
    const text = textOf(range, report);
    if (range !== undefined && text !== undefined && (text.trim() === "" || validRange(text) === null)) {
      const hint = "Take a version or an npm-style range, such as ^1.0.0 or >=1.0.0 <3.0.0.";
      report(
        "error",
        "version-range",
        range.pointer,
        `${text === "" ? "nothing" : text} is no range of versions`,
        hint,
      );
    }
  }
  if (context.dependencies !== undefined) checkGraph(found, context.name, context.dependencies, report);
  return found;
};

const checkGraph = (
  found: ReadonlyMap<string, Member>,
  name: string,
  known: ReadonlyMap<string, readonly string[]>,
  report: Report,
) => {
  for (const [dependency, { pointer }] of found) {
    if (dependency === name) continue;
    if (!known.has(dependency) && !isPublicName(dependency)) {
      const hint = "It must be one of AWS's, or be published before this is deployed.";
      report(
        "warning",
        "unknown-dependency",
        pointer,
        `this workspace has no version of ${dependency} that fits`,
        hint,
      );
    }
    const cycle = cycleThrough(name, dependency, known);
    if (cycle !== undefined) {
      const hint = "Greengrass waits for dependencies before it starts a component. Break the circle.";
      report("error", "dependency-cycle", pointer, `dependencies go in a circle: ${cycle.join(" → ")}`, hint);
    }
  }
};

const checkManifests = (
  member: Member | undefined,
  context: RecipeContext,
  globalLifecycle: Found | undefined,
  report: Report,
): FoundManifest[] => {
  const elements = elementsOf(member, report);
  if (member !== undefined && Array.isArray(member.value) && elements.length === 0) {
    report(
      "error",
      "missing-member",
      member.pointer,
      "there is no manifest",
      "Devices install by a manifest. Write one.",
    );
  }
  const manifests = elements.map((element): FoundManifest => {
    const found = knownMembers(element, ["Name", "Platform", "Lifecycle", "Selections", "Artifacts"], report);
    textOf(found.Name, report);
    const artifacts: FoundArtifact[] = checkArtifacts(found.Artifacts, context, report);
    const lifecycle = found.Lifecycle && checkLifecycle(found.Lifecycle, report);
    checkSelections(found.Selections, lifecycle, globalLifecycle, report);
    return { pointer: element.pointer, platform: found.Platform, lifecycle, selections: found.Selections, artifacts };
  });
  checkPlatforms(manifests, report);
  return manifests;
};

const checkSelections = (
  member: Member | undefined,
  lifecycle: Found | undefined,
  globalLifecycle: Found | undefined,
  report: Report,
) => {
  if (member === undefined) return;
  if (lifecycle !== undefined && !lifecycle.empty) {
    const hint = "Leave out the selections, or the manifest's own lifecycle.";
    report(
      "warning",
      "unused-selections",
      member.pointer,
      "the manifest has a lifecycle, so they select nothing",
      hint,
    );
  }
  const elements = typeof member.value === "string" ? [member] : elementsOf(member, report);
  for (const element of elements) {
    const key = textOf(element, report);
    if (key === undefined || key === "all" || globalLifecycle?.selections.has(key)) continue;
    const hint = "Take `all`, or a key that the recipe's global Lifecycle has.";
    report("error", "unknown-selection", element.pointer, `nothing is to be selected by ${key}`, hint);
  }
};

/** https://docs.aws.amazon.com/greengrass/v2/developerguide/run-docker-container.html */
const checkDocker = (
  manifests: readonly FoundManifest[],
  dependencies: ReadonlyMap<string, Member>,
  report: Report,
) => {
  if (dependencies.has("aws.greengrass.DockerApplicationManager")) return;
  const image = manifests.flatMap(({ artifacts }) => artifacts).find(({ isImage }) => isImage);
  if (image === undefined) return;
  const hint =
    "Depend on aws.greengrass.DockerApplicationManager, and for private images on aws.greengrass.TokenExchangeService.";
  report("warning", "docker-dependency", image.pointer, "nothing that downloads images is depended on", hint);
};
