import { crc32 } from "node:zlib";

/** A running CRC over chunks, and the arithmetic to join the CRCs of two parts without reading them again. */
export interface Crc {
  update(chunk: Buffer): void;
  digest(): Buffer;
}

const POLYNOMIALS = { CRC32: 0xedb88320n, CRC32C: 0x82f63b78n, CRC64NVME: 0x9a6c9329ac4bc9b5n } as const;
export type CrcAlgorithm = keyof typeof POLYNOMIALS;

const widthOf = (algorithm: CrcAlgorithm): bigint => (algorithm === "CRC64NVME" ? 64n : 32n);

const toBytes = (value: bigint, width: bigint): Buffer =>
  Buffer.from(value.toString(16).padStart(Number(width / 4n), "0"), "hex");

/**
 * Tables for eight bytes at a time: the k-th block of 256 is a byte's effect with k bytes after it. They are in two halves
 * so that the loops work on 32-bit integers, which are several times as fast as bigints.
 */
const tableOf = (algorithm: CrcAlgorithm): { readonly high: Int32Array; readonly low: Int32Array } => {
  const polynomial = POLYNOMIALS[algorithm];
  const [high, low] = [new Int32Array(8 * 256), new Int32Array(8 * 256)];
  const single = Array.from({ length: 256 }, (_, byte) => {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    return value;
  });
  let block = single;
  for (let after = 0; after < 8; after += 1) {
    for (const [byte, value] of block.entries()) {
      high[after * 256 + byte] = Number(BigInt.asIntN(32, value >> 32n));
      low[after * 256 + byte] = Number(BigInt.asIntN(32, value));
    }
    block = block.map((value) => (value >> 8n) ^ (single[Number(value & 0xffn)] ?? 0n));
  }
  return { high, low };
};

// Constants of the module, not of a closure: only so does the engine know their addresses, which doubles the speed.
const { low: table32 } = tableOf("CRC32C");
const { high: high64, low: low64 } = tableOf("CRC64NVME");

/** What lies at odd addresses passes through here, so that it can be read by the word. */
const aligned = new Int32Array(16 * 1024);
const alignedBytes = new Uint8Array(aligned.buffer);

/** The words of a chunk, in pieces that are a multiple of two words long, and its last bytes. */
const eachPiece = (chunk: Buffer, words: (piece: Int32Array) => void, byte: (value: number) => void): void => {
  const whole = chunk.length - (chunk.length % 8);
  if (chunk.byteOffset % 4 === 0) {
    if (whole > 0) words(new Int32Array(chunk.buffer, chunk.byteOffset, whole / 4));
  } else {
    for (let at = 0; at < whole; at += alignedBytes.length) {
      const length = Math.min(alignedBytes.length, whole - at);
      alignedBytes.set(chunk.subarray(at, at + length));
      words(aligned.subarray(0, length / 4));
    }
  }
  for (let at = whole; at < chunk.length; at += 1) byte(chunk[at] ?? 0);
};

const nativeCrc32 = (): Crc => {
  let value = 0;
  return {
    update: (chunk) => {
      value = crc32(chunk, value);
    },
    digest: () => toBytes(BigInt(value), 32n),
  };
};

// Indices into typed arrays of a known length are in range, and `as number` says so at no cost in these loops.

const words32 = (from: number, piece: Int32Array): number => {
  let value = from;
  for (let at = 0; at < piece.length; at += 2) {
    const a = value ^ (piece[at] as number);
    const b = piece[at + 1] as number;
    value =
      (table32[1792 | (a & 255)] as number) ^
      (table32[1536 | ((a >>> 8) & 255)] as number) ^
      (table32[1280 | ((a >>> 16) & 255)] as number) ^
      (table32[1024 | (a >>> 24)] as number) ^
      (table32[768 | (b & 255)] as number) ^
      (table32[512 | ((b >>> 8) & 255)] as number) ^
      (table32[256 | ((b >>> 16) & 255)] as number) ^
      (table32[b >>> 24] as number);
  }
  return value;
};

