import { expectWritable } from "./conditions.ts";
import { type Handler, refuseVersion, requireBucket, xmlResponse } from "./context.ts";
import { notImplemented, S3Error } from "./errors.ts";
import { readXml } from "./payload.ts";
import type { S3Request } from "./request.ts";
import type { StoredObject } from "./store.ts";
import { removeObjects } from "./write-object.ts";
import { anyText, boolean, childrenOf, expectShape, many, once, optional, render, textOf } from "./xml.ts";

const MAX_KEYS = 1000;

/**
 * Deleting what is not there succeeds too.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
 * @throws S3Error NoSuchBucket, NoSuchKey (under If-Match), PreconditionFailed, InvalidArgument, NotImplemented
 */
export const deleteObject: Handler = async (context, request) => {
  const { bucket, key, query, headers } = request;
  refuseVersion(query.get("versionId"));
  const unknown = [...headers.keys()].find((name) =>
    /^x-amz-(if-match-.*|mfa|bypass-governance-retention)$/.test(name),
  );
  if (unknown !== undefined) throw notImplemented(unknown);
  requireBucket(context, bucket);
  const object = context.store.findObject(bucket, key);
  expectWritable(headers, key, object);
  if (object !== undefined) await removeObjects(context, request, [object]);
  return { status: 204 };
};

/** Why one entry of many is not deleted; the others are all the same. */
const refusal = (
  request: S3Request,
  key: string,
  version: string | undefined,
  etag: string | undefined,
  object: StoredObject | undefined,
): S3Error | undefined => {
  if (version !== undefined && version !== "null") return S3Error.of("NoSuchVersion");
  try {
    request.authorizeKey?.("DeleteObject", key);
    if (etag !== undefined) expectWritable(new Map([["if-match", etag]]), key, object);
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
  return undefined;
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
 * @throws S3Error NoSuchBucket, MalformedXML (more than 1000 keys, too), InvalidRequest without a checksum
 */
export const deleteObjects: Handler = async (context, request) => {
  const { bucket, headers } = request;
  requireBucket(context, bucket);
  if (![...headers.keys()].some((name) => name === "content-md5" || name.startsWith("x-amz-checksum-"))) {
    throw S3Error.of("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*");
  }
  const document = await readXml(request);
  // S3 has these two for directory buckets alone.
  const condition = document.children
    .flatMap(({ children }) => children)
    .find(({ name }) => name === "LastModifiedTime" || name === "Size");
  if (condition !== undefined) throw notImplemented(`Delete/Object/${condition.name}`);
  expectShape(document, "Delete", {
    Object: many({ Key: once(anyText), VersionId: optional(anyText), ETag: optional(anyText) }, 1, MAX_KEYS),
    Quiet: optional(boolean),
  });
  const entries = childrenOf(document, "Object").map((entry) => ({
    key: textOf(entry, "Key") ?? "",
    version: textOf(entry, "VersionId"),
    etag: textOf(entry, "ETag"),
  }));
  requireBucket(context, bucket);
  const found = new Map<string, StoredObject>();
  const outcomes = entries.map(({ key, version, etag }) => {
    const names = { Key: key, VersionId: version };
    const object = context.store.findObject(bucket, key);
    const error = refusal(request, key, version, etag, object);
    if (error !== undefined) return { error: { ...names, Code: error.code, Message: error.message } };
    if (object !== undefined) found.set(key, object);
    return { deleted: names };
  });
  await removeObjects(context, request, [...found.values()]);
  const quiet = textOf(document, "Quiet")?.toLowerCase() === "true";
  return xmlResponse(
    render("DeleteResult", {
      Deleted: quiet ? [] : outcomes.flatMap(({ deleted }) => deleted ?? []),
      Error: outcomes.flatMap(({ error }) => error ?? []),
    }),
  );
};
