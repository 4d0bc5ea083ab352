import { otaKeys } from "../keys.ts";
import type { Write } from "../writes.ts";
import { type KeyLink, keyIdOf, type SuccessorStatement } from "./statements.ts";

/** A key of KMS, by which alias it is asked for. */
export interface SigningKey {
  readonly keyId: string;
  readonly alias: string;
  /** SPKI in DER, base64. */
  readonly publicKey: string;
}

/** The stage's keys, the eldest first, with what each has signed of the one after it. The last one signs. */
export interface SigningKeys {
  readonly keys: readonly SigningKey[];
  readonly links: readonly KeyLink[];
}

/** How long a device that knows an elder key alone can follow it. It may have lain in a store for years. */
const LINK_SECONDS = 10 * 365 * 86_400;
/** Clocks of devices may be behind. */
const CLOCK_SECONDS = 86_400;

/** What an elder key says of the one after it. @param now seconds since 1970 */
export const successorOf = (publicKey: string, now: number): SuccessorStatement => ({
  publicKey,
  notBefore: now - CLOCK_SECONDS,
  notAfter: now + LINK_SECONDS,
});

/** @param link what the last key has signed of this one; absent for the first */
export const withKey = (before: SigningKeys, alias: string, publicKey: string, link?: KeyLink): SigningKeys => ({
  keys: [...before.keys, { keyId: keyIdOf(publicKey), alias, publicKey }],
  links: link === undefined ? before.links : [...before.links, link],
});

/** Records one more key, unless somebody else has meanwhile. */
export const recordKeys = (before: SigningKeys, after: SigningKeys): Write => {
  const item = { ...otaKeys.signingKeys(), type: "signing-keys", count: after.keys.length, ...after };
  if (before.keys.length === 0) return { do: "create", table: "ota", item };
  return { do: "put", table: "ota", item, when: { count: before.keys.length } };
};
