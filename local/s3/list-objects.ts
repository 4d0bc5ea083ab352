import { ownerOf } from "./buckets.ts";
import { type Context, type Handler, queryNumber, requireBucket, xmlResponse } from "./context.ts";
import { notImplemented, S3Error } from "./errors.ts";
import { type Cursor, cursorAfter, listPage, nameEncoder, type Page, startAfter } from "./listing.ts";
import { quoted } from "./object-headers.ts";
import type { S3Request } from "./request.ts";
import type { StoredObject } from "./store.ts";
import { render, type XmlTree } from "./xml.ts";

const MAX_KEYS = 1000;
const TOKEN_MARK = "1";

const tokenOf = (key: Buffer): string => TOKEN_MARK + key.toString("base64url");

const cursorOf = (token: string): Cursor => {
  const key = Buffer.from(token.slice(TOKEN_MARK.length), "base64url");
  if (tokenOf(key) !== token) {
    throw S3Error.of("InvalidArgument", "The continuation token provided is incorrect", {
      ArgumentName: "continuation-token",
    });
  }
  return { key, id: "" };
};

/** What both versions of the operation read from the query alike. */
const read = ({ query, ...request }: S3Request) => {
  const asked = queryNumber({ query, ...request }, "max-keys", MAX_KEYS, 0, 2 ** 31 - 1);
  if (request.headers.has("x-amz-optional-object-attributes")) throw notImplemented("x-amz-optional-object-attributes");
  return {
    name: nameEncoder(query.get("encoding-type")),
    encoding: query.get("encoding-type"),
    prefix: query.get("prefix") ?? "",
    delimiter: query.get("delimiter") ?? "",
    max: Math.min(asked, MAX_KEYS),
  };
};

const pageOf = ({ store }: Context, bucket: string, wanted: ReturnType<typeof read>, after: Cursor) =>
  listPage<StoredObject>({
    ...wanted,
    after,
    entriesBetween: ({ key }, to) => store.objectsBetween(bucket, key, to),
  });

const entries = (page: Page<StoredObject>, name: (text: string) => string, owner: XmlTree | undefined): XmlTree => ({
  Contents: page.entries.map(({ key, modified, etag, size, attributes: { checksum } }) => ({
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
});

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 * @throws S3Error NoSuchBucket, InvalidArgument
 */
export const listObjectsV2: Handler = (context, request) => {
  const { query, bucket } = request;
  requireBucket(context, bucket);
  if (query.get("list-type") !== "2") {
    throw S3Error.of("InvalidArgument", "Invalid List Type", { ArgumentName: "list-type" });
  }
  const wanted = read(request);
  const { name, encoding, prefix, delimiter, max } = wanted;
  const [token, start] = [query.get("continuation-token"), query.get("start-after")];
  const after = token === undefined ? startAfter(start ?? "", prefix, delimiter) : cursorAfter(cursorOf(token), prefix);
  const page = pageOf(context, bucket, wanted, after);
  const owner = query.get("fetch-owner") === "true" ? ownerOf(context) : undefined;
  return xmlResponse(
    render("ListBucketResult", {
      Name: bucket,
      Prefix: name(prefix),
      Delimiter: delimiter === "" ? undefined : name(delimiter),
      StartAfter: start && name(start),
      ContinuationToken: token,
      NextContinuationToken: page.next && tokenOf(page.next.key),
      KeyCount: page.entries.length + page.prefixes.length,
      MaxKeys: max,
      EncodingType: encoding,
      IsTruncated: page.next !== undefined,
      ...entries(page, name, owner),
    }),
  );
};

/** The last key or common prefix of a page. */
const lastOf = ({ entries: objects, prefixes }: Page<StoredObject>): string => {
  const [key, prefix] = [objects.at(-1)?.key ?? "", prefixes.at(-1) ?? ""];
  return Buffer.compare(Buffer.from(key), Buffer.from(prefix)) < 0 ? prefix : key;
};

/**
 * The first version, which goes on after a key instead of a token.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html
 * @throws S3Error NoSuchBucket, InvalidArgument
 */
export const listObjects: Handler = (context, request) => {
  const { query, bucket } = request;
  requireBucket(context, bucket);
  const wanted = read(request);
  const { name, encoding, prefix, delimiter, max } = wanted;
  const marker = query.get("marker") ?? "";
  const page = pageOf(context, bucket, wanted, startAfter(marker, prefix, delimiter));
  return xmlResponse(
    render("ListBucketResult", {
      Name: bucket,
      Prefix: name(prefix),
      Marker: name(marker),
      NextMarker: page.next !== undefined && delimiter !== "" ? name(lastOf(page)) : undefined,
      Delimiter: delimiter === "" ? undefined : name(delimiter),
      MaxKeys: max,
      EncodingType: encoding,
      IsTruncated: page.next !== undefined,
      ...entries(page, name, ownerOf(context)),
    }),
  );
};
