import * as z from "zod";
import { CreateComponent } from "../component/component.ts";
import { ArtifactPath, CreateFile, clashesOf, MAX_FILE_BYTES, MAX_FILES } from "../component/file.ts";
import { CreateVersion } from "../component/version.ts";
import { AppError, type Finding } from "../problems.ts";
import { refused } from "../read-json.ts";

/** Where in a workspace's bucket people and tools put what is to be published. */
export const DROP = "drop/";
export const MANIFEST = "slipway.json";
/** What came of a push, beside its manifest. */
export const RESULT = "slipway.result.json";
/** Of a manifest, and of an event's detail: it is kept in one item of the table, which takes 400 KB. */
export const MAX_MANIFEST_BYTES = 128 * 1024;
/** What is dropped and not published goes after so many days. */
export const DROP_DAYS = 7;

const FOLDER = /^[^/\p{Cc}]{1,128}$/u;

/** The folder of a manifest by its key, `drop/{name}/slipway.json`: the prefix of what lies beside it. */
export const folderOfManifest = (key: string): string | undefined => {
  const [drop, name = "", file, ...deeper] = key.split("/");
  const isManifest = `${drop}/` === DROP && FOLDER.test(name) && file === MANIFEST && deeper.length === 0;
  return isManifest ? folderNamed(name) : undefined;
};

/** The prefix of a folder below `drop/` by its name. */
export const folderNamed = (name: string): string => `${DROP}${name}/`;

/** Where a file that lies beside the manifest goes in the version. */
export const artifactPathOf = (path: string): string => `dist/${path}`.normalize("NFC");

/** A path beside the manifest: one that the version can have below `dist/`. */
const PushedPath = z.string().check(({ value, issues }) => {
  for (const { message } of ArtifactPath.safeParse(`dist/${value}`).error?.issues ?? []) {
    issues.push({ code: "custom", message, input: value });
  }
  if (value === MANIFEST || value === RESULT) {
    issues.push({ code: "custom", message: `${value} is no file of the version`, input: value });
  }
});

const PushedFile = z.strictObject({
  path: PushedPath,
  size: CreateFile.shape.size,
  sha256: CreateFile.shape.sha256,
});
export type PushedFile = z.infer<typeof PushedFile>;

/** What a version is made of, in the members and the bounds of the API. */
const { version, description, recipe, recipeText } = CreateVersion.shape;
const shape = {
  component: CreateComponent.shape.name,
  version,
  description,
  recipe,
  recipeText,
  /** A recipe of one's own beside the manifest, which is no file of the version. */
  recipeFile: PushedPath.regex(/\.(?:json|ya?ml)$/i, "must end with .json, .yaml or .yml").optional(),
  /** The files of the version; without it, all that lie beside the manifest. */
  files: z.array(PushedFile).max(MAX_FILES).optional(),
  publish: z.boolean().default(true),
};

interface Recipes {
  readonly recipe?: unknown;
  readonly recipeText?: unknown;
  readonly recipeFile?: unknown;
}
const oneRecipe = ({ recipe, recipeText, recipeFile }: Recipes): boolean =>
  [recipe, recipeText, recipeFile].filter((given) => given !== undefined).length === 1;
const ONE_RECIPE = { error: "one of recipe, recipeText and recipeFile must be there", path: ["recipe"] };

/** `slipway.json`. */
export const PushManifest = z.strictObject(shape).refine(oneRecipe, ONE_RECIPE);
export type PushManifest = z.infer<typeof PushManifest>;

/** The detail of an event that asks for a push: a manifest, the workspace, and where its files lie. */
export const PushRequest = z
  .strictObject({
    ...shape,
    /** Name or id. */
    workspace: z.string().min(1).max(64),
    /** Name of the folder below `drop/` in the workspace's bucket. */
    folder: z.string().regex(FOLDER, "1 to 128 characters, none of them '/' or a control character").optional(),
  })
  .refine(oneRecipe, ONE_RECIPE)
  .refine(({ folder, recipeFile, files = [] }) => folder !== undefined || (!recipeFile && files.length === 0), {
    error: "must be there, since files are named",
    path: ["folder"],
  });

/** An object in a folder of `drop/`. */
export interface Dropped {
  /** Below the folder. */
  readonly path: string;
  readonly size: number;
  readonly etag: string;
}

/** A file that a version is to get. */
export interface WantedFile {
  /** In the version. */
  readonly path: string;
  /** Of what was dropped. */
  readonly from: Dropped;
  /** Hexadecimal, where the manifest says it. */
  readonly sha256?: string;
}

const inside = ({ path }: Dropped): boolean => path !== MANIFEST && path !== RESULT && !path.endsWith("/");

const pathFindings = (path: string, index: number): Finding[] =>
  (ArtifactPath.safeParse(artifactPathOf(path)).error?.issues ?? []).map(({ message }) => ({
    pointer: "/files",
    rule: "path",
    detail: `file ${index + 1} of the folder, ${path}: ${message}`,
  }));

/**
 * The files that a version gets: those that the manifest lists, or all that lie beside it.
 * @param dropped what is in the folder
 * @throws AppError `version-too-large`, `invalid-request`, `artifact-missing`, `artifact-mismatch`, with all findings
 */
export const wantedFiles = (
  { files, recipeFile }: { readonly files?: PushManifest["files"]; readonly recipeFile?: string | undefined },
  dropped: readonly Dropped[],
): WantedFile[] => {
  const there = new Map(dropped.filter(inside).map((one) => [one.path, one]));
  const taken = [...there.values()].filter(({ path }) => path !== recipeFile);
  if (files === undefined && taken.length > MAX_FILES) {
    throw new AppError("version-too-large", `there are ${taken.length} files; at most ${MAX_FILES} are taken`);
  }
  const wanted: readonly { path: string; size: number; sha256?: string }[] = files ?? taken;
  const bad = [
    ...(files === undefined ? taken.flatMap(({ path }, index) => pathFindings(path, index)) : []),
    ...clashesOf(wanted.map(({ path }) => artifactPathOf(path))).map(({ index, rule, detail }) => ({
      pointer: files === undefined ? "/files" : `/files/${index}/path`,
      rule,
      detail,
    })),
  ];
  if (bad.length > 0) throw refused("the manifest", bad);
  const bytes = wanted.reduce((sum, { size }) => sum + size, 0);
  if (bytes > MAX_FILE_BYTES) {
    throw new AppError("version-too-large", `the files have ${bytes} bytes; at most ${MAX_FILE_BYTES} are taken`);
  }
  const missing = wanted.flatMap(({ path }, index): Finding[] =>
    there.has(path)
      ? []
      : [{ pointer: `/files/${index}/path`, rule: "artifact-missing", detail: `${path} is not beside the manifest` }],
  );
  if (missing.length > 0) throw new AppError("artifact-missing", missing[0]?.detail ?? "", { findings: missing });
  const other = wanted.flatMap(({ path, size }, index): Finding[] => {
    const found = there.get(path)?.size;
    if (found === size) return [];
    const detail = `${path} has ${found} bytes; ${size} were declared`;
    return [{ pointer: `/files/${index}/size`, rule: "artifact-mismatch", detail }];
  });
  if (other.length > 0) throw new AppError("artifact-mismatch", other[0]?.detail ?? "", { findings: other });
  return wanted.map(({ path, sha256 }) => ({
    path: artifactPathOf(path),
    from: there.get(path) as Dropped,
    ...(sha256 !== undefined && { sha256 }),
  }));
};
