import { deleteDropped, listDropped } from "../../shared/aws/drops.ts";
import { copyOver, headObject } from "../../shared/aws/objects.ts";
import { allItems, transact } from "../../shared/aws/table.ts";
import { isClearing, MAX_FILES } from "../../shared/component/file.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { inParallel } from "../../shared/parallel.ts";
import { AppError } from "../../shared/problems.ts";
import { type WantedFile, wantedFiles } from "../../shared/push/manifest.ts";
import { isBeingFilled, type PushedFileItem } from "../../shared/push/push.ts";
import { desiredVersion, desiredWorkspace } from "./desired.ts";
import { pushOf } from "./pushed.ts";
import { type TaskInput, task } from "./task.ts";

/** Begins no further files after this; the workflow comes back. The largest ones take a few minutes more. */
const BUDGET_MS = 300_000;
const AT_A_TIME = 16;

/**
 * The files of a push, copied within S3, which computes their hashes. What was copied before an end that came early is found
 * by its record; what has no record is copied again. Files that an earlier push of the version left go, where this one has
 * none of their path.
 */
export const handler = task("copy-pushed-files", async (input) => {
  const deadline = Date.now() + BUDGET_MS;
  const version = await fillingVersion(input);
  const push = await pushOf(input);
  const { bucket } = await desiredWorkspace(input);
  const stored = await allItems<PushedFileItem>(partitions.files(version.id));
  const busy = stored.find((file) => isClearing(file, new Date()));
  if (busy !== undefined) throw new AppError("busy", `the former bytes of ${busy.path} are being removed`);

  const { folder = "" } = push;
  const dropped = folder === "" ? [] : await listDropped(bucket, folder, 2 * MAX_FILES);
  const wanted = wantedFiles({ files: push.files, recipeFile: push.recipeFile?.key.slice(folder.length) }, dropped);
  const paths = new Set(wanted.map(({ path }) => path));
  const there = new Map(stored.map((file) => [file.path, file]));
  const places: Places = { bucket, folder, version };
  const missing = wanted.filter((file) => !isCopied(there.get(file.path), file, folder));
  // First, since of paths that differ in letter case alone there can be one.
  await removeStrays(places, paths);
  for (const batch of batchesOf(stored.filter(({ path }) => !paths.has(path)))) {
    if (Date.now() > deadline) return { more: true };
    await transact([isBeingFilled(version), ...batch.map((file) => ({ do: "delete", key: file }) as const)]);
  }
  for (const batch of batchesOf(missing)) {
    if (Date.now() > deadline) return { more: true };
    await copyBatch(input, places, batch);
  }
  return { more: false };
});

const batchesOf = <T>(files: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(files.length / AT_A_TIME) }, (_, index) =>
    files.slice(index * AT_A_TIME, (index + 1) * AT_A_TIME),
  );

interface Places {
  readonly bucket: string;
  readonly folder: string;
  readonly version: StoredVersion;
}

const keyIn = ({ version }: Places, path: string): string => artifactKey(version.component, version.version, path);

/** @throws AppError `not-found` when it is being deleted, or filled no more */
const fillingVersion = async (input: TaskInput): Promise<StoredVersion> => {
  const version = await desiredVersion(input);
  if (version.copying !== "running" || version.status !== "draft") {
    throw new AppError("not-found", `the draft ${version.id} takes no files of a push any more`);
  }
  return version;
};

/** Whether just these bytes were copied already. */
const isCopied = (stored: PushedFileItem | undefined, { from, sha256 }: WantedFile, folder: string): boolean =>
  stored?.dropped?.key === `${folder}${from.path}` &&
  stored.dropped.etag === from.etag &&
  (sha256 === undefined || sha256 === stored.sha256);

/** Whatever an earlier push has left in the version's folder, also where it did not come to write that down. */
const removeStrays = async (places: Places, wanted: ReadonlySet<string>): Promise<void> => {
  const held = await listDropped(places.bucket, keyIn(places, ""), 2 * MAX_FILES);
  const strays = held.filter(({ path }) => !wanted.has(path));
  await deleteDropped(
    places.bucket,
    strays.map(({ path, etag }) => ({ key: keyIn(places, path), etag })),
  );
};

/**
 * Looks what is in the way, makes sure that the version is still being filled, and replaces just that: a run that was taken
 * for dead can so hit nothing that was written after the end of the copies.
 */
const copyBatch = async (input: TaskInput, places: Places, files: readonly WantedFile[]): Promise<void> => {
  const { bucket, version } = places;
  const held = await inParallel(files, AT_A_TIME, ({ path }) => headObject(bucket, keyIn(places, path)));
  await fillingVersion(input);
  const now = new Date().toISOString();
  const items = await inParallel([...files.entries()], AT_A_TIME, async ([index, file]) => {
    const sha256 = await copied(places, file, held[index]);
    const { from, path } = file;
    const dropped = { key: `${places.folder}${from.path}`, etag: from.etag };
    const item: PushedFileItem = {
      ...keys.file(version.id, path),
      type: "file",
      path,
      size: from.size,
      sha256,
      createdAt: now,
      dropped,
    };
    return { do: "put", item: { ...item } } as const;
  });
  await transact([isBeingFilled(version), ...items]);
};

/**
 * Copies a file, unless its bytes are there.
 * @returns its hash
 * @throws AppError `artifact-missing`, `artifact-mismatch`; `busy` when something was written at either end since
 */
const copied = async (
  places: Places,
  { path, from, sha256: declared }: WantedFile,
  held: Awaited<ReturnType<typeof headObject>>,
): Promise<string> => {
  if (declared !== undefined && held?.sha256 === declared && held.size === from.size) return declared;
  const source = { bucket: places.bucket, key: `${places.folder}${from.path}`, etag: `"${from.etag}"` };
  const sha256 = await copyOver(source, { bucket: places.bucket, key: keyIn(places, path) }, held?.etag);
  if (sha256 === undefined) throw new AppError("artifact-missing", `${from.path} is no longer beside the manifest`);
  if (declared !== undefined && sha256 !== declared) {
    throw new AppError("artifact-mismatch", `${from.path} has SHA-256 ${sha256}; ${declared} was declared`);
  }
  return sha256;
};
