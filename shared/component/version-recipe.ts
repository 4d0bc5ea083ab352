import { memberInAnyCase } from "../json.ts";
import { AppError } from "../problems.ts";
import type { StoredWorkspace } from "../workspace/workspace.ts";
import { build, filesOf } from "./build-recipe.ts";
import type { StoredComponent } from "./component.ts";
import { ARTIFACTS_FOLDER, artifactKey, bytesOf, type RecipeText } from "./recipe.ts";
import { lineAndColumn, type ParsedRecipe, parseRecipe, printRecipe, withValues } from "./recipe-document.ts";
import type { RecipeFinding } from "./recipe-findings.ts";
import { isObject } from "./recipe-members.ts";
import { ComponentType, type ShortRecipe } from "./short-form.ts";
import { type RecipeContext, validateRecipe } from "./validate-recipe.ts";
import type { StoredVersion } from "./version.ts";

/** A recipe in the form that it was given in: the short form, or a text of one's own. */
export interface GivenRecipe {
  readonly recipe?: ShortRecipe | undefined;
  readonly recipeText?: RecipeText | undefined;
}

/** What a version is, beside its recipe. */
export interface About {
  readonly name: string;
  readonly version: string;
  readonly publisher?: string | undefined;
  readonly description?: string | undefined;
  /** The workspace's. */
  readonly bucket: string;
}

/** What stands in a version's recipe beside what was given for it. */
export const aboutVersion = (
  { bucket }: Pick<StoredWorkspace, "bucket">,
  component: StoredComponent,
  version: StoredVersion,
): About => ({
  name: component.name,
  version: version.version,
  publisher: component.publisher,
  description: version.description ?? component.description,
  bucket,
});

/** What is known around a version: see {@link RecipeContext}. */
export interface Known extends Pick<RecipeContext, "files" | "dependencies"> {
  /** The one of the files that is Slipway's package of the sources, as `filesToBe` tells. */
  readonly packaged?: string | undefined;
}

export interface ReadRecipe {
  /** As Greengrass gets it; undefined where it could not be read. */
  readonly text: string | undefined;
  /** The same as plain JSON. */
  readonly document: unknown;
  /** All that is wrong with it; they point into the form that was given. */
  readonly findings: readonly RecipeFinding[];
}

/** The recipe that a version is published with, and what is wrong with it. */
export const readRecipe = (given: GivenRecipe, about: About, known: Known = {}): ReadRecipe =>
  given.recipeText === undefined ? readShort(given.recipe, about, known) : readOwn(given.recipeText, about, known);

const readShort = (recipe: ShortRecipe | undefined, about: About, known: Known): ReadRecipe => {
  if (recipe === undefined) throw new RangeError("a version has a recipe in one of two forms");
  const { files, packaged } = known;
  const artifacts = (files ?? []).filter((path) => path.startsWith("dist/"));
  const built = build({ ...about, recipe, artifacts, packaged });
  const text = printRecipe(built.recipe, "json");
  const takesFolders = (recipe.manifests ?? [recipe]).some(
    ({ artifacts: chosen = recipe.artifacts }) =>
      chosen === undefined || chosen.some((choice) => "path" in choice && choice.path.endsWith("/")),
  );
  const artifactsToCome = files === undefined && takesFolders;
  const findings = validateRecipe(built.recipe, bytesOf(text), { ...about, ...known, artifactsToCome });
  return {
    text,
    document: built.recipe,
    findings: [
      ...findings.map((finding) => ({ ...finding, pointer: built.toShortForm(finding.pointer) })),
      ...(files === undefined ? [] : emptyFolders(recipe, artifacts)),
    ],
  };
};

