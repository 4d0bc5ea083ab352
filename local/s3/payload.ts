import { decodeAwsChunked } from "./aws-chunked.ts";
import {
  type Checksum,
  type ChecksumAlgorithm,
  checksumHeader,
  claimedChecksum,
  expectChecksumValue,
  startChecksum,
} from "./checksums.ts";
import { S3Error } from "./errors.ts";
import type { S3Request } from "./request.ts";
import { type Element, parseXml } from "./xml.ts";

/** The ways to frame a body in chunks: whether each is signed, and whether a trailer comes after them. */
const FRAMINGS: Readonly<Record<string, { readonly signed: boolean; readonly trailer: boolean }>> = {
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER": { signed: false, trailer: true },
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": { signed: true, trailer: false },
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": { signed: true, trailer: true },
};
const MAX_UPLOAD = 5 * 1024 ** 3;
const MAX_DOCUMENT = 1024 ** 2;

/** What is known of a payload once all of it has come and every claim about it held. */
export interface Received {
  readonly size: number;
  readonly md5: Buffer;
  /** What the client sent, and what came is true to. */
  readonly claimed: Checksum | undefined;
  /** What was asked for besides. */
  readonly computed: Checksum | undefined;
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
  if (Object.hasOwn(FRAMINGS, payloadHash) || payloadHash === "UNSIGNED-PAYLOAD") return undefined;
  if (/^[0-9a-f]{64}$/.test(payloadHash)) return payloadHash;
  throw S3Error.of(
    "InvalidArgument",
    `x-amz-content-sha256 must be UNSIGNED-PAYLOAD, ${Object.keys(FRAMINGS).join(", ")} or a valid sha256 value.`,
  );
};

/** Hashes that go over the same bytes, and what each has to come to. */
const startDigests = (names: readonly ChecksumAlgorithm[]) => {
  const running = new Map([...new Set(names)].map((name) => [name, startChecksum(name)]));
  const done = new Map<ChecksumAlgorithm, Buffer>();
  return {
    update: (chunk: Buffer): void => {
      for (const digest of running.values()) digest.update(chunk);
    },
    of: (name: ChecksumAlgorithm): Buffer => {
      const digest = done.get(name) ?? running.get(name)?.digest();
      if (digest === undefined) throw new Error(`${name} was not asked for`);
      done.set(name, digest);
      return digest;
    },
  };
};

/**
 * Opens a request's payload. Every claim (length, Content-MD5, `x-amz-content-sha256`, `x-amz-checksum-*`, trailer,
 * signatures of chunks) is checked when the last byte is there, and the iteration fails if one does not hold.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 * @param also a checksum that is wanted whatever the client claims
 * @throws S3Error MissingContentLength, EntityTooLarge, InvalidDigest, InvalidRequest, InvalidArgument, NotImplemented at
 *   once; BadDigest, XAmzContentSHA256Mismatch, IncompleteBody and those of the framing while iterating
 */
export const openPayload = (request: S3Request, also?: ChecksumAlgorithm): Payload => {
  const framing = FRAMINGS[request.payloadHash];
  const size = expectedSize(request, framing !== undefined);
  const md5 = expectedMd5(request.headers);
  const sha256 = expectedSha256(request.payloadHash);
  const claim = claimedChecksum(request.headers);
  if (claim !== undefined && claim.value === undefined && framing?.trailer !== true) {
    throw S3Error.of("InvalidRequest", "x-amz-trailer needs an x-amz-content-sha256 that ends in -TRAILER");
  }
  if (framing?.signed === true && request.seal === undefined) {
    throw S3Error.of("InvalidRequest", "Signed chunks need a signature in the Authorization header");
  }
  let received: Received | undefined;

  const bytes = async function* (): AsyncGenerator<Buffer> {
    const trailers = new Map<string, string>();
    const digests = startDigests([
      "MD5",
      ...(sha256 === undefined ? [] : ["SHA256" as const]),
      ...(claim === undefined ? [] : [claim.algorithm]),
      ...(also === undefined ? [] : [also]),
    ]);
    const seal = framing?.signed === true ? request.seal : undefined;
    let count = 0;
    for await (const chunk of framing === undefined
      ? request.body()
      : decodeAwsChunked(request.body(), trailers, seal)) {
      count += chunk.length;
      if (count > size) throw S3Error.of("IncompleteBody", "The request body was longer than announced");
      digests.update(chunk);
      yield chunk;
    }
    if (count !== size) throw S3Error.of("IncompleteBody");
    const computedMd5 = digests.of("MD5");
    if (md5 !== undefined && !md5.equals(computedMd5)) {
      throw S3Error.of("BadDigest", undefined, {
        ExpectedDigest: md5.toString("base64"),
        CalculatedDigest: computedMd5.toString("base64"),
      });
    }
    if (sha256 !== undefined && digests.of("SHA256").toString("hex") !== sha256) {
      throw S3Error.of("XAmzContentSHA256Mismatch", undefined, {
        ClientComputedContentSHA256: sha256,
        S3ComputedContentSHA256: digests.of("SHA256").toString("hex"),
      });
    }
    const checksumOf = (algorithm: ChecksumAlgorithm): Checksum => ({
      algorithm,
      type: "FULL_OBJECT",
      value: digests.of(algorithm).toString("base64"),
    });
    const claimed = claim && checksumOf(claim.algorithm);
    if (claim !== undefined) {
      const value = claim.value ?? trailers.get(checksumHeader(claim.algorithm));
      if (value === undefined) throw S3Error.of("MalformedTrailerError");
      expectChecksumValue(claim.algorithm, value);
      if (value !== claimed?.value) {
        throw S3Error.of("BadDigest", `The ${claim.algorithm} you specified did not match the calculated checksum.`);
      }
    }
    received = { size: count, md5: computedMd5, claimed, computed: also && checksumOf(also) };
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
