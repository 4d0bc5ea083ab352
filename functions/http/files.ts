import { abortUpload, beginUpload, receivedParts } from "../../shared/aws/multipart.ts";
import { deleteObject, headObject } from "../../shared/aws/objects.ts";
import { presignUpload } from "../../shared/aws/presigned.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import {
  ArtifactPath,
  type CreateFile,
  claimFile,
  declareFile,
  forgetFile,
  freeFile,
  isClearing,
  isThere,
  SINGLE_UPLOAD_BYTES,
  type StoredFile,
  versionTakesFiles,
} from "../../shared/component/file.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import { copyingOf, type StoredVersion } from "../../shared/component/version.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import type { Write } from "../../shared/writes.ts";

/** A version, and the bucket that holds its files. */
export interface Place {
  readonly version: StoredVersion;
  readonly bucket: string;
}

export const keyOf = ({ version }: Place, path: string): string =>
  artifactKey(version.component, version.version, path);

/** @throws AppError `not-found` */
export const findFile = async ({ version }: Place, reference: string): Promise<StoredFile> => {
  const path = ArtifactPath.safeParse(reference);
  const file = path.success ? await getItem<StoredFile>(keys.file(version.id, path.data)) : undefined;
  if (file === undefined || file.path !== path.data) {
    throw new AppError("not-found", `${version.component} ${version.version} has no file ${reference}`);
  }
  return file;
};

/** @throws AppError `version-immutable` or `not-ready`, before anything is asked of S3 */
export const expectOpen = ({ version }: Place): void => {
  const lacking = copyingOf(version);
  if (lacking !== undefined) throw new AppError(lacking.code, lacking.detail);
  if (version.status === "draft" || version.status === "failed") return;
  throw new AppError("version-immutable", `${version.component} ${version.version} is ${version.status}`);
};

/** @throws AppError `busy` while another request removes the file's former bytes */
export const expectFree = (file: StoredFile, now: Date): void => {
  if (isClearing(file, now)) throw new AppError("busy", `the former bytes of ${file.path} are being removed`);
};

/** What is to be done so that a file is what is declared. */
export interface Declared {
  readonly file: StoredFile;
  /** The declaration, where it is not the one that there is. */
  readonly write?: Write;
  /** Whether the bytes are there already. */
  readonly there: boolean;
  /** Removes what is in the way, once the declaration is written. */
  readonly clear: () => Promise<void>;
}

const nothing = async (): Promise<void> => {};

/**
 * Compares a declaration with what is declared and with what S3 holds, and begins the upload in parts of a large file.
 * Writes nothing.
 * @throws AppError `path-clash`, `busy`
 */
export const compare = async (
  place: Place,
  former: StoredFile | undefined,
  input: CreateFile,
  now: Date,
): Promise<Declared> => {
  if (former !== undefined && former.path !== input.path) {
    throw new AppError("path-clash", `${input.path} and ${former.path} differ in letter case alone`);
  }
  if (former !== undefined) expectFree(former, now);
  const key = keyOf(place, input.path);
  const held = await headObject(place.bucket, key);
  const there = isThere(former, held, input);
  const same = former !== undefined && former.size === input.size && former.sha256 === input.sha256;
  if (same && there && former.uploadId === undefined) return { file: former, there, clear: nothing };

  const clears = held !== undefined && !there;
  const formerUpload =
    former?.uploadId === undefined ? undefined : { bucket: place.bucket, key, uploadId: former.uploadId };
  const inParts = !there && input.size > SINGLE_UPLOAD_BYTES;
  // An upload that was broken off goes on where it was.
  const goesOn =
    same && inParts && formerUpload !== undefined && (await receivedParts(formerUpload, { limit: 1 })) !== undefined;
  if (goesOn && !clears) return { file: former, there, clear: nothing };
  const kept = goesOn ? formerUpload?.uploadId : undefined;
  const uploadId = inParts ? (kept ?? (await beginUpload(place.bucket, key))) : undefined;
  const { file, write } = declareFile(place.version, former, input, { uploadId, clears }, now);
  return {
    file,
    write,
    there,
    clear: async () => {
      if (formerUpload !== undefined && formerUpload.uploadId !== uploadId) await abortUpload(formerUpload);
      if (!clears) return;
      await deleteObject(place.bucket, key);
      await transact([freeFile(file)]);
    },
  };
};

/** Where the bytes of a file go that are not there: by one request, or in parts. */
export const sendingOf = async (place: Place, { file, there }: Declared, now: Date) => {
  if (there) return {};
  if (file.uploadId === undefined) {
    const { size, sha256 } = file;
    const key = keyOf(place, file.path);
    return { upload: await presignUpload({ bucket: place.bucket, key, size, sha256, once: true }, now) };
  }
  const { workspaceId, componentId, id } = place.version;
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  return { uploadHref: `/v1/workspaces/${workspaceId}/components/${componentId}/versions/${id}/uploads/${path}` };
};

/**
 * Removes a file of a draft, with its bytes and what was sent of them.
 * @returns the last write, with which it is gone
 * @throws AppError `busy`, `version-immutable`, `conflict`
 */
export const removeFile = async (place: Place, file: StoredFile, now: Date): Promise<Write> => {
  expectFree(file, now);
  const { claimed, write } = claimFile(file, now);
  await transact([versionTakesFiles(place.version), write]);
  const key = keyOf(place, file.path);
  if (file.uploadId !== undefined) await abortUpload({ bucket: place.bucket, key, uploadId: file.uploadId });
  await deleteObject(place.bucket, key);
  return forgetFile(claimed);
};
