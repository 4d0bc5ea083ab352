import { ID_PREFIXES } from "../ids.ts";
import { otaKeys } from "../keys.ts";
import type { Write } from "../writes.ts";
import type { CurrentRelease } from "./select.ts";
import { entryLines, hashOf, type KeyLink, type SignedSnapshot, type SnapshotStatement } from "./statements.ts";

/**
 * What the keys of snapshots start with, and no other key: a workspace named "snapshots" has its published binaries below
 * "snapshots/releases/".
 */
export const SNAPSHOTS = `snapshots/${ID_PREFIXES.workspace}_`;

/** Days after which a snapshot's object goes. The longest that one is believed, and some more. */
export const SNAPSHOT_KEPT_DAYS = 40;

/** The last snapshot of a workspace, as the `ota` table has it beside the workspace's name. */
export type StoredSnapshot = SignedSnapshot & {
  /** Of the document in the OTA bucket; the path of its URL. */
  readonly key: string;
  /** Bytes of the document. */
  readonly size: number;
  /** How many links the document has. */
  readonly links: number;
};

/** The item of a workspace's name in the `ota` table, as far as it matters here. */
export interface NamedWorkspace {
  readonly id: string;
  readonly snapshot?: StoredSnapshot;
}

/** The item by which the schedule finds a workspace that has a snapshot. */
export interface SnapshotEntry {
  readonly workspaceId: string;
  readonly issued: number;
  readonly keyId: string;
}

/** What a snapshot lists: what devices may get. What is paused, they may not. */
export const listed = <Release extends CurrentRelease & { readonly isPaused?: boolean }>(
  releases: readonly Release[],
): readonly Release[] => releases.filter(({ isPaused }) => isPaused !== true);

/** The hash of what a snapshot of these releases would list. */
export const entriesHash = (releases: readonly CurrentRelease[]): string => hashOf(entryLines(listed(releases)));

/** A snapshot is made anew when a third of its time is over: a schedule that fails has two thirds to be mended in. */
export const isAging = ({ issued, expires }: Pick<StoredSnapshot, "issued" | "expires">, now: number): boolean =>
  now - issued >= (expires - issued) / 3;

/**
 * Whether a snapshot has to be made: there is none of what there is now, by this key, with all links and young enough. None
 * is made for a workspace that never had a release.
 */
export const isSnapshotDue = (
  last: StoredSnapshot | undefined,
  wanted: { readonly entries: string; readonly keyId: string; readonly links: readonly KeyLink[] },
  now: Date,
): boolean => {
  if (last === undefined) return wanted.entries !== hashOf("");
  const isSame = last.entries === wanted.entries && last.keyId === wanted.keyId && last.links === wanted.links.length;
  return !isSame || isAging(last, seconds(now));
};

/** Seconds since 1970. */
export const seconds = (now: Date): number => Math.floor(now.getTime() / 1_000);

/**
 * The statement of the next snapshot. Its number is the time, so that it is above all that went before also where the table
 * was restored to an earlier moment, or the workspace's name belonged to another one before.
 */
export const nextSnapshot = (
  workspace: string,
  last: StoredSnapshot | undefined,
  entries: string,
  lifetimeSeconds: number,
  now: Date,
): SnapshotStatement => {
  const issued = seconds(now);
  return {
    ...{ workspace, entries, issued, expires: issued + lifetimeSeconds },
    sequence: Math.max(issued, (last?.sequence ?? 0) + 1),
  };
};

/** Where a snapshot's document is. Two that were made at once have the same number, and of them one is recorded. */
export const snapshotKey = (workspaceId: string, sequence: number, document: string): string =>
  `snapshots/${workspaceId}/${sequence}-${hashOf(document).slice(0, 16)}`;

/** Makes it the workspace's snapshot, unless another one was made since the last one was read. */
export const recordSnapshot = (
  workspaceId: string,
  last: StoredSnapshot | undefined,
  snapshot: StoredSnapshot,
): Write[] => [
  {
    do: "update",
    table: "ota",
    key: otaKeys.workspaceName(snapshot.workspace),
    set: { snapshot, snapshotSequence: snapshot.sequence },
    when: { id: workspaceId, snapshotSequence: last?.sequence ?? { exists: false } },
  },
  {
    do: "put",
    table: "ota",
    item: {
      ...otaKeys.snapshot(workspaceId),
      type: "snapshot",
      workspaceId,
      issued: snapshot.issued,
      keyId: snapshot.keyId,
    },
  },
];

/** With the workspace. */
export const forgetSnapshot = (workspaceId: string): Write => ({
  do: "delete",
  table: "ota",
  key: otaKeys.snapshot(workspaceId),
});
