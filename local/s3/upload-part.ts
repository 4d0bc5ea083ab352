import { createHash } from "node:crypto";
import { type Checksum, checksumHeaders, checksumTree, startChecksum } from "./checksums.ts";
import { type Context, type Handler, queryNumber, xmlResponse } from "./context.ts";
import { requireSource } from "./copy-source.ts";
import { S3Error } from "./errors.ts";
import { checksumOf, MAX_PART_NUMBER, requireUpload } from "./multipart.ts";
import { quoted, refuseUnknownHeaders } from "./object-headers.ts";
import { openPayload } from "./payload.ts";
import type { S3Request } from "./request.ts";
import type { Part, StoredObject } from "./store.ts";
import { render } from "./xml.ts";

const MAX_PART = 5 * 1024 ** 3;
/** Only of an object that is larger than this can a range be copied. */
const MIN_RANGE_SOURCE = 5 * 1024 ** 2;

const partNumberOf = (request: S3Request): number => {
  const number = queryNumber(request, "partNumber", 0, 1, MAX_PART_NUMBER);
  if (number > 0) return number;
  throw S3Error.of("InvalidArgument", "This operation requires partNumber", { ArgumentName: "partNumber" });
};

/** Makes a part the upload's, whose file is in place already; the file goes if the upload is no more. */
const addPart = async (context: Context, request: S3Request, part: Part): Promise<void> => {
  let replaced: string[];
  try {
    replaced = context.store.transaction(() => context.store.putPart(requireUpload(context, request).id, part));
  } catch (error) {
    await context.content.remove([part.file]);
    throw error;
  }
  await context.content.remove(replaced);
};

const withoutType = ({ "x-amz-checksum-type": _, ...headers }: Record<string, string>): Record<string, string> =>
  headers;

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
 * @throws S3Error NoSuchBucket, NoSuchUpload, InvalidArgument, InvalidRequest when the checksum is not of the upload's
 *   algorithm, and those of the payload
 */
export const uploadPart: Handler = async (context, request) => {
  const number = partNumberOf(request);
  refuseUnknownHeaders(request.headers);
  const upload = requireUpload(context, request);
  const { algorithm, type } = checksumOf(upload);
  const payload = openPayload(request, algorithm);
  const file = await context.content.write(payload.bytes);
  const { size, md5, claimed, computed } = payload.received();
  const etag = md5.toString("hex");
  // Of what no checksum was asked for, any may be sent along; a composite needs its own with every part.
  const needed = upload.checksum !== undefined && (type === "COMPOSITE" || claimed !== undefined);
  if (needed && claimed?.algorithm !== algorithm) {
    await context.content.remove([file]);
    throw S3Error.of(
      "InvalidRequest",
      `Checksum Type mismatch occurred, expected checksum Type: ${algorithm.toLowerCase()}, actual checksum Type: ${claimed?.algorithm.toLowerCase() ?? "null"}`,
    );
  }
  const checksums = [computed, claimed].filter(
    (checksum, index): checksum is Checksum =>
      checksum !== undefined && (index === 0 || checksum.algorithm !== algorithm),
  );
  await addPart(context, request, { number, file, size, etag, checksums, modified: Date.now() });
  return {
    status: 200,
    headers: {
      etag: quoted(etag),
      "x-amz-server-side-encryption": "AES256",
      ...withoutType(checksumHeaders(claimed ?? computed)),
    },
  };
};

/** @throws S3Error InvalidArgument, InvalidRequest when the source is too small to be copied in ranges */
const rangeOf = (
  headers: ReadonlyMap<string, string>,
  { size }: StoredObject,
): readonly [start: number, end: number] => {
  const header = headers.get("x-amz-copy-source-range");
  if (header === undefined) return [0, size];
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(header) ?? [];
  const details = { ArgumentName: "x-amz-copy-source-range", ArgumentValue: header };
  if (first === undefined || last === undefined || Number(last) < Number(first)) {
    throw S3Error.of(
      "InvalidArgument",
      "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
      details,
    );
  }
  if (Number(last) >= size) {
    throw S3Error.of("InvalidArgument", `Range specified is not valid for source object of size: ${size}`, details);
  }
  if (size <= MIN_RANGE_SOURCE) {
    throw S3Error.of("InvalidRequest", "The specified copy source is not supported as a byte-range copy source");
  }
  return [Number(first), Number(last) + 1];
};

/**
 * Copies an object, or a range of one, as a part. The bytes are read in any case, for their digests.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
 * @throws S3Error NoSuchBucket, NoSuchUpload, NoSuchKey, PreconditionFailed, InvalidArgument, InvalidRequest
 */
export const uploadPartCopy: Handler = async (context, request) => {
  const number = partNumberOf(request);
  refuseUnknownHeaders(request.headers);
  const upload = requireUpload(context, request);
  const { object } = requireSource(context, request.headers);
  const [start, end] = rangeOf(request.headers, object);
  if (end - start > MAX_PART) {
    throw S3Error.of(
      "InvalidRequest",
      `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_PART}`,
    );
  }
  const segments = context.store.segmentsOf(object);
  const release = context.content.hold(segments);
  try {
    const { algorithm } = checksumOf(upload);
    const [md5, digest] = [createHash("md5"), startChecksum(algorithm)];
    const bytes = async function* () {
      for await (const chunk of context.content.read(segments, start, end)) {
        md5.update(chunk);
        digest.update(chunk);
        yield chunk;
      }
    };
    const file = await context.content.write(bytes());
    const checksum: Checksum = { algorithm, type: "FULL_OBJECT", value: digest.digest().toString("base64") };
    const part = {
      number,
      file,
      size: end - start,
      etag: md5.digest("hex"),
      checksums: [checksum],
      modified: Date.now(),
    };
    await addPart(context, request, part);
    return xmlResponse(
      render("CopyPartResult", {
        LastModified: new Date(part.modified).toISOString(),
        ETag: quoted(part.etag),
        ...checksumTree(checksum),
      }),
      { "x-amz-server-side-encryption": "AES256" },
    );
  } finally {
    await release();
  }
};
