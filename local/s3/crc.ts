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

/** The table for one byte at a time, as two halves so that the loop works on 32-bit numbers. */
const tableOf = (algorithm: CrcAlgorithm): { readonly high: Uint32Array; readonly low: Uint32Array } => {
  const polynomial = POLYNOMIALS[algorithm];
  const [high, low] = [new Uint32Array(256), new Uint32Array(256)];
  for (let byte = 0; byte < 256; byte += 1) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    high[byte] = Number(value >> 32n);
    low[byte] = Number(value & 0xffffffffn);
  }
  return { high, low };
};

const TABLES = { CRC32C: tableOf("CRC32C"), CRC64NVME: tableOf("CRC64NVME") };

const nativeCrc32 = (): Crc => {
  let value = 0;
  return {
    update: (chunk) => {
      value = crc32(chunk, value);
    },
    digest: () => toBytes(BigInt(value), 32n),
  };
};

const tableCrc = (algorithm: keyof typeof TABLES): Crc => {
  const table = TABLES[algorithm];
  const wide = algorithm === "CRC64NVME";
  let high = wide ? 0xffffffff : 0;
  let low = 0xffffffff;
  return {
    update: (chunk) => {
      for (const byte of chunk) {
        const index = (low ^ byte) & 0xff;
        low = (((low >>> 8) | (high << 24)) ^ (table.low[index] ?? 0)) >>> 0;
        high = ((high >>> 8) ^ (table.high[index] ?? 0)) >>> 0;
      }
    },
    digest: () => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE((high ^ (wide ? 0xffffffff : 0)) >>> 0, 0);
      bytes.writeUInt32BE((low ^ 0xffffffff) >>> 0, 4);
      return wide ? bytes : bytes.subarray(4);
    },
  };
};

/** A CRC that starts empty. */
export const startCrc = (algorithm: CrcAlgorithm): Crc => (algorithm === "CRC32" ? nativeCrc32() : tableCrc(algorithm));

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
