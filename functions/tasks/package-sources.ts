import { createHash } from "node:crypto";
import { deleteObject, readObject, uploadObject } from "../../shared/aws/objects.ts";
import { transact } from "../../shared/aws/table.ts";
import type { StoredFile } from "../../shared/component/file.ts";
import { fingerprintOf, ownArtifacts, packageOf, packagePath, sourcesOf } from "../../shared/component/package.ts";
import { zip } from "../../shared/component/zip.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { type Draft, desiredDraft, keyIn } from "./draft.ts";
import { task } from "./task.ts";

/**
 * The sources as one archive below `dist/`, for a version that has no artifacts of its own. The version is frozen, so the
 * same archive comes out however often this runs. What was made of other sources goes.
 */
export const handler = task("package-sources", async (input) => {
  const draft = await desiredDraft(input);
  const sources = sourcesOf(draft.files);
  const former = packageOf(draft.files);
  const wanted = ownArtifacts(draft.files).length === 0 && sources.length > 0;
  const packagedFrom = wanted ? fingerprintOf(sources) : undefined;
  if (former !== undefined && former.packagedFrom === packagedFrom) return;
  if (former !== undefined) {
    await deleteObject(draft.bucket, keyIn(draft, former.path));
    await transact([{ do: "delete", key: former }]);
  }
  if (packagedFrom === undefined) return;

  const path = packagePath(draft.version.component);
  const hash = createHash("sha256");
  let size = 0;
  async function* archive(): AsyncGenerator<Uint8Array> {
    for await (const chunk of zip(zipFilesOf(draft, sources))) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  const made = await uploadObject(draft.bucket, keyIn(draft, path), archive(), { once: true });
  const sha256 = hash.digest("hex");
  if (!made) await expectSame(draft, path, sha256);
  const item = { ...keys.file(draft.version.id, path), type: "file", path, size, sha256, packagedFrom };
  await transact([
    { do: "check", key: keys.version(draft.version.componentId, draft.version.id), when: { status: "publishing" } },
    { do: "put", item: { ...item, createdAt: new Date().toISOString() } },
  ]);
});

/**
 * An archive that lies there already is of a run of this step that did not come to its end. If it was made of other sources,
 * it goes. @throws AppError `busy` then: the step is done again
 */
const expectSame = async (draft: Draft, path: string, sha256: string): Promise<void> => {
  const key = keyIn(draft, path);
  const hash = createHash("sha256");
  for await (const chunk of await readObject(draft.bucket, key)) hash.update(chunk);
  if (hash.digest("hex") === sha256) return;
  await deleteObject(draft.bucket, key);
  throw new AppError("busy", `an archive of other sources was in the way at ${path}`);
};

/** Files up to here are fetched ahead of their turn, so many at a time: each costs a round trip. */
const SMALL_BYTES = 256 * 1024;
const AHEAD = 16;

const zipFilesOf = (draft: Draft, sources: readonly StoredFile[]) => {
  // In the order in which the archive asks for them.
  const sorted = [...sources].sort((a, b) => Buffer.from(a.path).compare(Buffer.from(b.path)));
  const fetched = new Map<string, Promise<Uint8Array[]>>();
  const fetchAhead = (index: number): void => {
    for (const file of sorted.slice(index, index + AHEAD)) {
      if (file.size > SMALL_BYTES || fetched.has(file.path)) continue;
      const bytes = Array.fromAsync(checked(draft, file));
      bytes.catch(() => undefined); // told when it is the file's turn
      fetched.set(file.path, bytes);
    }
  };
  return sorted.map((file, index) => ({
    name: file.path.slice("src/".length),
    read: async function* (): AsyncGenerator<Uint8Array> {
      fetchAhead(index);
      const ahead = fetched.get(file.path);
      if (ahead === undefined) yield* checked(draft, file);
      else yield* await ahead;
      fetched.set(file.path, Promise.resolve([])); // the bytes may go; the place stays taken
    },
  }));
};

/** The bytes of a source. @throws AppError `artifact-mismatch` at their end, unless they are what was declared */
async function* checked(draft: Draft, { path, size, sha256 }: StoredFile): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let seen = 0;
  for await (const chunk of await readObject(draft.bucket, keyIn(draft, path))) {
    hash.update(chunk);
    seen += chunk.length;
    yield chunk;
  }
  const found = hash.digest("hex");
  if (seen !== size || found !== sha256) {
    throw new AppError(
      "artifact-mismatch",
      `${path} has ${seen} bytes with SHA-256 ${found}; ${size} with ${sha256} were declared`,
    );
  }
}
