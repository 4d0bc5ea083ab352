import { putObject } from "../../shared/aws/objects.ts";
import { allItems, getItem, transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { keys, otaKeys, otaPartitions } from "../../shared/keys.ts";
import type { CurrentRelease } from "../../shared/ota/select.ts";
import {
  isSnapshotDue,
  listed,
  type NamedWorkspace,
  nextSnapshot,
  recordSnapshot,
  type StoredSnapshot,
  snapshotKey,
} from "../../shared/ota/snapshot.ts";
import {
  entryLines,
  hashOf,
  releaseStatement,
  snapshotDocument,
  snapshotStatement,
} from "../../shared/ota/statements.ts";
import { isSigned } from "../../shared/ota/verify.ts";
import { AppError } from "../../shared/problems.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import type { Key } from "../../shared/writes.ts";
import { currentSigning, type Signing, signed } from "./signing-keys.ts";

type Entry = CurrentRelease & Key & { readonly releaseId: string };

/** Signs a release anew whose signature is not this key's, or not of what it now is. */
const signedEntry = async (workspace: string, entry: Entry, signing: Signing): Promise<void> => {
  const statement = releaseStatement(workspace, entry);
  const { keyId, signature } = entry;
  const isRight = keyId === signing.key.keyId && isSigned(statement, signing.key.publicKey, signature ?? "");
  if (isRight) return;
  const made = await signed(signing, statement);
  const { pk, sk, releaseId, sha256 } = entry;
  await transact([{ do: "update", table: "ota", key: { pk, sk }, set: { ...made }, when: { releaseId, sha256 } }]);
};

/** One try. @throws AppError `conflict` where a release or the snapshot has changed meanwhile */
const tryRefresh = async ({ id, name }: StoredWorkspace, now: Date): Promise<boolean> => {
  const signing = await currentSigning(now);
  const { snapshot: last } = (await getItem<NamedWorkspace>(otaKeys.workspaceName(name), "ota")) ?? {};
  const releases = listed(await allItems<Entry>({ partition: otaPartitions.current(id), table: "ota" }));
  for (const entry of releases) await signedEntry(name, entry, signing);
  const lines = entryLines(releases);
  const wanted = { entries: hashOf(lines), keyId: signing.key.keyId, links: signing.links };
  if (!isSnapshotDue(last, wanted, now)) return false;
  const statement = nextSnapshot(name, last, wanted.entries, Number(env("OTA_SNAPSHOT_HOURS")) * 3_600, now);
  const snapshot = { ...statement, ...(await signed(signing, snapshotStatement(statement))) };
  const document = snapshotDocument(snapshot, lines, signing.links);
  const key = snapshotKey(id, snapshot.sequence, document);
  await putObject(env("OTA_BUCKET"), key, document, {
    headers: { ContentType: "text/plain; charset=us-ascii", CacheControl: "public, max-age=31536000, immutable" },
  });
  const stored: StoredSnapshot = { ...snapshot, key, size: Buffer.byteLength(document), links: signing.links.length };
  await transact(recordSnapshot(id, last, stored));
  return true;
};

const MOST_TRIES = 5;

/**
 * Brings a workspace's snapshot, and the signatures of what it lists, to what the table says now. Run twice, late or at once
 * with another one, it does no harm: the one that read what the other has written since begins again.
 * @returns whether a new snapshot was made
 */
export const refreshSnapshot = async (workspaceId: string, now: Date): Promise<boolean> => {
  for (let tries = 1; ; tries += 1) {
    const workspace = await getItem<StoredWorkspace>(keys.workspace(workspaceId));
    if (workspace === undefined) return false; // deleted, and its snapshot with it
    try {
      return await tryRefresh(workspace, now);
    } catch (error) {
      if (tries >= MOST_TRIES || !(error instanceof AppError && error.code === "conflict")) throw error;
    }
  }
};
