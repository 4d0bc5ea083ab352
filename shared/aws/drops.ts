import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
} from "@aws-sdk/client-s3";
import { AppError } from "../problems.ts";
import type { Dropped } from "../push/manifest.ts";
import type { DroppedObject } from "../push/push.ts";
import { isAwsError } from "./aws-errors.ts";
import { headObject, putObject, s3Client } from "./objects.ts";

/** S3 puts ETags into quotes where HTTP has them, and not where EventBridge tells of them. */
const unquoted = (etag = ""): string => etag.replace(/^"(.*)"$/, "$1");
const quoted = (etag: string): string => `"${etag}"`;

/** What lies in a folder, in the order of the keys, at most one more than `most`. */
export const listDropped = async (bucket: string, folder: string, most: number): Promise<Dropped[]> => {
  const found: Dropped[] = [];
  let token: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput = await s3Client().send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: folder,
        MaxKeys: Math.min(1_000, most + 1 - found.length),
        ...(token !== undefined && { ContinuationToken: token }),
      }),
    );
    for (const { Key = "", Size = 0, ETag } of page.Contents ?? []) {
      found.push({ path: Key.slice(folder.length), size: Size, etag: unquoted(ETag) });
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined && found.length <= most);
  return found;
};

/**
 * The bytes of a small object, if it is still the one with this ETag.
 * @throws AppError `artifact-missing` when it is gone, `conflict` when another one has taken its place
 */
export const readDropped = async (bucket: string, { key, etag }: DroppedObject): Promise<Uint8Array> => {
  try {
    const { Body } = await s3Client().send(new GetObjectCommand({ Bucket: bucket, Key: key, IfMatch: quoted(etag) }));
    if (Body === undefined) throw new AppError("unavailable", `S3 answered no body for ${key}`);
    return await Body.transformToByteArray();
  } catch (error) {
    if (isAwsError(error, "NoSuchKey")) throw new AppError("artifact-missing", `${key} is gone`);
    if (isAwsError(error, "PreconditionFailed")) {
      throw new AppError("conflict", `${key} was replaced before it was read`, { cause: error });
    }
    throw error;
  }
};

/** What a deletion may find in an object's place: nothing, or another one that was dropped since. */
const PASSED_BY = new Set(["NoSuchKey", "PreconditionFailed", "ConditionalRequestConflict"]);

/**
 * Deletes these objects as they were: what was put in the place of one stays.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
 */
export const deleteDropped = async (bucket: string, objects: readonly DroppedObject[]): Promise<void> => {
  for (let at = 0; at < objects.length; at += 1_000) {
    const Objects = objects.slice(at, at + 1_000).map(({ key, etag }) => ({ Key: key, ETag: quoted(etag) }));
    const { Errors = [] } = await s3Client().send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
    );
    const refused = Errors.find(({ Code = "" }) => !PASSED_BY.has(Code));
    if (refused) throw new AppError("unavailable", `S3 did not delete ${refused.Key}: ${refused.Code}`);
  }
};

/** Puts what came of a manifest beside it, unless another manifest has taken its place: that one's result comes later. */
export const putResult = async (
  bucket: string,
  manifest: DroppedObject,
  result: { readonly key: string; readonly text: string },
): Promise<void> => {
  const current = await headObject(bucket, manifest.key);
  if (current !== undefined && unquoted(current.etag) !== manifest.etag) return;
  try {
    await putObject(bucket, result.key, result.text);
  } catch (error) {
    if (!isAwsError(error, "NoSuchBucket")) throw error; // deleted with its workspace: there is nobody to tell
  }
};
