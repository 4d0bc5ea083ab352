import { isModified } from "./conditions.ts";
import { type Context, refuseVersion, requireBucket, requireObject } from "./context.ts";
import { S3Error } from "./errors.ts";
import { parseTarget } from "./request.ts";
import type { StoredObject } from "./store.ts";

/** `bucket/key`, with or without a leading slash, percent-encoded. @throws S3Error InvalidArgument */
const parseSource = (header: string) => {
  const target = parseTarget(header.startsWith("/") ? header : `/${header}`);
  if (target.bucket === "" || target.key === "") {
    throw S3Error.of("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", {
      ArgumentName: "x-amz-copy-source",
      ArgumentValue: header,
    });
  }
  refuseVersion(new Map(target.query).get("versionId"));
  return target;
};

/**
 * Finds the object that a copy is made of, and decides the conditions on it. Where a read would answer 304, a copy fails.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * @throws S3Error InvalidArgument, NoSuchBucket, NoSuchKey, PreconditionFailed; AccessDenied when the source's bucket is
 *   another account's, or not that of `x-amz-source-expected-bucket-owner`
 */
export const requireSource = (
  context: Context,
  headers: ReadonlyMap<string, string>,
): { readonly bucket: string; readonly object: StoredObject } => {
  const { bucket, key } = parseSource(headers.get("x-amz-copy-source") ?? "");
  const expectedOwner = headers.get("x-amz-source-expected-bucket-owner");
  const { owner } = requireBucket(context, bucket);
  if (expectedOwner !== undefined && expectedOwner !== owner) throw S3Error.of("AccessDenied");
  const object = requireObject(context, bucket, key);
  if (!isModified(headers, object, "x-amz-copy-source-")) throw S3Error.of("PreconditionFailed");
  return { bucket, object };
};