const tableCrc32c = (): Crc => {
  let value = -1;
  return {
    update: (chunk) =>
      eachPiece(
        chunk,
        (piece) => {
          value = words32(value, piece);
        },
        (byte) => {
          value = (value >>> 8) ^ (table32[(value ^ byte) & 255] as number);
        },
      ),
    digest: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(~value);
      return bytes;
    },
  };
};

interface Halves {
  high: number;
  low: number;
}

const words64 = (state: Halves, piece: Int32Array): void => {
  let { high, low } = state;
  for (let at = 0; at < piece.length; at += 2) {
    const a = low ^ (piece[at] as number);
    const b = high ^ (piece[at + 1] as number);
    const i0 = 1792 | (a & 255);
    const i1 = 1536 | ((a >>> 8) & 255);
    const i2 = 1280 | ((a >>> 16) & 255);
    const i3 = 1024 | (a >>> 24);
    const i4 = 768 | (b & 255);
    const i5 = 512 | ((b >>> 8) & 255);
    const i6 = 256 | ((b >>> 16) & 255);
    const i7 = b >>> 24;
    high =
      (high64[i0] as number) ^
      (high64[i1] as number) ^
      (high64[i2] as number) ^
      (high64[i3] as number) ^
      (high64[i4] as number) ^
      (high64[i5] as number) ^
      (high64[i6] as number) ^
      (high64[i7] as number);
    low =
      (low64[i0] as number) ^
      (low64[i1] as number) ^
      (low64[i2] as number) ^
      (low64[i3] as number) ^
      (low64[i4] as number) ^
      (low64[i5] as number) ^
      (low64[i6] as number) ^
      (low64[i7] as number);
  }
  state.high = high;
  state.low = low;
};

const tableCrc64 = (): Crc => {
  const state: Halves = { high: -1, low: -1 };
  return {
    update: (chunk) =>
      eachPiece(
        chunk,
        (piece) => words64(state, piece),
        (byte) => {
          const index = (state.low ^ byte) & 255;
          state.low = ((state.low >>> 8) | (state.high << 24)) ^ (low64[index] as number);
          state.high = (state.high >>> 8) ^ (high64[index] as number);
        },
      ),
    digest: () => {
      const bytes = Buffer.alloc(8);
      bytes.writeInt32BE(~state.high, 0);
      bytes.writeInt32BE(~state.low, 4);
      return bytes;
    },
  };
};

/** A CRC that starts empty. */
export const startCrc = (algorithm: CrcAlgorithm): Crc =>
  algorithm === "CRC32" ? nativeCrc32() : algorithm === "CRC32C" ? tableCrc32c() : tableCrc64();

/** The CRC of two byte strings one after the other, from their CRCs and the second one's length. */
export const combineCrc = (algorithm: CrcAlgorithm, first: Buffer, second: Buffer, secondLength: number): Buffer => {
  const polynomial = POLYNOMIALS[algorithm];
  const width = widthOf(algorithm);
  // Polynomials over GF(2) with reflected bits: the highest bit is the coefficient of 1.
  const multiply = (a: bigint, b: bigint): bigint => {
    let product = 0n;
    let shifted = b;
    for (let bit = 1n << (width - 1n); bit !== 0n; bit >>= 1n) {
      if (a & bit) product ^= shifted;
      shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n;
    }
    return product;
  };
  let power = 1n << (width - 1n);
  let square = 1n << (width - 2n);
  for (let left = BigInt(secondLength) * 8n; left > 0n; left >>= 1n) {
    if (left & 1n) power = multiply(power, square);
    square = multiply(square, square);
  }
  const [a, b] = [first, second].map((bytes) => BigInt(`0x${bytes.toString("hex")}`));
  return toBytes(multiply(power, a ?? 0n) ^ (b ?? 0n), width);
};
