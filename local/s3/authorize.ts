import { s3Access } from "../iam/actions.ts";
import { AccessDenied, type Identities } from "../iam/identities.ts";
import type { Context } from "./context.ts";
import { S3Error } from "./errors.ts";
import { parseTarget, type S3Request } from "./request.ts";

const sourceOf = ({ headers }: S3Request): string | undefined => {
  const source = headers.get("x-amz-copy-source");
  if (source === undefined) return undefined;
  const { bucket, key } = parseTarget(source.startsWith("/") ? source : `/${source}`);
  return `${bucket}/${key}`;
};

/** Refuses what the policy of the request's signer does not allow. @throws S3Error AccessDenied */
export const authorize = (context: Context, request: S3Request, operation: string, identities: Identities): void => {
  const accessOf = s3Access((bucket) => context.store.findBucket(bucket)?.owner);
  const asked = accessOf(operation, request.bucket, request.key, sourceOf(request));
  try {
    identities.authorize(
      request.accessKeyId,
      asked ?? [{ action: `s3:${operation}`, resource: `arn:aws:s3:::${request.bucket}` }],
      request.sessionToken,
    );
  } catch (error) {
    throw error instanceof AccessDenied ? S3Error.of("AccessDenied", error.quoted) : error;
  }
};

/**
 * Who may not list a bucket is not told what is not in it: S3 answers that `s3:ListBucket` is not allowed.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 *
 * @param error what the operation failed with
 * @throws S3Error AccessDenied for an absent object in such a bucket
 */
export const hideAbsence = (
  context: Context,
  request: S3Request,
  operation: string,
  identities: Identities,
  error: unknown,
): void => {
  const reads = operation === "GetObject" || operation === "HeadObject";
  if (!reads || !(error instanceof S3Error) || error.code !== "NoSuchKey") return;
  authorize(context, { ...request, key: "" }, "HeadBucket", identities);
};
