import { promisify } from "node:util";
import { constants, deflateRaw } from "node:zlib";

const deflate = promisify(deflateRaw) as (data: Uint8Array, options: object) => Promise<Uint8Array>;

/** How much is compressed as one: the bound of memory, and what is decided on its own to be stored or deflated. */
const BLOCK_BYTES = 1024 * 1024;
/** Deflate is kept only if it saves this much: a device inflates a stored block at the speed of a copy. */
const WORTHWHILE = 0.95;
const STORED_BYTES = 0xffff; // RFC 1951 §3.2.4: LEN has 16 bits

/** The parts in one. */
export const concat = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
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
export async function* blocksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
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
 * A block as raw deflate of its own, which ends with a full flush, or stored where deflating saves too little. Not final: what
 * comes after it is put behind it as it is.
 */
export const deflatedBlock = async (block: Uint8Array): Promise<Uint8Array> => {
  const deflated = await deflate(block, { finishFlush: constants.Z_FULL_FLUSH });
  return deflated.length > block.length * WORTHWHILE ? storedBlocks(block) : deflated;
};

/** An empty final block (RFC 1951 §3.2.6), which ends what such blocks make. */
export const DEFLATE_END = Uint8Array.of(3, 0);
