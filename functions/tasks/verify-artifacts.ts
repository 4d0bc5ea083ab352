import { createHash } from "node:crypto";
import { deleteObject, headObject, readBytes, readObject } from "../../shared/aws/objects.ts";
import { transact } from "../../shared/aws/table.ts";
import type { HeldObject, StoredFile } from "../../shared/component/file.ts";
import { artifactClash, artifactsOf, unarchivedPaths } from "../../shared/component/package.ts";
import { type Archive, expectTogether, inspectArchive, inspectData } from "../../shared/component/unzip.ts";
import { inParallel } from "../../shared/parallel.ts";
import { AppError } from "../../shared/problems.ts";
import { type Draft, desiredDraft, keyIn, uriPrefix } from "./draft.ts";
import { recipeOf } from "./draft-recipe.ts";
import { task } from "./task.ts";

/** Begins no further file after this; the workflow comes back. The largest one takes a few minutes more. */
const BUDGET_MS = 300_000;
const AT_A_TIME = 16;

/**
 * Every file is in S3 with the size and hash that were declared. S3 itself has checked the hash of what came in one piece;
 * what came in parts is read once and remembered by its ETag. What a device unpacks must be safe to unpack, which its data is
 * read for once.
 */
export const handler = task("verify-artifacts", async (input) => {
  const deadline = Date.now() + BUDGET_MS;
  const draft = await desiredDraft(input);
  const { document } = await recipeOf(input, draft);
  const byManifest = unarchivedPaths(document, uriPrefix(draft));
  const unarchived = [...new Set(byManifest.flat())];
  const clash = artifactClash(artifactsOf(draft.files), unarchived);
  if (clash !== undefined) throw new AppError("artifact-clash", clash);
  const held = await inParallel(draft.files, AT_A_TIME, (file) => expectHeld(draft, file));
  for (const [index, file] of draft.files.entries()) {
    const { sha256, etag } = held[index] as HeldObject;
    if (sha256 !== undefined || file.verified === etag) continue;
    if (Date.now() > deadline) return { more: true };
    await hashWhole(draft, file, etag);
  }
  const archives = new Map<string, { file: StoredFile; etag: string; archive: Archive }>();
  for (const path of unarchived) {
    const index = draft.files.findIndex((file) => file.path === path);
    const file = draft.files[index];
    if (file === undefined) {
      throw new AppError("artifact-missing", `the recipe unpacks ${path}, which was not declared`);
    }
    const archive = await inspectArchive(path, file.size, (offset, bytes) =>
      readBytes(draft.bucket, keyIn(draft, path), { offset, bytes }),
    );
    archives.set(path, { file, etag: (held[index] as HeldObject).etag, archive });
  }
  for (const paths of byManifest) expectTogether(paths, (path) => archives.get(path)?.archive.bytes ?? 0);
  for (const [path, { file, etag, archive }] of archives) {
    // Slipway's own package has the hash that it was made with.
    if (file.packagedFrom !== undefined || file.inspected === etag) continue;
    if (Date.now() > deadline) return { more: true };
    await inspectData(path, archive, await readObject(draft.bucket, keyIn(draft, path)));
    await transact([{ do: "update", key: file, set: { inspected: etag }, when: { sha256: file.sha256 } }]);
  }
  return { more: false };
});

const told = ({ path, size, sha256 }: StoredFile, found: { size: number; sha256?: string | undefined }) =>
  new AppError(
    "artifact-mismatch",
    `${path} has ${found.size} bytes with SHA-256 ${found.sha256 ?? "unknown"}; ${size} with ${sha256} were declared`,
  );

/** @throws AppError `artifact-missing`, `artifact-mismatch` as far as S3 itself can tell */
const expectHeld = async (draft: Draft, file: StoredFile): Promise<HeldObject> => {
  const held = await headObject(draft.bucket, keyIn(draft, file.path));
  if (held === undefined) throw new AppError("artifact-missing", `${file.path} was declared but not uploaded`);
  if (held.size !== file.size || (held.sha256 !== undefined && held.sha256 !== file.sha256)) {
    await discardPackage(draft, file);
    throw told(file, held);
  }
  return held;
};

/** Remembers what came of it, so that no file is read twice and wrong bytes can be sent anew. */
const hashWhole = async (draft: Draft, file: StoredFile, etag: string): Promise<void> => {
  const hash = createHash("sha256");
  for await (const chunk of await readObject(draft.bucket, keyIn(draft, file.path))) hash.update(chunk);
  const sha256 = hash.digest("hex");
  const remember = (what: "verified" | "rejected") =>
    transact([{ do: "update", key: file, set: { [what]: etag }, when: { sha256: file.sha256 } }]);
  if (sha256 === file.sha256) return remember("verified");
  if (file.packagedFrom === undefined) await remember("rejected");
  else await discardPackage(draft, file);
  throw told(file, { size: file.size, sha256 });
};

/** Slipway's own package is made anew by the next publication. */
const discardPackage = async (draft: Draft, file: StoredFile): Promise<void> => {
  if (file.packagedFrom === undefined) return;
  await deleteObject(draft.bucket, keyIn(draft, file.path));
  await transact([{ do: "delete", key: file }]);
};
