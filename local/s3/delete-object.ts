import { expectWritable } from "./conditions.ts";
import { type Handler, refuseVersion, requireBucket, xmlResponse } from "./context.ts";
import { notImplemented, S3Error } from "./errors.ts";
import { readXml } from "./payload.ts";
import type { StoredObject } from "./store.ts";
import { removeObjects } from "./write-object.ts";
import { anyText, boolean, childrenOf, expectShape, many, once, optional, render, textOf } from "./xml.ts";

const MAX_KEYS = 1000;

/**
 * Deleting what is not there succeeds too.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
 * @throws S3Error NoSuchBucket, PreconditionFailed, InvalidArgument
 */
export const deleteObject: Handler = async (context, request) => {
  const { bucket, key, query, headers } = request;
  refuseVersion(query.get("versionId"));
  requireBucket(context, bucket);
  const object = context.store.findObject(bucket, key);
  expectWritable(headers, key, object);
  if (object !== undefined) await removeObjects(context, request, [object]);
  return { status: 204 };
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
  const condition = document.children
    .flatMap(({ children }) => children)
    .find(({ name }) => ["ETag", "LastModifiedTime", "Size"].includes(name));
  if (condition !== undefined) throw notImplemented(`Delete/Object/${condition.name}`);
  expectShape(document, "Delete", {
    Object: many({ Key: once(anyText), VersionId: optional(anyText) }, 1, MAX_KEYS),
    Quiet: optional(boolean),
  });
  const entries = childrenOf(document, "Object").map((entry) => ({
    key: textOf(entry, "Key") ?? "",
    version: textOf(entry, "VersionId"),
  }));
  const [errors, wanted] = [true, false].map((bad) =>
    entries.filter(({ version }) => (version !== undefined && version !== "null") === bad),
  );
  requireBucket(context, bucket);
  const found = new Map<string, StoredObject>();
  for (const { key } of wanted ?? []) {
    const object = context.store.findObject(bucket, key);
    if (object !== undefined) found.set(key, object);
  }
  await removeObjects(context, request, [...found.values()]);
  const quiet = textOf(document, "Quiet")?.toLowerCase() === "true";
  return xmlResponse(
    render("DeleteResult", {
      Deleted: quiet ? [] : (wanted ?? []).map(({ key, version }) => ({ Key: key, VersionId: version })),
      Error: (errors ?? []).map(({ key, version }) => ({
        Key: key,
        VersionId: version,
        Code: "NoSuchVersion",
        Message: "The specified version does not exist.",
      })),
    }),
  );
};
