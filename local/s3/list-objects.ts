import { ownerOf } from "./buckets.ts";
import { type Handler, queryNumber, requireBucket, xmlResponse } from "./context.ts";
import { S3Error } from "./errors.ts";
import { quoted } from "./object-headers.ts";
import { encodeUri } from "./sigv4.ts";
import type { Store, StoredObject } from "./store.ts";
import { render } from "./xml.ts";

const MAX_KEYS = 1000;
/** No UTF-8 text holds this byte, so that it sorts after everything that begins alike. */
const AFTER_ALL = Buffer.from([0xff]);
const TOKEN_MARK = "1";

interface Page {
  readonly objects: readonly StoredObject[];
  readonly prefixes: readonly string[];
  /** Where the next page goes on; undefined when there is none. */
  readonly next: Buffer | undefined;
}

interface Listing {
  readonly bucket: string;
  readonly prefix: string;
  readonly delimiter: string;
  readonly after: Buffer;
  readonly max: number;
}

/** One page in the order of the keys' bytes. Below a common prefix no row is read: the walk jumps behind it. */
const listPage = (store: Store, { bucket, prefix, delimiter, after, max }: Listing): Page => {
  const objects: StoredObject[] = [];
  const prefixes: string[] = [];
  const end = Buffer.concat([Buffer.from(prefix), AFTER_ALL]);
  let cursor = after;
  const walk = (): "jump" | "full" | "end" => {
    for (const object of store.objectsBetween(bucket, cursor, end)) {
      if (objects.length + prefixes.length === max) return "full";
      const at = delimiter === "" ? -1 : object.key.indexOf(delimiter, prefix.length);
      if (at === -1) {
        objects.push(object);
        cursor = Buffer.from(object.key);
        continue;
      }
      const common = object.key.slice(0, at + delimiter.length);
      prefixes.push(common);
      cursor = Buffer.concat([Buffer.from(common), AFTER_ALL]);
      return "jump";
    }
    return "end";
  };
  let outcome: ReturnType<typeof walk>;
  do outcome = walk();
  while (outcome === "jump");
  return { objects, prefixes, next: outcome === "full" && max > 0 ? cursor : undefined };
};

const tokenOf = (cursor: Buffer): string => TOKEN_MARK + cursor.toString("base64url");

const cursorOf = (token: string): Buffer => {
  const cursor = Buffer.from(token.slice(TOKEN_MARK.length), "base64url");
  if (tokenOf(cursor) !== token) {
    throw S3Error.of("InvalidArgument", "The continuation token provided is incorrect", {
      ArgumentName: "continuation-token",
    });
  }
  return cursor;
};

const later = (a: Buffer, b: Buffer): Buffer => (Buffer.compare(a, b) < 0 ? b : a);

/** The last byte string before the prefix that matters, so that a key that equals the prefix is in the range. */
const before = (prefix: string): Buffer => {
  const bytes = Buffer.from(prefix);
  const last = bytes.at(-1);
  if (last === undefined || last === 0) return bytes.subarray(0, -1);
  return Buffer.concat([bytes.subarray(0, -1), Buffer.from([last - 1]), AFTER_ALL]);
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 * @throws S3Error NoSuchBucket, InvalidArgument
 */
export const listObjectsV2: Handler = (context, request) => {
  const { query, bucket } = request;
  requireBucket(context, bucket);
  if (query.get("list-type") !== "2")
    throw S3Error.of("InvalidArgument", "Invalid List Type", { ArgumentName: "list-type" });
  const encoding = query.get("encoding-type");
  if (encoding !== undefined && encoding !== "url") {
    throw S3Error.of("InvalidArgument", "Invalid Encoding Method specified in Request", {
      ArgumentName: "encoding-type",
    });
  }
  const requested = queryNumber(request, "max-keys", MAX_KEYS, 0, 2 ** 31 - 1);
  const [prefix, delimiter, token, startAfter] = ["prefix", "delimiter", "continuation-token", "start-after"].map(
    (name) => query.get(name),
  );
  const from = token === undefined ? Buffer.from(startAfter ?? "") : cursorOf(token);
  const page = listPage(context.store, {
    bucket,
    prefix: prefix ?? "",
    delimiter: delimiter ?? "",
    after: later(from, before(prefix ?? "")),
    max: Math.min(requested, MAX_KEYS),
  });
  // S3 leaves slashes readable in encoded names.
  const name = (text: string) => (encoding === "url" ? text.split("/").map(encodeUri).join("/") : text);
  const owner = query.get("fetch-owner") === "true" ? ownerOf(context) : undefined;
  return xmlResponse(
    render("ListBucketResult", {
      Name: bucket,
      Prefix: name(prefix ?? ""),
      Delimiter: delimiter && name(delimiter),
      StartAfter: startAfter && name(startAfter),
      ContinuationToken: token,
      NextContinuationToken: page.next && tokenOf(page.next),
      KeyCount: page.objects.length + page.prefixes.length,
      MaxKeys: requested > MAX_KEYS ? MAX_KEYS : requested,
      EncodingType: encoding,
      IsTruncated: page.next !== undefined,
      Contents: page.objects.map(({ key, modified, etag, size, attributes: { checksum } }) => ({
        Key: name(key),
        LastModified: new Date(modified).toISOString(),
        ETag: quoted(etag),
        ChecksumAlgorithm: checksum?.algorithm,
        ChecksumType: checksum?.type,
        Size: size,
        Owner: owner,
        StorageClass: "STANDARD",
      })),
      CommonPrefixes: page.prefixes.map((common) => ({ Prefix: name(common) })),
    }),
  );
};
