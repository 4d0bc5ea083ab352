import { createHash, timingSafeEqual } from "node:crypto";
import { base32 } from "./ids.ts";

const SECRET_CHARACTERS = 32;
const CHECKSUM_CHARACTERS = 6;

/** Random bytes that a secret is made of. */
export const SECRET_BYTES = 20;

const checksum = (body: string): string =>
  base32(createHash("sha256").update(body).digest().subarray(0, 4), CHECKSUM_CHARACTERS);

/**
 * A secret that is shown: a prefix such as `slw_`, 32 characters of secret (160 bits in Crockford's base 32) and 6 of a
 * checksum. By the prefix, people and scanners of leaked secrets know it for what it is; by the checksum, a slip of the
 * hand is told at once, and never counts as a wrong secret.
 * @param random {@link SECRET_BYTES} bytes from a cryptographic source
 */
export const makeSecret = (prefix: string, random: Uint8Array): string => {
  if (random.length !== SECRET_BYTES) throw new RangeError(`a token is made of ${SECRET_BYTES} bytes`);
  const body = `${prefix}${base32(random, SECRET_CHARACTERS)}`;
  return `${body}${checksum(body)}`;
};

/** What is wrong with a text as a secret of this prefix, for the person who typed it; undefined when it may be one. */
export const faultOfSecret = (
  prefix: string,
  text: string,
): { readonly rule: string; readonly detail: string } | undefined => {
  const characters = SECRET_CHARACTERS + CHECKSUM_CHARACTERS;
  if (!new RegExp(`^${prefix}[0-9a-hjkmnp-tv-z]{${characters}}$`).test(text)) {
    return {
      rule: "token-form",
      detail: `a token is ${prefix} and ${characters} characters of 0-9 and a-z without i, l, o and u`,
    };
  }
  const body = text.slice(0, -CHECKSUM_CHARACTERS);
  const wanted = Buffer.from(checksum(body));
  if (!timingSafeEqual(wanted, Buffer.from(text.slice(-CHECKSUM_CHARACTERS)))) {
    return { rule: "token-checksum", detail: "the token is mistyped: its checksum does not match" };
  }
  return undefined;
};

/** How a secret is kept and found: nobody can make it from this again. */
export const hashOfSecret = (secret: string): string => createHash("sha256").update(secret).digest("hex");
