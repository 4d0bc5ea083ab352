import { copyOver, headObject } from "../../shared/aws/objects.ts";
import { allItems, getItem, transact } from "../../shared/aws/table.ts";
import { likeFile, type StoredFile } from "../../shared/component/file.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { inParallel } from "../../shared/parallel.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredVersion, desiredWorkspace } from "./desired.ts";
import { type TaskInput, task } from "./task.ts";

/** Begins no further files after this; the workflow comes back. The largest ones take a few minutes more. */
const BUDGET_MS = 300_000;
const AT_A_TIME = 16;

/**
 * The files of the version that a draft was made from, with the hashes that they have. What was copied before an end that
 * came early is found by its record, and what has no record is copied again: nobody else changes files meanwhile. Slipway's
 * own package of the sources is not copied, since the publication makes it.
 */
export const handler = task("copy-component-files", async (input) => {
  const deadline = Date.now() + BUDGET_MS;
  const version = await copyingVersion(input);
  const { bucket } = await desiredWorkspace(input);
  const source = await getItem<StoredVersion>(keys.version(version.componentId, version.clonedFrom ?? ""));
  if (source === undefined) throw new AppError("not-found", `the version ${version.clonedFrom} was deleted`);
  const there = new Set((await allItems<StoredFile>(partitions.files(version.id))).map(({ sk }) => sk));
  const files = await allItems<StoredFile>(partitions.files(source.id));
  const missing = files.filter(({ sk, packagedFrom }) => packagedFrom === undefined && !there.has(sk));
  for (let done = 0; done < missing.length; done += AT_A_TIME) {
    if (Date.now() > deadline) return { more: true };
    await copyBatch(input, { bucket, source, version }, missing.slice(done, done + AT_A_TIME));
  }
  return { more: false };
});

/** @throws AppError `not-found` when it is being deleted, or copied no more */
const copyingVersion = async (input: TaskInput): Promise<StoredVersion> => {
  const version = await desiredVersion(input);
  if (version.copying !== "running" || version.status !== "draft") {
    throw new AppError("not-found", `the draft ${version.id} takes no files of another version any more`);
  }
  return version;
};

interface Places {
  readonly bucket: string;
  readonly source: StoredVersion;
  readonly version: StoredVersion;
}

/**
 * Looks what is in the way, makes sure that the copy is still under way, and replaces just that: a run that was taken for
 * dead can so hit nothing that was written after the copy's end.
 */
const copyBatch = async (input: TaskInput, { bucket, source, version }: Places, files: readonly StoredFile[]) => {
  const keyIn = (of: StoredVersion, { path }: StoredFile) => artifactKey(of.component, of.version, path);
  const held = await inParallel(files, AT_A_TIME, (file) => headObject(bucket, keyIn(version, file)));
  await copyingVersion(input);
  await inParallel([...files.entries()], AT_A_TIME, async ([index, file]) => {
    if (held[index]?.sha256 === file.sha256) return;
    const [from, to] = [keyIn(source, file), keyIn(version, file)];
    const sha256 = await copyOver({ bucket, key: from }, { bucket, key: to }, held[index]?.etag);
    if (sha256 !== file.sha256) await expectUnchanged(file);
  });
  const now = new Date();
  await transact([
    {
      do: "check",
      key: keys.version(version.componentId, version.id),
      when: { copying: "running", status: "draft" },
      otherwise: { code: "not-found", detail: "the draft was deleted meanwhile" },
    },
    ...files.map((file) => ({ do: "put", item: { ...likeFile(version.id, file, now) } }) as const),
  ]);
};

/**
 * Bytes that were never sent, or are not what was declared, are the source's own affair, of which the clone's publication
 * tells. @throws AppError `busy` when the source was declared anew while it was copied
 */
const expectUnchanged = async (file: StoredFile): Promise<void> => {
  const now = await getItem<StoredFile>(file);
  if (now?.sha256 !== file.sha256) throw new AppError("busy", `${file.path} was changed while it was being copied`);
};
