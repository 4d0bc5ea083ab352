import { promisify } from "node:util";
import { constants, crc32, deflateRaw } from "node:zlib";
import { crc32Combine } from "./crc32-combine.ts";
import type { Segment } from "./select.ts";
import { DETAILS_NAME, padding, TAR_END, tarHeader } from "./tar.ts";

/** A segment before someone has stored it under a key. */
export type SegmentSummary = Omit<Segment, "key">;

/** A segment being compressed. */
export interface SegmentStream {
  /** Compressed bytes; read them once, to the end. Rejects when the source fails or has not as many bytes as declared. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** @throws Error unless `chunks` was read to the end */
  readonly summary: () => SegmentSummary;
}

const deflate = promisify(deflateRaw) as (data: Uint8Array, options: object) => Promise<Uint8Array>;

/** How much is compressed as one: the bound of memory, and what is decided on its own to be stored or deflated. */
const BLOCK_BYTES = 1024 * 1024;
/** Deflate is kept only if it saves this much: a device inflates a stored block at the speed of a copy. */
const WORTHWHILE = 0.95;
const STORED_BYTES = 0xffff; // RFC 1951 §3.2.4: LEN has 16 bits

const concat = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

/** Raw deflate without compression (RFC 1951 §3.2.4): not final, ends on a byte, and equal for every version of zlib. */
export const storedBlocks = (data: Uint8Array): Uint8Array<ArrayBuffer> => {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += STORED_BYTES) {
    const piece = data.subarray(at, at + STORED_BYTES);
    const low = piece.length & 0xff;
    const high = piece.length >> 8;
    parts.push(Uint8Array.of(0, low, high, ~low & 0xff, ~high & 0xff), piece);
  }
  return concat(parts);
};

/** Cuts a stream into blocks of {@link BLOCK_BYTES} (the last may be shorter), whatever the chunks it comes in. */
async function* blocksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (length + rest.length >= BLOCK_BYTES) {
      const piece = rest.subarray(0, BLOCK_BYTES - length);
      yield concat([...pending, piece]);
      rest = rest.subarray(piece.length);
      pending = [];
      length = 0;
    }
    if (rest.length > 0) {
      pending.push(rest);
      length += rest.length;
    }
  }
  if (length > 0) yield concat(pending);
}

/**
 * Compresses a file into the segment of an archive: tar header, file and padding, as raw deflate that ends with a full
 * flush, so that segments concatenate. Memory is bounded by a few MiB whatever the file's size.
 *
 * Each MiB is deflated on its own and kept only when that saves 5 % or more, else stored, so that a file of parts that
 * compress and parts that do not gets the best of both, in one pass, and the bytes do not depend on the source's chunks.
 *
 * @param name of the tar member, from `memberName`
 * @param size bytes of the file, which the tar header says before the file is read
 */
export const compressSegment = (name: string, size: number, source: AsyncIterable<Uint8Array>): SegmentStream => {
  let done: SegmentSummary | undefined;

  async function* uncompressed(): AsyncGenerator<Uint8Array> {
    yield tarHeader(name, size);
    let seen = 0;
    for await (const chunk of source) {
      seen += chunk.length;
      if (seen > size) break;
      yield chunk;
    }
    if (seen !== size) throw new Error(`${name} has ${seen > size ? "more" : seen} bytes where ${size} were declared`);
    yield padding(size);
  }

  async function* chunks(): AsyncGenerator<Uint8Array> {
    let compressedSize = 0;
    let crc = 0;
    let length = 0;
    for await (const block of blocksOf(uncompressed())) {
      crc = crc32(block, crc);
      length += block.length;
      const deflated = await deflate(block, { finishFlush: constants.Z_FULL_FLUSH });
      const kept = deflated.length > block.length * WORTHWHILE ? storedBlocks(block) : deflated;
      compressedSize += kept.length;
      yield kept;
    }
    done = { size: compressedSize, crc32: crc, length };
  }

  return {
    chunks: chunks(),
    summary: () => {
      if (done === undefined) throw new Error(`the segment of ${name} was not read to its end`);
      return done;
    },
  };
};

/** RFC 1952 §2.3: deflate, no flags, mtime 0, no extra flags, OS unknown. Constant, so that equal content is equal bytes. */
export const gzipPrologue = (): Uint8Array<ArrayBuffer> => Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/**
 * What follows the segments: `package_details.json` as the last tar member, the two empty blocks that end a tar archive, an
 * empty final deflate block, and the gzip trailer (CRC-32 and length modulo 2^32 of all uncompressed bytes, RFC 1952 §2.3.1).
 * Stored, not deflated, so that instances with different versions of zlib give equal bytes under equal ETags.
 */
export const gzipEpilogue = (
  segments: readonly Pick<Segment, "crc32" | "length">[],
  details: Uint8Array,
): Uint8Array<ArrayBuffer> => {
  const tail = concat([tarHeader(DETAILS_NAME, details.length), details, padding(details.length), TAR_END]);
  let crc = 0;
  let length = 0;
  for (const segment of segments) {
    crc = crc32Combine(crc, segment.crc32, segment.length);
    length += segment.length;
  }
  crc = crc32Combine(crc, crc32(tail), tail.length);
  length += tail.length;
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, crc, true);
  trailer.setUint32(4, length % 2 ** 32, true);
  return concat([storedBlocks(tail), Uint8Array.of(3, 0), new Uint8Array(trailer.buffer)]);
};
