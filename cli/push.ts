import { existsSync, lstatSync, type Stats } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { ProblemError, type Schemas, type Slipway } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { type Connection, connect, type WaitOptions, waited } from "./connect.ts";
import { CliError } from "./failures.ts";
import { structured } from "./input.ts";
import { interrupted } from "./interrupted.ts";
import { note } from "./output.ts";
import { bytesText, progress } from "./progress.ts";
import { printOne } from "./run.ts";
import { type HashedFile, hashed, type Sending, sendFile } from "./upload.ts";

export interface PushOptions extends CommonOptions, WaitOptions {
  readonly component?: string;
  readonly version?: string;
  readonly recipe?: string;
  readonly keep?: true;
  readonly publish?: true;
}

/** A file of a version: its path there, and what it is here. */
type VersionFile = HashedFile & { readonly path: string };

const RECIPES = ["recipe.yaml", "recipe.yml", "recipe.json"];
const AT_A_TIME = 4;
const AGAIN = "Run the same command again: what has come is not sent again.";

/**
 * Does a few at a time. After the first failure none is begun any more, and those under way are broken off by their signal.
 * @throws that failure, once none is under way
 */
export const each = async <T>(
  all: readonly T[],
  work: (one: T, signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const failed = new AbortController();
  const signal = AbortSignal.any([interrupted.signal, failed.signal]);
  const queue = all.values();
  const worker = async (): Promise<void> => {
    for (const one of queue) {
      if (failed.signal.aborted) return;
      await work(one, signal).catch((error: unknown) => failed.abort(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, all.length) }, worker));
  failed.signal.throwIfAborted();
};

const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** What a link leads to. @throws CliError where that is nothing */
const target = async (link: string): Promise<Stats> => {
  try {
    return await stat(link);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError("usage", `${link} is a link that leads nowhere: ${code}`, "Correct or remove it.");
  }
};

/**
 * The files below a folder. Links are followed, wherever they lead: devices get what is behind them. What version control
 * keeps for itself is left out.
 * @param above the real paths of the folders around it
 * @throws CliError for a link to nothing, or to a folder that it is in
 */
const filesBelow = async (folder: string, above: readonly string[] = []): Promise<string[]> => {
  await target(folder);
  const real = await realpath(folder);
  if (above.some((one) => relative(real, one).split(sep)[0] !== "..")) {
    throw new CliError("usage", `${folder} is a link to a folder that it is in`, "Remove it.");
  }
  const files: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name === ".git") continue;
    const path = join(folder, entry.name);
    const what = entry.isSymbolicLink() ? await target(path) : entry;
    if (what.isDirectory()) files.push(...(await filesBelow(path, [...above, real])));
    else if (what.isFile()) files.push(path);
    else throw new CliError("usage", `${path} is neither a file nor a folder`, "Remove it.");
  }
  return files;
};

/** With folders `src` or `dist`, those; otherwise all is what devices download. */
const versionPaths = async (folder: string): Promise<{ path: string; file: string }[]> => {
  const parts = ["src", "dist"].filter((part) => isThere(join(folder, part)));
  const all =
    parts.length === 0 ? [["dist", folder] as const] : parts.map((part) => [part, join(folder, part)] as const);
  const found = await Promise.all(
    all.map(async ([part, from]) =>
      (await filesBelow(from))
        .map((file) => relative(from, file))
        .filter((path) => parts.length > 0 || !RECIPES.includes(path))
        .map((path) => ({ path: `${part}/${path.split(sep).join("/")}`, file: join(from, path) })),
    ),
  );
  return found.flat();
};

interface Recipe {
  readonly text: string;
  readonly format: "json" | "yaml";
  readonly document: Readonly<Record<string, unknown>>;
}

const recipeOf = async (folder: string, given: string | undefined): Promise<Recipe | undefined> => {
  const file = given ?? RECIPES.map((name) => join(folder, name)).find(isThere);
  if (file === undefined) return undefined;
  const document = await structured(`@${file}`, file);
  if (typeof document !== "object" || document === null) throw new CliError("usage", `${file} is no recipe`);
  const text = await readFile(file, "utf8");
  return { text, format: file.endsWith(".json") ? "json" : "yaml", document: document as Recipe["document"] };
};

/** A recipe of Greengrass's is given as its text, and a short one as what it says. */
const recipeBody = (recipe: Recipe | undefined) => {
  if (recipe === undefined) return {};
  const { text, format, document } = recipe;
  return "RecipeFormatVersion" in document
    ? { recipeText: { format, text } }
    : { recipe: document as Schemas["ShortRecipe"] };
};

const named = (recipe: Recipe | undefined, member: string): string | undefined => {
  const value = recipe?.document[member];
  return typeof value === "string" && !value.startsWith("{") ? value : undefined;
};

/** What is there, or undefined. */
const found = async <T>(asking: Promise<T>): Promise<T | undefined> => {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof ProblemError && error.code === "not-found") return undefined;
    throw error;
  }
};

interface Place {
  readonly workspace: string;
  readonly component: string;
  readonly version: string;
}

