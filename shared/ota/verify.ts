import { createHash, createPublicKey, verify } from "node:crypto";
import {
  entryLine,
  hashOf,
  type KeyLink,
  keyIdOf,
  releaseStatement,
  type Signature,
  type SignedRelease,
  type SnapshotStatement,
  successorStatement,
} from "./statements.ts";

/*
 * What a device does to believe a release, in TypeScript; `functions/device/verify.sh` is the same in shell. Nothing here
 * asks anybody: what was fetched is compared with the key that the device was made with, and with what it has seen before.
 */

export type Refusal =
  | "malformed"
  | "unknown-key"
  | "wrong-signature"
  | "other-workspace"
  | "rollback"
  | "expired"
  | "other-entries"
  | "not-current"
  | "other-release"
  | "other-file";

/** What was fetched is not to be believed, or not now: see docs/OTA-SIGNATURES.md for which of these pass by themselves. */
export class Refused extends Error {
  readonly reason: Refusal;
  constructor(reason: Refusal, detail: string) {
    super(`${reason}: ${detail}`);
    this.reason = reason;
  }
}

const refuse = (reason: Refusal, detail: string): never => {
  throw new Refused(reason, detail);
};

/** What a device keeps from one check to the next; at first the key alone that it was made with. */
export interface Trust {
  /** SPKI in DER, base64. */
  readonly publicKey: string;
  /** The highest that it has seen, and when that was issued. */
  readonly sequence?: number;
  readonly issued?: number;
}

export interface VerifiedSnapshot {
  readonly trust: Trust;
  readonly statement: SnapshotStatement;
  /** Lines of releases, each with its LF. */
  readonly entries: ReadonlySet<string>;
}

/** Whether the key has signed the statement. @param publicKey SPKI in DER, base64 */
export const isSigned = (statement: string, publicKey: string, signature: string): boolean => {
  const key = createPublicKey({ key: Buffer.from(publicKey, "base64"), format: "der", type: "spki" });
  return verify("sha256", Buffer.from(statement), key, Buffer.from(signature, "base64"));
};

const LINE = /^(?:[!-~]+ )*[!-~]+\n$/;
const HEAD = ["workspace", "sequence", "issued", "expires", "entries", "signature"];

interface Parsed extends Signature {
  readonly statement: SnapshotStatement;
  /** The statement as it came. */
  readonly text: string;
  readonly entries: readonly string[];
  readonly links: readonly KeyLink[];
}

const parse = (document: string): Parsed => {
  const lines = document.split(/(?<=\n)/);
  const bad = lines.find((line) => !LINE.test(line));
  if (bad !== undefined) refuse("malformed", `a line is cut short or no text: ${JSON.stringify(bad.slice(0, 80))}`);
  const words = lines.map((line) => line.trimEnd().split(" "));
  if (words[0]?.join() !== "slipway-snapshot-v1") refuse("malformed", "it is no snapshot of version 1");
  const head = words.slice(1, 1 + HEAD.length);
  if (HEAD.some((name, index) => head[index]?.[0] !== name))
    refuse("malformed", "it does not begin as a snapshot does");
  const [workspace = "", sequence, issued, expires, entries = ""] = head.map(([, value]) => value);
  const [, keyId = "", signature = ""] = head[5] ?? [];
  return {
    statement: { workspace, entries, sequence: Number(sequence), issued: Number(issued), expires: Number(expires) },
    text: lines.slice(0, HEAD.length).join(""),
    keyId,
    signature,
    entries: lines.filter((line) => line.startsWith("entry ")),
    links: words
      .filter(([kind]) => kind === "key")
      .map(([, elder = "", publicKey = "", notBefore, notAfter, link = ""]) => ({
        ...{ keyId: elder, publicKey, signature: link, notBefore: Number(notBefore), notAfter: Number(notAfter) },
      })),
  };
};

