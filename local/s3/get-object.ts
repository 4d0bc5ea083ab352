import { isModified } from "./conditions.ts";
import { type Handler, refuseVersion, requireObject } from "./context.ts";
import { notImplemented, S3Error } from "./errors.ts";
import { objectHeaders, overrides, refuseUnknownHeaders } from "./object-headers.ts";

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

const answer =
  (withBody: boolean): Handler =>
  (context, request) => {
    const { headers, query, bucket, key } = request;
    refuseUnknownHeaders(headers);
    refuseVersion(query.get("versionId"));
    if (query.has("partNumber")) throw notImplemented("partNumber of a read");
    const object = requireObject(context, bucket, key);
    const own = { ...objectHeaders(object, headers.get("x-amz-checksum-mode") === "ENABLED"), ...overrides(query) };
    if (!isModified(headers, object)) {
      const { etag = "", "last-modified": lastModified = "", "cache-control": cacheControl } = own;
      throw S3Error.of(
        "NotModified",
        undefined,
        {},
        {
          etag,
          "last-modified": lastModified,
          ...(cacheControl === undefined ? {} : { "cache-control": cacheControl }),
        },
      );
    }
    const range = parseRange(headers.get("range"), object.size);
    const { start, end } = range ?? { start: 0, end: object.size };
    const all = { ...own, "content-length": String(end - start) };
    // The checksum is the whole object's, and a client would hold it against the part.
    const sent =
      range === undefined
        ? all
        : Object.fromEntries(Object.entries(all).filter(([name]) => !name.startsWith("x-amz-checksum-")));
    const response = {
      status: range === undefined ? 200 : 206,
      headers: range === undefined ? sent : { ...sent, "content-range": `bytes ${start}-${end - 1}/${object.size}` },
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
 * @throws S3Error NoSuchBucket, NoSuchKey, NotModified, PreconditionFailed, InvalidRange, InvalidArgument, NotImplemented
 */
export const getObject: Handler = answer(true);

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html @throws S3Error as GetObject, without a body */
export const headObject: Handler = answer(false);
