import { notImplemented, S3Error } from "./errors.ts";
import type { StoredObject } from "./store.ts";

type Version = Pick<StoredObject, "etag" | "modified">;

const names = (list: string, etag: string): boolean =>
  list.split(",").some((entry) => {
    const tag = entry.trim().replace(/^W\//, "");
    return tag === "*" || tag.replace(/^"(.*)"$/, "$1") === etag;
  });

/** HTTP dates have no fractions of a second, so that an object counts as modified at its second's start. */
const secondsOf = (modified: number): number => Math.floor(modified / 1000) * 1000;

const timeOf = (date: string | undefined): number | undefined => {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? undefined : time;
};

const failed = (condition: string): S3Error => S3Error.of("PreconditionFailed", undefined, { Condition: condition });

/**
 * Decides the four conditions of a read or of a copy's source (with that prefix). If-Match outweighs If-Unmodified-Since,
 * and If-None-Match outweighs If-Modified-Since, as RFC 9110 and S3 have it.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 * @throws S3Error PreconditionFailed
 */
export const isModified = (headers: ReadonlyMap<string, string>, object: Version, prefix = ""): boolean => {
  const header = (name: string) => headers.get(`${prefix}${name}`);
  const match = header("if-match");
  const unmodifiedSince = timeOf(header("if-unmodified-since"));
  if (match !== undefined) {
    if (!names(match, object.etag)) throw failed("If-Match");
  } else if (unmodifiedSince !== undefined && secondsOf(object.modified) > unmodifiedSince) {
    throw failed("If-Unmodified-Since");
  }
  const noneMatch = header("if-none-match");
  if (noneMatch !== undefined) return !names(noneMatch, object.etag);
  const modifiedSince = timeOf(header("if-modified-since"));
  return modifiedSince === undefined || secondsOf(object.modified) > modifiedSince;
};

/**
 * Decides the conditions of a write against what the key holds now. Asked again in the transaction that writes, so that of
 * several writers with `If-None-Match: *` exactly one succeeds.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 * @throws S3Error PreconditionFailed; NoSuchKey for If-Match without an object; NotImplemented for an ETag in If-None-Match
 */
export const expectWritable = (
  headers: ReadonlyMap<string, string>,
  key: string,
  existing: Version | undefined,
): void => {
  const noneMatch = headers.get("if-none-match");
  if (noneMatch !== undefined && noneMatch !== "*") throw notImplemented("If-None-Match other than * for a write");
  if (noneMatch !== undefined && existing !== undefined) throw failed("If-None-Match");
  const match = headers.get("if-match");
  if (match === undefined) return;
  if (existing === undefined) throw S3Error.of("NoSuchKey", undefined, { Key: key });
  if (!names(match, existing.etag)) throw failed("If-Match");
};