/** Folders of artifacts in which there is no file. */
const emptyFolders = (recipe: ShortRecipe, files: readonly string[]): RecipeFinding[] => {
  const parts = [
    { at: "/artifacts", choices: recipe.artifacts },
    ...(recipe.manifests ?? []).map(({ artifacts }, index) => ({
      at: `/manifests/${index}/artifacts`,
      choices: artifacts,
    })),
  ];
  return parts.flatMap(({ at, choices = [] }) =>
    choices.flatMap((choice, index): RecipeFinding[] => {
      if ("docker" in choice || filesOf(choice.path, files).length > 0) return [];
      return [
        {
          pointer: `${at}/${index}/path`,
          rule: "artifact-missing",
          severity: "error",
          detail: `the version has no file in ${choice.path}`,
          hint: "Add files, or leave this out.",
        },
      ];
    }),
  );
};

const readOwn = (given: RecipeText, about: About, known: Known): ReadRecipe => {
  const parsed = parseRecipe(given);
  const located = (findings: readonly RecipeFinding[]) =>
    findings.map((finding) => ({ ...finding, ...lineAndColumn(given.text, parsed.places, finding.pointer) }));
  if (parsed.document === undefined) {
    return { text: undefined, document: undefined, findings: located(parsed.findings) };
  }
  const { text, format } = withValues(given, standIns(parsed, about));
  const { document, findings: unreadable } = parseRecipe({ text, format });
  if (document === undefined) return { text: undefined, document, findings: located(unreadable) };
  return { text, document, findings: located(validateRecipe(document, bytesOf(text), { ...about, ...known })) };
};

const FOLDER = ARTIFACTS_FOLDER;

const folderOf = ({ bucket, name, version }: Pick<About, "bucket" | "name" | "version">): string =>
  `s3://${bucket}/${artifactKey(name, version, "dist/")}`;

/**
 * What takes the place of placeholders, by pointer.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/publish-components.html
 */
const standIns = ({ document, places }: ParsedRecipe, about: About): Map<string, string> => {
  const whole: Readonly<Record<string, [placeholder: string, value: string]>> = {
    "/componentname": ["{COMPONENT_NAME}", about.name],
    "/componentversion": ["{COMPONENT_VERSION}", about.version],
    "/componentpublisher": ["{COMPONENT_AUTHOR}", about.publisher ?? about.name],
  };
  return replacements(document, places, (pointer, value) => {
    const [placeholder, known] = whole[pointer.toLowerCase()] ?? [];
    if (value === placeholder) return known;
    return isUri(pointer) && value.startsWith(FOLDER) ? folderOf(about) + value.slice(FOLDER.length) : undefined;
  });
};

const isUri = (pointer: string): boolean => /^\/Manifests\/\d+\/Artifacts\/\d+\/Uri$/i.test(pointer);

const replacements = (
  document: unknown,
  places: ParsedRecipe["places"],
  replace: (pointer: string, value: string) => string | undefined,
): Map<string, string> =>
  new Map(
    [...places.keys()].flatMap((pointer) => {
      const value = valueAt(document, pointer);
      const other = typeof value === "string" ? replace(pointer, value) : undefined;
      return other === undefined ? [] : [[pointer, other] as const];
    }),
  );

const valueAt = (document: unknown, pointer: string): unknown =>
  pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], document);

/**
 * A version's recipe for another version of its component: in a text of one's own, its version and the URIs of its own
 * artifacts become the other's; the rest stays byte for byte.
 */
export const cloneRecipe = (source: GivenRecipe & About, version: string): GivenRecipe => {
  const { recipe, recipeText } = source;
  if (recipeText === undefined) return { recipe };
  const { document, places } = parseRecipe(recipeText);
  const [former, next] = [folderOf(source), folderOf({ ...source, version })];
  const values = replacements(document, places, (pointer, value) => {
    if (pointer.toLowerCase() === "/componentversion" && value === source.version) return version;
    return isUri(pointer) && value.startsWith(former) ? next + value.slice(former.length) : undefined;
  });
  return { recipeText: withValues(recipeText, values) };
};