/** The draft that takes the files: made if it is missing, and with this recipe. */
const ensureDraft = async (slipway: Slipway, at: Place, recipe: Recipe | undefined): Promise<void> => {
  const { signal } = interrupted;
  const { workspace, component, version } = at;
  const there = await found(slipway.getComponentVersion({ ...at, signal }));
  if (there === undefined) {
    if (recipe === undefined) {
      const next = `Put a ${RECIPES[0]} into the folder, or give --recipe FILE.`;
      throw new CliError("usage", `${component} ${version} is not there, and there is no recipe to make it with`, next);
    }
    const known = await found(slipway.getComponent({ workspace, component, signal }));
    if (known === undefined) await slipway.createComponent({ workspace, body: { name: component }, signal });
    await slipway.createComponentVersion({ workspace, component, body: { version, ...recipeBody(recipe) }, signal });
    return;
  }
  if (there.status !== "draft" && there.status !== "failed") {
    const next = "A published version never changes: push the files as another one, with --version.";
    throw new CliError("conflict", `${component} ${version} is ${there.status}`, next);
  }
  if (recipe !== undefined)
    await slipway.updateComponentVersion({ ...at, ifMatch: "*", body: recipeBody(recipe), signal });
};

/** Sends a large file part by part; parts that have come before are not sent again. */
const sendParts = async (
  slipway: Slipway,
  at: Place,
  { path, file }: VersionFile,
  { signal, ...sending }: Sending,
): Promise<void> => {
  let start = 0;
  for await (const { size, received, upload } of slipway.items("getComponentUpload", {
    ...at,
    path,
    limit: 100,
    signal,
  })) {
    if (received || upload === undefined) sending.onBytes(size);
    else await sendFile(upload, file, { start, length: size }, { ...sending, signal });
    start += size;
  }
  await slipway.completeComponentUpload({ ...at, path, signal });
};

/** Says which files the draft is to have, and sends those that it asks for, answer by answer. */
const sendChanged = async (
  slipway: Slipway,
  at: Place,
  files: readonly VersionFile[],
  { keep, quiet }: { readonly keep: boolean; readonly quiet: boolean },
): Promise<{ uploaded: number; bytes: number; removed: readonly string[] }> => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const manifest = files.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
  const total = { uploaded: 0, bytes: 0 };
  const removed = new Set<string>();
  let cursor: string | undefined;
  do {
    const body = { files: manifest, prune: !keep, ...(cursor !== undefined && { cursor }) };
    const answer = await slipway.applyComponentManifest({ ...at, body, signal: interrupted.signal });
    if (!keep) for (const path of answer.extra) removed.add(path);
    const wanted = answer.items.flatMap(({ path, status, upload, uploadHref }) => {
      const file = byPath.get(path);
      return status === "upload" && file !== undefined ? [{ file, upload, uploadHref }] : [];
    });
    const bytes = wanted.reduce((sum, { file }) => sum + file.size, 0);
    const shown = progress(`${wanted.length} of ${files.length} files`, bytes, quiet || wanted.length === 0);
    await each(wanted, async ({ file, upload, uploadHref }, signal) => {
      const sending = { onBytes: shown.add, signal, next: AGAIN };
      if (upload !== undefined) await sendFile(upload, file.file, { start: 0, length: file.size }, sending);
      else if (uploadHref !== undefined) await sendParts(slipway, at, file, sending);
    });
    shown.end();
    total.uploaded += wanted.length;
    total.bytes += bytes;
    cursor = answer.nextCursor;
  } while (cursor !== undefined);
  return { ...total, removed: [...removed] };
};

/** Makes a draft's files what a folder holds: hashes them, and sends only what changed. */
export const pushComponent = async (folder: string, options: PushOptions): Promise<void> => {
  const connection: Connection = connect(options);
  const { slipway } = connection;
  if (!existsSync(folder)) throw new CliError("usage", `there is no folder ${folder}`);
  const recipe = await recipeOf(folder, options.recipe);
  const component = options.component ?? named(recipe, "ComponentName");
  const version = options.version ?? named(recipe, "ComponentVersion");
  if (component === undefined || version === undefined) {
    throw new CliError(
      "usage",
      "which component and version this is was not said",
      "Give --component NAME and --version V.",
    );
  }
  const at = { workspace: connection.workspace(), component, version };
  const quiet = options.json === true;
  const paths = await versionPaths(folder);
  const files: VersionFile[] = [];
  await each(paths, async ({ path, file }, signal) => {
    files.push({ path, ...(await hashed(file, signal)) });
  });
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  await ensureDraft(slipway, at, recipe);
  const sent = await sendChanged(slipway, at, files, { keep: options.keep === true, quiet });
  const pushed = { component, version, files: files.length, ...sent };
  if (!options.publish) {
    if (options.json) return printOne(pushed, options);
    note(summary(pushed));
    return note(`Next: slipway version publish ${component} ${version}`);
  }
  if (!options.json) note(summary(pushed));
  const intent = await waited(
    slipway,
    await slipway.publishComponentVersion({ ...at, signal: interrupted.signal }),
    options,
  );
  if (options.json) return printOne({ ...pushed, intent }, options);
  note(`${component} ${version} is ${intent.status === "succeeded" ? "published" : intent.status}.`);
};

const summary = ({
  component,
  version,
  files,
  uploaded,
  bytes,
  removed,
}: {
  readonly component: string;
  readonly version: string;
  readonly files: number;
  readonly uploaded: number;
  readonly bytes: number;
  readonly removed: readonly string[];
}): string => {
  const gone = removed.length === 0 ? "" : `, ${removed.length} removed`;
  return `${component} ${version}: ${files} files, ${uploaded} sent (${bytesText(bytes)})${gone}`;
};
