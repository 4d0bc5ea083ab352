import { createHash } from "node:crypto";
import { compareText } from "./select.ts";

/*
 * What is signed, as bytes. A statement is lines of ASCII, each ended by LF: first what it is and in which version, then
 * `{name} {value}` in a fixed order. No value has a blank or a control character, so that there is one reading of each
 * statement, and no statement of one kind is one of another. A later form is another first line.
 */

/** What is signed of a release. Its names stand as whoever made it has written them. */
export interface SignedRelease {
  readonly app: string;
  readonly environment: string;
  /** For devices with one of these architectures; absent or none: for all. */
  readonly cpuArch?: string | readonly string[];
  readonly version: string;
  /** Bytes. */
  readonly size: number;
  /** Hex, lower case. */
  readonly sha256: string;
}

/** Times are in seconds since 1970. */
export interface SnapshotStatement {
  /** The workspace's name. */
  readonly workspace: string;
  /** Higher than that of each snapshot of the workspace before it. */
  readonly sequence: number;
  readonly issued: number;
  /** From then on nobody should believe it. */
  readonly expires: number;
  /** SHA-256 of {@link entryLines}, hex. */
  readonly entries: string;
}

/** A key that takes the place of the one that signs this. Times are in seconds since 1970. */
export interface SuccessorStatement {
  /** SPKI in DER, base64. */
  readonly publicKey: string;
  readonly notBefore: number;
  /** Until when one who knows the key before alone may go over to this one. */
  readonly notAfter: number;
}

/** ECDSA P-256 over SHA-256, in DER and base64, and by which key: see {@link keyIdOf}. */
export interface Signature {
  readonly keyId: string;
  readonly signature: string;
}

/** A link of the chain of keys. `keyId` is the signing, elder one's. */
export type KeyLink = SuccessorStatement & Signature;

export type SignedSnapshot = SnapshotStatement & Signature;

const VALUE = /^[!-~]+$/;

/** @throws RangeError for a value that has no place in a line */
const statement = (kind: string, fields: readonly (readonly [name: string, value: string | number])[]): string => {
  const wrong = fields.find(([, value]) => !VALUE.test(String(value)));
  if (wrong !== undefined) throw new RangeError(`${wrong[0]} cannot be signed: ${JSON.stringify(wrong[1])}`);
  return [kind, ...fields.map(([name, value]) => `${name} ${value}`)].map((line) => `${line}\n`).join("");
};

/** In one word, whatever their order and case: `armv7+armv8`, or `*` for all. */
export const architecturesOf = ({ cpuArch = [] }: Pick<SignedRelease, "cpuArch">): string =>
  [...new Set([cpuArch].flat().map((name) => name.toLowerCase()))].sort(compareText).join("+") || "*";

export const releaseStatement = (workspace: string, release: SignedRelease): string =>
  statement("slipway-release-v1", [
    ["workspace", workspace],
    ["app", release.app],
    ["environment", release.environment],
    ["cpuArch", architecturesOf(release)],
    ["version", release.version],
    ["size", release.size],
    ["sha256", release.sha256],
  ]);

export const snapshotStatement = (snapshot: SnapshotStatement): string =>
  statement("slipway-snapshot-v1", [
    ["workspace", snapshot.workspace],
    ["sequence", snapshot.sequence],
    ["issued", snapshot.issued],
    ["expires", snapshot.expires],
    ["entries", snapshot.entries],
  ]);

export const successorStatement = (successor: SuccessorStatement): string =>
  statement("slipway-key-v1", [
    ["publicKey", successor.publicKey],
    ["notBefore", successor.notBefore],
    ["notAfter", successor.notAfter],
  ]);

/** The id of a key is the SHA-256 of its public half, so that nobody has to be asked which key an id means. @param publicKey SPKI in DER, base64 */
export const keyIdOf = (publicKey: string): string =>
  createHash("sha256").update(Buffer.from(publicKey, "base64")).digest("hex");

/** A release as a line of a snapshot. */
export const entryLine = (release: SignedRelease): string => {
  const { environment, app, version, size, sha256 } = release;
  const words = [environment, app, architecturesOf(release), version, String(size), sha256];
  const wrong = words.find((word) => !VALUE.test(word));
  if (wrong !== undefined) throw new RangeError(`${JSON.stringify(wrong)} has no place in a snapshot`);
  return `entry ${words.join(" ")}\n`;
};

/** What a snapshot lists: a line for each release, in the order of their bytes, none twice. Nothing for no releases. */
export const entryLines = (releases: readonly SignedRelease[]): string =>
  [...new Set(releases.map(entryLine))].sort(compareText).join("");

/** SHA-256, hex. */
export const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * A snapshot as devices fetch it: the statement's six lines, its signature, the releases, and the links by which one who
 * knows an elder key gets to the one that signed.
 */
export const snapshotDocument = (snapshot: SignedSnapshot, entries: string, links: readonly KeyLink[]): string => {
  const keys = links.map(
    ({ keyId, publicKey, notBefore, notAfter, signature }) =>
      `key ${keyId} ${publicKey} ${notBefore} ${notAfter} ${signature}\n`,
  );
  const signature = `signature ${snapshot.keyId} ${snapshot.signature}\n`;
  return `${snapshotStatement(snapshot)}${signature}${entries}${keys.join("")}`;
};

/** A snapshot without its releases, for the header of a package, a dictionary of RFC 8941. @param path where the document is */
export const snapshotHeader = (snapshot: SignedSnapshot, path: string): string => {
  const { sequence, issued, expires, entries, keyId, signature } = snapshot;
  const numbers = Object.entries({ sequence, issued, expires }).map(([name, value]) => `${name}=${value}`);
  const texts = Object.entries({ entries, key: keyId, signature }).map(([name, value]) => `${name}="${value}"`);
  return [`url="${path}"`, ...numbers, ...texts].join(", ");
};
