import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { base32 } from "../ids.ts";

/**
 * A registration token: `slw_`, 32 characters of secret (160 bits in Crockford's base 32) and 6 of a checksum. By the
 * prefix, people and scanners of leaked secrets know it for what it is; by the checksum, a slip of the hand is told at
 * once, and never counts as a wrong token.
 */
const PREFIX = "slw_";
const SECRET_CHARACTERS = 32;
const CHECKSUM_CHARACTERS = 6;

/** Random bytes that a token is made of. */
export const TOKEN_BYTES = 20;

const checksum = (body: string): string =>
  base32(createHash("sha256").update(body).digest().subarray(0, 4), CHECKSUM_CHARACTERS);

/** @param random {@link TOKEN_BYTES} bytes from a cryptographic source */
export const makeToken = (random: Uint8Array): string => {
  if (random.length !== TOKEN_BYTES) throw new RangeError(`a token is made of ${TOKEN_BYTES} bytes`);
  const body = `${PREFIX}${base32(random, SECRET_CHARACTERS)}`;
  return `${body}${checksum(body)}`;
};

/**
 * The token of one name among many: whoever has the secret makes the same one each time, and nobody else can.
 * @param secret 32 bytes from a cryptographic source
 */
export const deriveToken = (secret: Uint8Array, name: string): string =>
  makeToken(createHmac("sha256", secret).update(name).digest().subarray(0, TOKEN_BYTES));

/** What is wrong with a text as a token, for the person who typed it; undefined when it may be one. */
export const faultOfToken = (text: string): { readonly rule: string; readonly detail: string } | undefined => {
  const form = new RegExp(`^${PREFIX}[0-9a-hjkmnp-tv-z]{${SECRET_CHARACTERS + CHECKSUM_CHARACTERS}}$`);
  if (!form.test(text)) {
    const characters = SECRET_CHARACTERS + CHECKSUM_CHARACTERS;
    return {
      rule: "token-form",
      detail: `a token is ${PREFIX} and ${characters} characters of 0-9 and a-z without i, l, o and u`,
    };
  }
  const body = text.slice(0, -CHECKSUM_CHARACTERS);
  const wanted = Buffer.from(checksum(body));
  if (!timingSafeEqual(wanted, Buffer.from(text.slice(-CHECKSUM_CHARACTERS)))) {
    return { rule: "token-checksum", detail: "the token is mistyped: its checksum does not match" };
  }
  return undefined;
};

/** How a token is kept and found: nobody can make it from this again. */
export const tokenHash = (token: string): string => createHash("sha256").update(token).digest("hex");

/** The first characters of a token's secret, by which tries of similar tokens are counted together. */
export const tokenPrefix = (token: string): string => token.slice(PREFIX.length, PREFIX.length + 4);
