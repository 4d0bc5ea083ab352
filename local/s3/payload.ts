import { createHash } from "node:crypto";
import { decodeAwsChunked } from "./aws-chunked.ts";
import { type Checksum, checksumHeader, claimedChecksum, expectChecksumValue, startChecksum } from "./checksums.ts";
import { notImplemented, S3Error } from "./errors.ts";
import type { S3Request } from "./request.ts";
import { type Element, parseXml } from "./xml.ts";

const TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const MAX_UPLOAD = 5 * 1024 ** 3;
const MAX_DOCUMENT = 1024 ** 2;

/** What is known of a payload once all of it has come and every claim about it held. */
export interface Received {
  readonly size: number;
  readonly md5: Buffer;
  readonly checksum: Checksum | undefined;
}

/** A payload on its way: iterate `bytes` to the end, then ask for `received`. */
export interface Payload {
  readonly bytes: AsyncIterable<Buffer>;
  received(): Received;
}

const expectedMd5 = (headers: ReadonlyMap<string, string>): Buffer | undefined => {
  const value = headers.get("content-md5");
  if (value === undefined) return undefined;
  const bytes = Buffer.from(value, "base64");
  if (bytes.length !== 16) throw S3Error.of("InvalidDigest", undefined, { "Content-MD5": value });
  return bytes;
};

const expectedSize = (request: S3Request, chunked: boolean): number => {
  const header = request.headers.get(chunked ? "x-amz-decoded-content-length" : "content-length");
  if (header === undefined || !/^\d+$/.test(header)) throw S3Error.of("MissingContentLength");
  const size = Number(header);
  if (size > MAX_UPLOAD) {
    throw S3Error.of("EntityTooLarge", undefined, { ProposedSize: header, MaxSizeAllowed: String(MAX_UPLOAD) });
  }
  return size;
};

const expectedSha256 = (payloadHash: string): string | undefined => {
  if (payloadHash === TRAILER || payloadHash === "UNSIGNED-PAYLOAD") return undefined;
  if (payloadHash.startsWith("STREAMING-")) throw notImplemented(`x-amz-content-sha256: ${payloadHash}`);
  if (/^[0-9a-f]{64}$/.test(payloadHash)) return payloadHash;
  throw S3Error.of(
    "InvalidArgument",
    `x-amz-content-sha256 must be UNSIGNED-PAYLOAD, ${TRAILER} or a valid sha256 value.`,
  );
};

/**
 * Opens a request's payload. Every claim (length, Content-MD5, `x-amz-content-sha256`, `x-amz-checksum-*`, trailer) is
 * checked when the last byte is there, and the iteration fails if one does not hold.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 * @throws S3Error MissingContentLength, EntityTooLarge, InvalidDigest, InvalidRequest, InvalidArgument, NotImplemented at
 *   once; BadDigest, XAmzContentSHA256Mismatch, IncompleteBody and those of the framing while iterating
 */
export const openPayload = (request: S3Request): Payload => {
  const chunked = request.payloadHash === TRAILER;
  const size = expectedSize(request, chunked);
  const md5 = expectedMd5(request.headers);
  const sha256 = expectedSha256(request.payloadHash);
  const claim = claimedChecksum(request.headers);
  if (claim !== undefined && claim.value === undefined && !chunked) {
    throw S3Error.of("InvalidRequest", `x-amz-trailer needs x-amz-content-sha256: ${TRAILER}`);
  }
  let received: Received | undefined;

  const bytes = async function* (): AsyncGenerator<Buffer> {
    const trailers = new Map<string, string>();
    const [md5Hash, sha256Hash] = [createHash("md5"), sha256 === undefined ? undefined : createHash("sha256")];
    const checksum = claim === undefined ? undefined : startChecksum(claim.algorithm);
    let count = 0;
    for await (const chunk of chunked ? decodeAwsChunked(request.body(), trailers) : request.body()) {
      count += chunk.length;
      if (count > size) throw S3Error.of("IncompleteBody", "The request body was longer than announced");
      md5Hash.update(chunk);
      sha256Hash?.update(chunk);
      checksum?.update(chunk);
      yield chunk;
    }
    if (count !== size) throw S3Error.of("IncompleteBody");
    const computedMd5 = md5Hash.digest();
    if (md5 !== undefined && !md5.equals(computedMd5)) {
      throw S3Error.of("BadDigest", undefined, {
        ExpectedDigest: md5.toString("base64"),
        CalculatedDigest: computedMd5.toString("base64"),
      });
    }
    const computedSha256 = sha256Hash?.digest("hex");
    if (computedSha256 !== sha256) {
      throw S3Error.of("XAmzContentSHA256Mismatch", undefined, {
        ClientComputedContentSHA256: sha256 ?? "",
        S3ComputedContentSHA256: computedSha256 ?? "",
      });
    }
    received = { size: count, md5: computedMd5, checksum: undefined };
    if (claim === undefined || checksum === undefined) return;
    const value = claim.value ?? trailers.get(checksumHeader(claim.algorithm));
    if (value === undefined) throw S3Error.of("MalformedTrailerError");
    expectChecksumValue(claim.algorithm, value);
    if (checksum.digest().toString("base64") !== value) {
      throw S3Error.of("BadDigest", `The ${claim.algorithm} you specified did not match the calculated checksum.`);
    }
    received = { ...received, checksum: { algorithm: claim.algorithm, type: "FULL_OBJECT", value } };
  };

  return {
    bytes: bytes(),
    received: () => {
      if (received === undefined) throw new Error("the payload has not been read to its end");
      return received;
    },
  };
};

/** Reads a document that comes as a body, such as a policy. @throws S3Error MaxMessageLengthExceeded, and those of the payload */
export const readText = async (request: S3Request): Promise<string> => {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_DOCUMENT) throw S3Error.of("MaxMessageLengthExceeded");
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of openPayload(request).bytes) {
    size += chunk.length;
    if (size > MAX_DOCUMENT) throw S3Error.of("MaxMessageLengthExceeded");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

/** Reads an XML body. @throws S3Error MalformedXML, and those of {@link readText} */
export const readXml = async (request: S3Request): Promise<Element> => parseXml(await readText(request));
