import { createHash } from "node:crypto";
import { type Crc, type CrcAlgorithm, combineCrc, startCrc } from "./crc.ts";
import { notImplemented, S3Error } from "./errors.ts";

type HashAlgorithm = "MD5" | "SHA1" | "SHA256" | "SHA512";
export type ChecksumAlgorithm = CrcAlgorithm | HashAlgorithm;
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

/** A stored checksum: base64, with `-N` after it when it is composed of N parts' checksums. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

const BYTES: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  MD5: 16,
  SHA1: 20,
  SHA256: 32,
  SHA512: 64,
};
export const ALGORITHMS = Object.keys(BYTES) as ChecksumAlgorithm[];
/** What S3 has besides; a checksum that is asked for and not verified would be worse than none. */
const UNKNOWN = /^(x-amz-checksum-)?xxhash(64|3|128)$/i;

/** S3 computes it for what comes without a checksum. */
export const DEFAULT_ALGORITHM = "CRC64NVME";

export const isHash = (algorithm: ChecksumAlgorithm): algorithm is HashAlgorithm =>
  algorithm === "MD5" || algorithm.startsWith("SHA");

/** `x-amz-checksum-sha256` and the like. */
export const checksumHeader = (algorithm: ChecksumAlgorithm): string => `x-amz-checksum-${algorithm.toLowerCase()}`;

/** `ChecksumSHA256` and the like. */
export const checksumElement = (algorithm: ChecksumAlgorithm): string => `Checksum${algorithm}`;

const algorithmOfHeader = (header: string): ChecksumAlgorithm | undefined =>
  ALGORITHMS.find((algorithm) => checksumHeader(algorithm) === header.toLowerCase());

/** @throws S3Error InvalidRequest when there is no such algorithm; NotImplemented for one that only S3 has */
export const parseAlgorithm = (name: string): ChecksumAlgorithm => {
  if (UNKNOWN.test(name)) throw notImplemented(name);
  const algorithm = ALGORITHMS.find((known) => known === name.toUpperCase());
  if (algorithm !== undefined) return algorithm;
  throw S3Error.of(
    "InvalidRequest",
    "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512]",
  );
};

export const startChecksum = (algorithm: ChecksumAlgorithm): Crc => {
  if (!isHash(algorithm)) return startCrc(algorithm);
  const hash = createHash(algorithm);
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest() };
};

/** What a client claims about its payload: the algorithm, and the value unless a trailer brings it. */
export interface ChecksumClaim {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string | undefined;
}

/** @throws S3Error InvalidRequest when it is not base64 of the algorithm's length */
export const expectChecksumValue = (algorithm: ChecksumAlgorithm, value: string): void => {
  const bytes = Buffer.from(value, "base64");
  if (bytes.length !== BYTES[algorithm] || bytes.toString("base64") !== value) {
    throw S3Error.of("InvalidRequest", `Value for ${checksumHeader(algorithm)} header is invalid.`);
  }
};

/**
 * Reads the one checksum that a request may carry, as a header or as an announced trailer.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 * @throws S3Error InvalidRequest for several checksums, a malformed value, or an algorithm without a checksum;
 *   NotImplemented for an algorithm that only S3 has
 */
export const claimedChecksum = (headers: ReadonlyMap<string, string>): ChecksumClaim | undefined => {
  const unknown = [...headers.keys(), headers.get("x-amz-trailer")?.trim() ?? ""].find((name) => UNKNOWN.test(name));
  if (unknown !== undefined) throw notImplemented(unknown);
  const claims: ChecksumClaim[] = ALGORITHMS.flatMap((algorithm) => {
    const value = headers.get(checksumHeader(algorithm));
    return value === undefined ? [] : [{ algorithm, value }];
  });
  const trailer = headers.get("x-amz-trailer");
  if (trailer !== undefined) {
    const algorithm = algorithmOfHeader(trailer.trim());
    if (algorithm === undefined) {
      throw S3Error.of("InvalidRequest", "The value specified in the x-amz-trailer header is not supported");
    }
    claims.push({ algorithm, value: undefined });
  }
  const [claim, another] = claims;
  if (another !== undefined) {
    throw S3Error.of(
      "InvalidRequest",
      "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    );
  }
  if (claim?.value !== undefined) expectChecksumValue(claim.algorithm, claim.value);
  if (claim === undefined && headers.has("x-amz-sdk-checksum-algorithm")) {
    throw S3Error.of(
      "InvalidRequest",
      "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
    );
  }
  return claim;
};

/** A stored checksum as an element of a document. */
export const checksumTree = (checksum: Checksum | undefined): Record<string, string> =>
  checksum === undefined ? {} : { [checksumElement(checksum.algorithm)]: checksum.value };

/** The response headers of a stored checksum. */
export const checksumHeaders = (checksum: Checksum | undefined): Record<string, string> =>
  checksum === undefined
    ? {}
    : { [checksumHeader(checksum.algorithm)]: checksum.value, "x-amz-checksum-type": checksum.type };

/** The checksum of an object that is joined from parts. */
export const joinChecksums = (
  algorithm: ChecksumAlgorithm,
  type: ChecksumType,
  parts: readonly { readonly checksum: string; readonly size: number }[],
): Checksum => {
  const digests: Buffer[] = parts.map(({ checksum }) => Buffer.from(checksum, "base64"));
  if (type === "COMPOSITE" || isHash(algorithm)) {
    const joined = startChecksum(algorithm);
    for (const digest of digests) joined.update(digest);
    return { algorithm, type: "COMPOSITE", value: `${joined.digest().toString("base64")}-${parts.length}` };
  }
  const whole = digests.reduce((left, right, index) => combineCrc(algorithm, left, right, parts[index]?.size ?? 0));
  return { algorithm, type: "FULL_OBJECT", value: whole.toString("base64") };
};