/** A version's recipe as it is, but that its own artifacts are told by their placeholders: what two versions can share. */
export const portableRecipe = (document: unknown, about: About): unknown => {
  const folder = folderOf(about);
  const portable = (value: unknown): unknown => {
    if (typeof value === "string") return value.startsWith(folder) ? FOLDER + value.slice(folder.length) : value;
    if (Array.isArray(value)) return value.map(portable);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, portable(inner)]));
  };
  return portable(document);
};

/**
 * The recipe for the Greengrass Development Kit, with the placeholders that it fills in. Artifacts are told by their file
 * names alone, since it uploads them so; a text of one's own stays as it is otherwise.
 */
export const portableText = (given: GivenRecipe, about: About, known: Known): RecipeText => {
  const { document, text } = readRecipe(given, about, known);
  const own: RecipeText = given.recipeText ?? { format: "json", text: `${JSON.stringify(document, null, 2)}\n` };
  if (text === undefined) return own;
  const parsed = parseRecipe(own);
  const folder = folderOf(about);
  const values = replacements(parsed.document, parsed.places, (pointer, value) => {
    if (pointer.toLowerCase() === "/componentname") return "{COMPONENT_NAME}";
    if (pointer.toLowerCase() === "/componentversion") return "{COMPONENT_VERSION}";
    const isOwn = isUri(pointer) && (value.startsWith(folder) || value.startsWith(FOLDER));
    return isOwn ? FOLDER + value.slice(value.lastIndexOf("/") + 1) : undefined;
  });
  return withValues(own, values);
};

/** What a version keeps of a recipe. */
export interface KeptRecipe extends GivenRecipe {
  /** A text of one's own as it was read, placeholders and all. */
  readonly document?: Record<string, unknown> | undefined;
  readonly componentType: ComponentType;
}

/**
 * A recipe that may be a draft's: files and other components may still be missing, all else must be in order.
 * @throws AppError `invalid-recipe` with all findings, also the warnings
 */
export const acceptRecipe = (given: GivenRecipe, about: About): KeptRecipe => {
  const { document, findings } = readRecipe(given, about);
  refuseErrors(findings, given.recipeText === undefined ? "/recipe" : "/recipeText");
  const type = ComponentType.safeParse(memberInAnyCase(document, "ComponentType")).data ?? "aws.greengrass.generic";
  if (given.recipeText === undefined) return { recipe: given.recipe, componentType: type };
  const kept = parseRecipe(given.recipeText).document;
  return { recipeText: given.recipeText, document: kept as Record<string, unknown>, componentType: type };
};

/** @throws AppError `invalid-recipe` where one of the findings is an error */
export const refuseErrors = (findings: readonly RecipeFinding[], at: string): void => {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  const told = errors.slice(0, 3).map(({ pointer, detail }) => `${at}${pointer}: ${detail}`);
  const more = errors.length > told.length ? `; and ${errors.length - told.length} more` : "";
  throw new AppError("invalid-recipe", `the recipe is not valid: ${told.join("; ")}${more}`, {
    findings: findings.map((finding) => ({ ...finding, pointer: at + finding.pointer })),
  });
};

/** A member of a recipe by its documented name, whatever its case. */
export const memberOf = (document: unknown, name: string): unknown =>
  isObject(document)
    ? Object.entries(document).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
    : undefined;

/** The components that a recipe depends on, with the versions that it takes. */
export const dependenciesOf = (kept: Pick<KeptRecipe, "recipe" | "document">): ReadonlyMap<string, string> => {
  const short = Object.entries(kept.recipe?.dependencies ?? {});
  const own = memberInAnyCase(kept.document, "ComponentDependencies");
  return new Map([
    ...short.map(([name, wanted]) => [name, typeof wanted === "string" ? wanted : wanted.version] as const),
    ...(isObject(own) ? Object.entries(own) : []).map(
      ([name, wanted]) => [name, String(memberInAnyCase(wanted, "VersionRequirement"))] as const,
    ),
  ]);
};
