import * as z from "zod";
import { pointerTo } from "../json.ts";
import type { StoredFile } from "./file.ts";
import { byBytes, foldPath } from "./path.ts";

const Change = z.enum(["added", "removed", "changed"]);

const FileContent = z.object({ size: z.int(), sha256: z.string() });

export const VersionDiff = z
  .object({
    from: z.object({ id: z.string(), version: z.string() }),
    to: z.object({ id: z.string(), version: z.string() }),
    recipe: z.array(
      z.object({
        pointer: z.string().meta({ description: "JSON pointer into the recipe as it is published" }),
        change: Change,
        from: z.unknown().optional(),
        to: z.unknown().optional(),
      }),
    ),
    files: z.array(
      z.object({ path: z.string(), change: Change, from: FileContent.optional(), to: FileContent.optional() }),
    ),
    nextCursor: z.string().optional().meta({ description: "Absent on the last page" }),
  })
  .meta({
    id: "ComponentVersionDiff",
    description:
      "What a version has otherwise than another one: what changed in the recipe first, then the files by path, without regard " +
      "to letter case. URIs of their own artifacts are told by their placeholders. Where a recipe would be too large for " +
      "Greengrass with the artifacts that are added to it, both are compared without them",
  });
export type VersionDiff = z.infer<typeof VersionDiff>;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Where two JSON values differ, as deep as they are alike: elements of lists are compared by their place. */
export const diffJson = (from: unknown, to: unknown, pointer = ""): VersionDiff["recipe"] => {
  if (!isObject(from) || !isObject(to) || Array.isArray(from) !== Array.isArray(to)) {
    return from === to ? [] : [{ pointer, change: "changed", from, to }];
  }
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return names.flatMap((name): VersionDiff["recipe"] => {
    const at = pointerTo(pointer, name);
    if (!Object.hasOwn(from, name)) return [{ pointer: at, change: "added", to: to[name] }];
    if (!Object.hasOwn(to, name)) return [{ pointer: at, change: "removed", from: from[name] }];
    return diffJson(from[name], to[name], at);
  });
};

type FileChange = VersionDiff["files"][number];
type Files = Iterable<StoredFile> | AsyncIterable<StoredFile>;

const content = ({ size, sha256 }: StoredFile) => ({ size, sha256 });

/** Of two files in one place, which differ in letter case at most; equal bytes are no change. */
const changesAt = (old: StoredFile | undefined, now: StoredFile | undefined): FileChange[] => {
  if (old !== undefined && old.path === now?.path) {
    if (old.sha256 === now.sha256) return [];
    return [{ path: old.path, change: "changed", from: content(old), to: content(now) }];
  }
  const removed: FileChange[] = old === undefined ? [] : [{ path: old.path, change: "removed", from: content(old) }];
  const added: FileChange[] = now === undefined ? [] : [{ path: now.path, change: "added", to: content(now) }];
  return [...removed, ...added].sort((a, b) => byBytes(a.path, b.path));
};

/**
 * What changed in the files of two versions, each in the order of its sort keys; no further of them is read than is asked for.
 * @param after the path of the change to go on after; the files begin at its place, or after it
 */
export async function* fileChanges(from: Files, to: Files, after?: string): AsyncGenerator<FileChange> {
  const [before, now] = [walk(from), walk(to)];
  try {
    let [left, right] = [await before.next(), await now.next()];
    for (;;) {
      const [old, next] = [left.done ? undefined : left.value, right.done ? undefined : right.value];
      if (old === undefined && next === undefined) return;
      const order = old === undefined ? 1 : next === undefined ? -1 : byBytes(old.sk, next.sk);
      for (const change of changesAt(order <= 0 ? old : undefined, order >= 0 ? next : undefined)) {
        if (after === undefined || isAfter(change.path, after)) yield change;
      }
      if (order <= 0) left = await before.next();
      if (order >= 0) right = await now.next();
    }
  } finally {
    await Promise.all([before.return(undefined), now.return(undefined)]);
  }
}

async function* walk(files: Files): AsyncGenerator<StoredFile> {
  yield* files;
}

const isAfter = (path: string, after: string): boolean =>
  (byBytes(foldPath(path), foldPath(after)) || byBytes(path, after)) > 0;
