import { createHmac } from "node:crypto";
import { faultOfSecret, hashOfSecret, makeSecret, SECRET_BYTES } from "../secrets.ts";

/** Random bytes that a token is made of. */
export const TOKEN_BYTES = SECRET_BYTES;

/** A registration token: a {@link makeSecret} of this prefix. */
const PREFIX = "slw_";

/** @param random {@link TOKEN_BYTES} bytes from a cryptographic source */
export const makeToken = (random: Uint8Array): string => makeSecret(PREFIX, random);

/**
 * The token of one name among many: whoever has the secret makes the same one each time, and nobody else can.
 * @param secret 32 bytes from a cryptographic source
 */
export const deriveToken = (secret: Uint8Array, name: string): string =>
  makeToken(createHmac("sha256", secret).update(name).digest().subarray(0, TOKEN_BYTES));

/** What is wrong with a text as a token, for the person who typed it; undefined when it may be one. */
export const faultOfToken = (text: string) => faultOfSecret(PREFIX, text);

/** How a token is kept and found: nobody can make it from this again. */
export const tokenHash = hashOfSecret;

/** The first characters of a token's secret, by which tries of similar tokens are counted together. */
export const tokenPrefix = (token: string): string => token.slice(PREFIX.length, PREFIX.length + 4);
