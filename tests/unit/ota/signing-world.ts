import { generateKeyPairSync, sign } from "node:crypto";
import { answerPackage } from "../../../shared/ota/package.ts";
import type { CurrentRelease } from "../../../shared/ota/select.ts";
import {
  entryLines,
  hashOf,
  type KeyLink,
  keyIdOf,
  releaseStatement,
  type SnapshotStatement,
  snapshotDocument,
  snapshotStatement,
  successorStatement,
} from "../../../shared/ota/statements.ts";

/** A signing key as KMS has one, for tests. */
export interface TestKey {
  readonly keyId: string;
  /** SPKI in DER, base64. */
  readonly publicKey: string;
  readonly pem: string;
  readonly sign: (statement: string) => string;
}

export const aKey = (): TestKey => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKey = pair.publicKey.export({ format: "der", type: "spki" }).toString("base64");
  return {
    keyId: keyIdOf(publicKey),
    publicKey,
    pem: String(pair.publicKey.export({ format: "pem", type: "spki" })),
    sign: (statement) => sign("sha256", Buffer.from(statement), pair.privateKey).toString("base64"),
  };
};

/** The link by which one who knows the elder key gets to the younger one. */
export const linkOf = (elder: TestKey, younger: TestKey, notBefore: number, notAfter: number): KeyLink => {
  const statement = { publicKey: younger.publicKey, notBefore, notAfter };
  return { ...statement, keyId: elder.keyId, signature: elder.sign(successorStatement(statement)) };
};

export const signedRelease = (key: TestKey, workspace: string, release: CurrentRelease): CurrentRelease => ({
  ...release,
  signature: key.sign(releaseStatement(workspace, release)),
  keyId: key.keyId,
});

export const documentOf = (
  key: TestKey,
  statement: Omit<SnapshotStatement, "entries">,
  releases: readonly CurrentRelease[],
  links: readonly KeyLink[] = [],
): string => {
  const entries = entryLines(releases);
  const whole = { ...statement, entries: hashOf(entries) };
  const signature = key.sign(snapshotStatement(whole));
  return snapshotDocument({ ...whole, keyId: key.keyId, signature }, entries, links);
};

/** The metadata as devices get it. */
export const metadataOf = (releases: readonly CurrentRelease[]): string => {
  const answer = answerPackage({
    payloadType: "metadataOnly",
    selection: releases,
    have: { any: false, tags: [], others: [] },
    urlOf: ({ app, version }) => `https://ota.example/acme/releases/rel_1/${app}_${version}`,
  });
  if (answer.kind !== "metadata") throw new Error(`the answer is ${answer.kind}`);
  return new TextDecoder().decode(answer.body);
};
