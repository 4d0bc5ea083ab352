/** x^1 modulo the polynomial, and the polynomial of CRC-32 (RFC 1952 §8), both with the lowest power in the highest bit. */
const X = 0x40000000;
const ONE = 0x80000000;
const POLYNOMIAL = 0xedb88320;

/** Product of two polynomials modulo the polynomial of CRC-32. */
const multiply = (a: number, b: number): number => {
  let product = 0;
  let power = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) product ^= power;
    power = power & 1 ? (power >>> 1) ^ POLYNOMIAL : power >>> 1;
  }
  return product >>> 0;
};

/** x^(8·bytes) modulo the polynomial, by squaring: some fifty multiplications for any length a file can have. */
const shiftOf = (bytes: number): number => {
  let factor = ONE;
  let square = X;
  // Not with bit operators: a length may exceed 32 bits.
  for (let exponent = bytes * 8; exponent > 0; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2 === 1) factor = multiply(square, factor);
    square = multiply(square, square);
  }
  return factor;
};

/**
 * The CRC-32 of A followed by B, from their CRC-32 and B's length in bytes (at most 2^50), without either's bytes.
 * The method of zlib's `crc32_combine`: crc(AB) = crc(A) · x^(8·|B|) + crc(B).
 */
export const crc32Combine = (a: number, b: number, lengthOfB: number): number =>
  (multiply(shiftOf(lengthOfB), a) ^ b) >>> 0;
