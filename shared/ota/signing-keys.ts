import * as z from "zod";
import { otaKeys } from "../keys.ts";
import type { Write } from "../writes.ts";
import { type KeyLink, keyIdOf, type SuccessorStatement } from "./statements.ts";

const time = (what: string) => z.int().meta({ description: `${what}, in seconds since 1970, as it was signed` });

/** Of one key, what devices and their makers need. */
const PublicSigningKey = z
  .object({
    id: z.string().meta({ description: "SHA-256 of the public key's SPKI in DER, hex" }),
    publicKey: z.string().meta({ description: "SPKI in PEM, as a device pins it" }),
    isCurrent: z.boolean().meta({ description: "It signs. New devices are to be made with it" }),
    successor: z
      .object({
        id: z.string().meta({ description: "Of the next key in `keys`" }),
        notBefore: time("From when a device may go over to it"),
        notAfter: time("Until when"),
        signature: z.string().meta({ description: "By this key, of the statement `slipway-key-v1`; DER in base64" }),
      })
      .optional()
      .meta({ description: "Absent for the key that signs" }),
  })
  .meta({ id: "SigningKey" });

/** The stage's keys as whoever makes devices gets them. */
export const PublicSigningKeys = z
  .object({
    algorithm: z.literal("ecdsa-p256-sha256").meta({ description: "Of every key and signature" }),
    keys: z.array(PublicSigningKey).meta({
      description: "The eldest first, the one that signs last; none in the first quarter of an hour of a stage",
    }),
  })
  .meta({ id: "SigningKeys" });
export type PublicSigningKeys = z.infer<typeof PublicSigningKeys>;

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

/** SPKI in PEM (RFC 7468): lines of 64 characters. @param publicKey the same in DER, base64 */
const pemOf = (publicKey: string): string =>
  ["-----BEGIN PUBLIC KEY-----", ...(publicKey.match(/.{1,64}/g) ?? []), "-----END PUBLIC KEY-----", ""].join("\n");

/** What the table has of the keys, without what is the stage's own. */
export const publicSigningKeys = ({ keys, links }: SigningKeys): PublicSigningKeys => ({
  algorithm: "ecdsa-p256-sha256",
  keys: keys.map(({ keyId, publicKey }, index) => {
    const link = links.find((one) => one.keyId === keyId);
    const shown = { id: keyId, publicKey: pemOf(publicKey), isCurrent: index === keys.length - 1 };
    if (link === undefined) return shown;
    const { notBefore, notAfter, signature } = link;
    return { ...shown, successor: { id: keyIdOf(link.publicKey), notBefore, notAfter, signature } };
  }),
});

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

/** Before the stage has signed anything. */
export const NO_KEYS: SigningKeys = { keys: [], links: [] };

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
