import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { faultOfToken, makeToken, TOKEN_BYTES, tokenHash, tokenPrefix } from "../../../shared/registration/token.ts";

const random = fc.uint8Array({ minLength: TOKEN_BYTES, maxLength: TOKEN_BYTES });
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

describe("a registration token", () => {
  test("is made of 160 bits, told by its prefix, and without fault", () => {
    expect(TOKEN_BYTES * 8).toBeGreaterThanOrEqual(128);
    fc.assert(
      fc.property(random, (bytes) => {
        const token = makeToken(bytes);
        expect(token).toMatch(/^slw_[0-9a-hjkmnp-tv-z]{38}$/);
        expect(faultOfToken(token)).toBeUndefined();
        expect(token.slice(4)).toMatch(new RegExp(`^${tokenPrefix(token)}`));
      }),
    );
  });

  test("holds all of its bits: others give another token", () => {
    fc.assert(
      fc.property(random, fc.nat(TOKEN_BYTES * 8 - 1), (bytes, bit) => {
        const other = Uint8Array.from(bytes);
        other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(makeToken(other)).not.toBe(makeToken(bytes));
      }),
    );
  });

  test("with one wrong or two exchanged characters is told as mistyped", () => {
    fc.assert(
      fc.property(random, fc.integer({ min: 4, max: 40 }), fc.constantFrom(...ALPHABET), (bytes, at, character) => {
        const token = makeToken(bytes);
        for (const typed of [
          `${token.slice(0, at)}${character}${token.slice(at + 1)}`,
          `${token.slice(0, at)}${token[at + 1]}${token[at]}${token.slice(at + 2)}`,
        ]) {
          expect(faultOfToken(typed)?.rule).toBe(typed === token ? undefined : "token-checksum");
        }
      }),
    );
  });

  test.each([
    "",
    "slw_",
    "hello",
    `slw_${"0".repeat(37)}`,
    `slw_${"0".repeat(39)}`,
    `slw_${"I".repeat(38)}`,
    `swl_${"0".repeat(38)}`,
  ])("is not %j", (text) => expect(faultOfToken(text)?.rule).toBe("token-form"));

  test("has a hash of SHA-256 that tells nothing of it", () => {
    const token = makeToken(new Uint8Array(TOKEN_BYTES));
    expect(tokenHash(token)).toMatch(/^[0-9a-f]{64}$/);
    expect(tokenHash(token)).not.toContain(tokenPrefix(token).repeat(2));
  });

  test("is not made of fewer bytes", () => {
    expect(() => makeToken(new Uint8Array(16))).toThrow(RangeError);
  });
});
