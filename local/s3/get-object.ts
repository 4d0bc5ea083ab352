import { type Checksum, checksumHeaders } from "./checksums.ts";
import { isModified } from "./conditions.ts";
import { type Context, type Handler, queryNumber, refuseVersion, requireObject } from "./context.ts";
import { S3Error } from "./errors.ts";
import { expirationHeaders } from "./lifecycle.ts";
import { MAX_PART_NUMBER } from "./multipart.ts";
import { objectHeaders, overrides, refuseUnknownHeaders } from "./object-headers.ts";
import type { S3Request } from "./request.ts";
import type { StoredObject } from "./store.ts";

interface Range {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** A malformed or multiple range is ignored, as S3 does. @throws S3Error InvalidRange when it lies outside of the object */
const parseRange = (header: string | undefined, size: number): Range | undefined => {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (header === undefined || first === undefined || last === undefined || first + last === "") return undefined;
  const start = first === "" ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(Number(last) + 1, size);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  if (start < end) return { start, end };
  throw S3Error.of("InvalidRange", undefined, { RangeRequested: header, ActualObjectSize: String(size) });
};

interface Piece extends Range {
  /** The checksum of just this piece, if there is one. */
  readonly checksum: Checksum | undefined;
  readonly partsCount?: number;
}

/**
 * The range that one part of an object takes; an object that was uploaded as a whole is its own only part.
 * @throws S3Error InvalidArgument, InvalidRequest beside a range, InvalidPartNumber when there is no such part
 */
const parsePart = (context: Context, request: S3Request, object: StoredObject): Piece | undefined => {
  if (!request.query.has("partNumber")) return undefined;
  const number = queryNumber(request, "partNumber", 1, 1, MAX_PART_NUMBER);
  if (request.headers.has("range")) {
    throw S3Error.of("InvalidRequest", "Cannot specify both Range header and partNumber query parameter.");
  }
  const stored = context.store.partsOf(object);
  const parts = stored.length === 0 ? [{ number: 1, size: object.size, checksum: object.attributes.checksum }] : stored;
  let start = 0;
  for (const { number: candidate, size, checksum } of parts) {
    const piece = { start, end: start + size, checksum };
    if (candidate === number) return stored.length === 0 ? piece : { ...piece, partsCount: parts.length };
    start += size;
  }
  throw S3Error.of("InvalidPartNumber", undefined, {
    ActualPartCount: String(parts.length),
    PartNumberRequested: String(number),
  });
};

const notModified = ({ etag = "", "last-modified": lastModified = "", ...own }: Record<string, string>): S3Error => {
  const cacheControl = own["cache-control"];
  const headers = { etag, "last-modified": lastModified };
  return S3Error.of(
    "NotModified",
    undefined,
    {},
    cacheControl === undefined ? headers : { ...headers, "cache-control": cacheControl },
  );
};

const answer =
  (withBody: boolean): Handler =>
  (context, request) => {
    const { headers, query, bucket, key } = request;
    refuseUnknownHeaders(headers);
    refuseVersion(query.get("versionId"));
    const object = requireObject(context, bucket, key);
    const own = {
      ...objectHeaders(object),
      ...expirationHeaders(context, bucket, object),
      ...overrides(query),
    };
    if (!isModified(headers, object)) throw notModified(own);
    const piece = parsePart(context, request, object);
    const range = piece ?? parseRange(headers.get("range"), object.size);
    const { start, end } = range ?? { start: 0, end: object.size };
    // The checksum is the whole object's, and a client would hold it against a range.
    const checksum = range === undefined ? object.attributes.checksum : piece?.checksum;
    const empty = object.size === 0;
    const response = {
      status: range === undefined || empty ? 200 : 206,
      headers: {
        ...own,
        ...(headers.get("x-amz-checksum-mode")?.toUpperCase() === "ENABLED" ? checksumHeaders(checksum) : {}),
        ...(piece?.partsCount === undefined ? {} : { "x-amz-mp-parts-count": String(piece.partsCount) }),
        ...(range === undefined || empty ? {} : { "content-range": `bytes ${start}-${end - 1}/${object.size}` }),
        "content-length": String(end - start),
      },
    };
    if (!withBody) return response;
    // From here on the files stay, whoever replaces the object meanwhile: no other request runs between look-up and hold.
    const segments = context.store.segmentsOf(object);
    return {
      ...response,
      body: context.content.read(segments, start, end),
      release: context.content.hold(segments),
    };
  };

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 * @throws S3Error NoSuchBucket, NoSuchKey, NotModified, PreconditionFailed, InvalidRange, InvalidPartNumber,
 *   InvalidArgument, InvalidRequest, NotImplemented
 */
export const getObject: Handler = answer(true);

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html @throws S3Error as GetObject, without a body */
export const headObject: Handler = answer(false);
