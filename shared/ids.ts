/** The kinds of things that have ids, and the prefix by which an id tells its kind. */
export const ID_PREFIXES = {
  workspace: "ws",
  "node-group": "grp",
  node: "nod",
  "node-import": "imp",
  component: "cmp",
  "component-version": "ver",
  release: "rel",
  intent: "int",
  credential: "crd",
  invitation: "inv",
  audit: "aud",
  event: "evt",
  "event-rule": "evr",
  webhook: "whk",
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's base 32: no i, l, o, u

const encode = (value: bigint, digits: number): string => {
  let text = "";
  let rest = value;
  for (let digit = 0; digit < digits; digit += 1) {
    text = ALPHABET.charAt(Number(rest % 32n)) + text;
    rest /= 32n;
  }
  return text;
};

/** Bytes as so many characters of base 32; bits that go beyond these are left out from the front. */
export const base32 = (bytes: Uint8Array, characters: number): string => {
  let bits = 0n;
  for (const byte of bytes) bits = bits * 256n + BigInt(byte);
  return encode(bits, characters);
};

/**
 * An id of fixed length: prefix, `_`, 10 characters of time (ms) and 10 of randomness (50 bits), so that ids sort by
 * creation. An id is a name, never a secret.
 */
export const makeId = (kind: IdKind, now: Date, random: Uint8Array): string => {
  return `${ID_PREFIXES[kind]}_${encode(BigInt(now.getTime()), 10)}${base32(random.subarray(0, 8), 10)}`;
};

/** The ids of a kind between which all of those lie that are made from `from` on and before `to`. */
export const idsBetween = (kind: IdKind, from: Date, to: Date): readonly [first: string, last: string] => {
  const at = (ms: number, rest: string) => `${ID_PREFIXES[kind]}_${encode(BigInt(ms), 10)}${rest.repeat(10)}`;
  return [at(from.getTime(), "0"), at(to.getTime() - 1, "z")];
};

const ID = new RegExp(`^(${Object.values(ID_PREFIXES).join("|")})_[${ALPHABET}]{20}$`);

export const isId = (text: string, kind?: IdKind): boolean =>
  ID.test(text) && (kind === undefined || text.startsWith(`${ID_PREFIXES[kind]}_`));

/** What a decision needs from outside: the time and new ids. */
export interface Moment {
  readonly now: Date;
  readonly newId: (kind: IdKind) => string;
  /** `length` characters of a–z and 0–9. */
  readonly randomText: (length: number) => string;
}
