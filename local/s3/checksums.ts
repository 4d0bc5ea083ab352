import { createHash } from "node:crypto";
import { type Crc, type CrcAlgorithm, combineCrc, startCrc } from "./crc.ts";
import { S3Error } from "./errors.ts";

export type ChecksumAlgorithm = CrcAlgorithm | "SHA1" | "SHA256";
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

/** A stored checksum: base64, with `-N` after it when it is composed of N parts' checksums. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

const BYTES: Readonly<Record<ChecksumAlgorithm, number>> = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 };
const ALGORITHMS = Object.keys(BYTES) as ChecksumAlgorithm[];

/** `x-amz-checksum-sha256` and the like. */
export const checksumHeader = (algorithm: ChecksumAlgorithm): string => `x-amz-checksum-${algorithm.toLowerCase()}`;

/** `ChecksumSHA256` and the like. */
export const checksumElement = (algorithm: ChecksumAlgorithm): string => `Checksum${algorithm}`;

const algorithmOfHeader = (header: string): ChecksumAlgorithm | undefined =>
  ALGORITHMS.find((algorithm) => checksumHeader(algorithm) === header.toLowerCase());

/** @throws S3Error InvalidRequest when there is no such algorithm */
export const parseAlgorithm = (name: string): ChecksumAlgorithm => {
  const algorithm = ALGORITHMS.find((known) => known === name.toUpperCase());
  if (algorithm !== undefined) return algorithm;
  throw S3Error.of(
    "InvalidRequest",
    "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
  );
};

export const startChecksum = (algorithm: ChecksumAlgorithm): Crc => {
  if (algorithm !== "SHA1" && algorithm !== "SHA256") return startCrc(algorithm);
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
 * @throws S3Error InvalidRequest for several checksums, a malformed value, or an algorithm without a checksum
 */
export const claimedChecksum = (headers: ReadonlyMap<string, string>): ChecksumClaim | undefined => {
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
  if (type === "COMPOSITE" || algorithm === "SHA1" || algorithm === "SHA256") {
    const joined = startChecksum(algorithm);
    for (const digest of digests) joined.update(digest);
    return { algorithm, type: "COMPOSITE", value: `${joined.digest().toString("base64")}-${parts.length}` };
  }
  const whole = digests.reduce((left, right, index) => combineCrc(algorithm, left, right, parts[index]?.size ?? 0));
  return { algorithm, type: "FULL_OBJECT", value: whole.toString("base64") };
};
