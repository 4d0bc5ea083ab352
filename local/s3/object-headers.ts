import { notImplemented, S3Error } from "./errors.ts";
import type { Attributes, StoredObject } from "./store.ts";
import { readTagHeader } from "./tags.ts";

const STORED = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
] as const;
const META = "x-amz-meta-";
const MAX_METADATA = 2 * 1024;

/** Headers that ask for what this engine does not do; ignoring them would store something else than was asked for. */
const REFUSED =
  /^x-amz-(website-redirect-location|grant-.*|object-lock-.*|server-side-encryption-.*|copy-source-server-side-.*|write-offset-bytes)$/;
const ONLY: Readonly<Record<string, readonly string[]>> = {
  "x-amz-acl": ["private", "bucket-owner-full-control"],
  "x-amz-storage-class": ["STANDARD"],
  "x-amz-server-side-encryption": ["AES256"],
};

/** @throws S3Error NotImplemented, naming the header */
export const refuseUnknownHeaders = (headers: ReadonlyMap<string, string>): void => {
  for (const [name, value] of headers) {
    if (REFUSED.test(name)) throw notImplemented(name);
    if (Object.hasOwn(ONLY, name) && !ONLY[name]?.includes(value)) throw notImplemented(`${name}: ${value}`);
  }
};

/** The framing of the upload is not part of what is stored. */
const withoutChunking = (encoding: string): string =>
  encoding
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "aws-chunked")
    .join(",");

/**
 * Reads what a write stores besides the bytes.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
 * @throws S3Error NotImplemented, MetadataTooLarge, InvalidTag, and others of `x-amz-tagging`
 */
export const readAttributes = (headers: ReadonlyMap<string, string>): Attributes => {
  refuseUnknownHeaders(headers);
  const stored: Record<string, string> = { "content-type": "binary/octet-stream" };
  for (const name of STORED) {
    const value = headers.get(name);
    const kept = name === "content-encoding" ? withoutChunking(value ?? "") : value;
    if (kept) stored[name] = kept;
  }
  const metadata = Object.fromEntries(
    [...headers].filter(([name]) => name.startsWith(META)).map(([name, value]) => [name.slice(META.length), value]),
  );
  const size = Object.entries(metadata).reduce((sum, pair) => sum + Buffer.byteLength(pair.join("")), 0);
  if (size > MAX_METADATA) {
    throw S3Error.of("MetadataTooLarge", undefined, { Size: String(size), MaxSizeAllowed: String(MAX_METADATA) });
  }
  const tags = readTagHeader(headers) ?? [];
  return { headers: stored, metadata, ...(tags.length === 0 ? {} : { tags }) };
};

/** Metadata beyond printable ASCII comes back in RFC 2047's encoding, as from S3. */
const printable = (value: string): string =>
  /^[\x20-\x7e]*$/.test(value) ? value : `=?UTF-8?B?${Buffer.from(value).toString("base64")}?=`;

export const quoted = (etag: string): string => `"${etag}"`;

/** The headers of a read, without its checksum. */
export const objectHeaders = (object: StoredObject): Record<string, string> => ({
  ...object.attributes.headers,
  ...Object.fromEntries(
    Object.entries(object.attributes.metadata).map(([name, value]) => [`${META}${name}`, printable(value)]),
  ),
  ...(object.attributes.tags === undefined ? {} : { "x-amz-tagging-count": String(object.attributes.tags.length) }),
  etag: quoted(object.etag),
  "last-modified": new Date(object.modified).toUTCString(),
  "accept-ranges": "bytes",
  "x-amz-server-side-encryption": "AES256",
});

/**
 * The `response-*` parameters that replace headers of a read.
 * @throws S3Error InvalidArgument for a value that no header can carry
 */
export const overrides = (query: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries(
    STORED.flatMap((name) => {
      const value = query.get(`response-${name}`);
      if (value === undefined) return [];
      if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
        throw S3Error.of("InvalidArgument", `Header value cannot be represented using ISO-8859-1.response-${name}`, {
          ArgumentName: `response-${name}`,
          ArgumentValue: value,
        });
      }
      return [[name, value]];
    }),
  );
