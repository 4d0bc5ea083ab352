import * as z from "zod";
import { pointerTo } from "../json.ts";
import type { StoredFile } from "./file.ts";

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
  })
  .meta({
    id: "ComponentVersionDiff",
    description:
      "What a version has otherwise than another one. URIs of their own artifacts are told by their placeholders",
  });
type VersionDiff = z.infer<typeof VersionDiff>;

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

/** Files by path, in the order of their paths; equal bytes are no change. */
export const diffFiles = (from: readonly StoredFile[], to: readonly StoredFile[]): VersionDiff["files"] => {
  const [before, after] = [from, to].map((files) => new Map(files.map((file) => [file.path, file]))) as [
    Map<string, StoredFile>,
    Map<string, StoredFile>,
  ];
  const content = ({ size, sha256 }: StoredFile) => ({ size, sha256 });
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path): VersionDiff["files"] => {
    const [old, now] = [before.get(path), after.get(path)];
    if (old === undefined) return now === undefined ? [] : [{ path, change: "added", to: content(now) }];
    if (now === undefined) return [{ path, change: "removed", from: content(old) }];
    if (old.sha256 === now.sha256) return [];
    return [{ path, change: "changed", from: content(old), to: content(now) }];
  });
};