/** Goes from the key that the device knows to the one that signed, over links that each is signed by the one before. */
const followKeys = (publicKey: string, links: readonly KeyLink[], wanted: string, now: number): string => {
  let known = publicKey;
  for (const _ of [...links, undefined]) {
    const keyId = keyIdOf(known);
    if (keyId === wanted) return known;
    const link = links.find((one) => one.keyId === keyId);
    if (link === undefined) return refuse("unknown-key", `no link leads from key ${keyId} to ${wanted}`);
    if (!isSigned(successorStatement(link), known, link.signature))
      refuse("wrong-signature", `key ${keyId} has not signed its successor`);
    if (now < link.notBefore || now >= link.notAfter)
      refuse("unknown-key", `the successor of key ${keyId} is not valid now`);
    known = link.publicKey;
  }
  return refuse("unknown-key", `no links lead to key ${wanted}`);
};

/**
 * Believes a snapshot, or says why not. What it returns as `trust` is what the device keeps from now on.
 * @param document as fetched
 * @param now seconds since 1970, by the device's clock; one that is behind is set right by what was seen before
 * @throws Refused
 */
export const verifySnapshot = (workspace: string, document: string, trust: Trust, now: number): VerifiedSnapshot => {
  const { statement, text, keyId, signature, entries, links } = parse(document);
  const time = Math.max(now, trust.issued ?? 0);
  const publicKey = followKeys(trust.publicKey, links, keyId, time);
  if (!isSigned(text, publicKey, signature)) refuse("wrong-signature", "of the snapshot");
  const { sequence, issued } = statement;
  if (statement.workspace !== workspace) refuse("other-workspace", `the snapshot is of ${statement.workspace}`);
  if (sequence < (trust.sequence ?? 0)) refuse("rollback", `snapshot ${sequence} is older than ${trust.sequence}`);
  if (time >= statement.expires) refuse("expired", `snapshot ${sequence} was good until ${statement.expires}`);
  if (hashOf(entries.join("")) !== statement.entries) refuse("other-entries", "the snapshot lists other releases");
  return {
    trust: { publicKey, sequence, issued: Math.max(issued, trust.issued ?? 0) },
    statement,
    entries: new Set(entries),
  };
};

/** An app's entry in the metadata, as far as it is looked at. */
export interface MetadataEntry extends Signature {
  readonly latestVersion: string;
  readonly environment: string;
  /** As in the statement: names with `+` between them, or `*` for all. */
  readonly cpuArch: string;
  readonly size: number;
  readonly sha256: string;
}

/** What the device asked for. */
export interface Wanted {
  readonly app: string;
  readonly environment: string;
  readonly cpuArch: string;
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/**
 * Believes the entry of an app: signed for what was asked for, by the key of the snapshot, and current by it.
 * @throws Refused
 */
export const verifyRelease = (snapshot: VerifiedSnapshot, wanted: Wanted, entry: MetadataEntry): SignedRelease => {
  const { latestVersion: version, environment, cpuArch, size, sha256 } = entry;
  const isForAll = cpuArch === "*";
  const release = {
    ...{ app: wanted.app, environment, version, size, sha256 },
    ...(!isForAll && { cpuArch: cpuArch.split("+") }),
  };
  if (
    !same(environment, wanted.environment) ||
    !(isForAll || cpuArch.split("+").some((one) => same(one, wanted.cpuArch)))
  )
    refuse("other-release", `it is for ${environment} and ${cpuArch}`);
  const { publicKey } = snapshot.trust;
  if (entry.keyId !== keyIdOf(publicKey)) refuse("unknown-key", `the entry is signed by key ${entry.keyId}`);
  if (!isSigned(releaseStatement(snapshot.statement.workspace, release), publicKey, entry.signature))
    refuse("wrong-signature", `of ${wanted.app}`);
  if (!snapshot.entries.has(entryLine(release)))
    refuse("not-current", `${wanted.app} ${version} is not in the snapshot`);
  return release;
};

/** @throws Refused unless these are the release's bytes */
export const verifyFile = ({ size, sha256 }: SignedRelease, bytes: Uint8Array): void => {
  if (bytes.length !== size) refuse("other-file", `it has ${bytes.length} bytes, not ${size}`);
  if (createHash("sha256").update(bytes).digest("hex") !== sha256) refuse("other-file", "it has another SHA-256");
};
