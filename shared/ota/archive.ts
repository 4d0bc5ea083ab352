import { crc32 } from "node:zlib";
import { blocksOf, concat, DEFLATE_END, deflatedBlock, storedBlocks } from "../deflate.ts";
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
      const kept = await deflatedBlock(block);
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
  return concat([storedBlocks(tail), DEFLATE_END, new Uint8Array(trailer.buffer)]);
};
