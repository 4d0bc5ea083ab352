import { createHash } from "node:crypto";
import { keys } from "../keys.ts";
import type { Write } from "../writes.ts";

/** The Greengrass runtime of a node: the Java nucleus and nucleus lite cannot share a cell's pinned versions. */
export type Runtime = "nucleus" | "nucleus-lite";

export const DEFAULT_RUNTIME: Runtime = "nucleus";

/** A cell: the thing group through which Greengrass delivers to every node with the same targets and runtime. */
export interface StoredCell {
  readonly pk: string;
  readonly sk: string;
  readonly type: "cell";
  readonly workspaceId: string;
  readonly key: string;
  readonly targets: readonly string[];
  readonly runtime: Runtime;
  /** Nodes that belong here, counted in the transactions that change it. */
  readonly nodes: number;
  /** Part of the thing group's name, which is never used again once the cell is gone. */
  readonly generation: number;
  /** Its thing group's ARN, once that exists in AWS. */
  readonly arn?: string;
  /** What was last handed to Greengrass, and the Greengrass deployment that carries it. */
  readonly delivered?: {
    readonly hash: string;
    readonly deploymentId: string;
    readonly sequence: number;
    /** The revision of each target's deployment that it came from: the same revisions resolve to the same content. */
    readonly revisions: Readonly<Record<string, number>>;
  };
  /** A delivery under way: its sequence number makes the client token, so that a repeat delivers nothing twice. */
  readonly pending?: { readonly hash: string; readonly sequence: number };
  /** Who delivers at the moment, and until when (ms since 1970); 0 when nobody does. */
  readonly lease?: string;
  readonly leaseUntil: number;
  /** Set once the cell is being taken away: nothing is delivered to it any more. */
  readonly removing?: true;
  readonly createdAt: string;
}

/** A cell's key: a hash of its sorted targets and runtime, 16 hex digits. */
export const cellKey = (targets: readonly string[], runtime: Runtime): string =>
  createHash("sha256")
    .update(JSON.stringify([[...targets].sort(), runtime]))
    .digest("hex")
    .slice(0, 16);

/**
 * Which deployments reach a node, sorted: those of its groups, each of which has one from its first day, and its own if
 * there is one. A node's own deployment has the node's id as its target.
 */
export const targetsOfNode = (node: {
  readonly id: string;
  readonly groups: readonly string[];
  readonly ownDeployment?: boolean | undefined;
}): string[] => (node.ownDeployment === true ? [...node.groups, node.id] : [...node.groups]).sort();

/** What a new cell of these targets looks like before AWS knows of it. */
const newCell = (workspaceId: string, targets: readonly string[], runtime: Runtime, now: Date) => ({
  type: "cell" as const,
  workspaceId,
  key: cellKey(targets, runtime),
  targets: [...targets].sort(),
  runtime,
  generation: 1,
  leaseUntil: 0,
  createdAt: now.toISOString(),
});

/** A node group's first cell: made with the group, so that a node that joins later is delivered to at once. */
export const firstCell = (workspaceId: string, groupId: string, now: Date): StoredCell => ({
  ...keys.cell(workspaceId, cellKey([groupId], DEFAULT_RUNTIME)),
  ...newCell(workspaceId, [groupId], DEFAULT_RUNTIME, now),
  nodes: 0,
});

const countIn =
  (nodes: number) =>
  (workspaceId: string, targets: readonly string[], runtime: Runtime, now: Date): Write => {
    const { type, key, ...rest } = newCell(workspaceId, targets, runtime, now);
    return {
      do: "update",
      key: keys.cell(workspaceId, key),
      setIfAbsent: { type, key, ...rest },
      add: { nodes },
    };
  };

/** Counts one node in, making the cell where there is none yet. */
export const enterCell = countIn(1);

/** Makes the cell of nodes that are still to come, unless it is there: it can deliver before they join. */
export const prepareCell = countIn(0);

/** Counts one node out. */
export const leaveCell = (workspaceId: string, key: string): Write => ({
  do: "update",
  key: keys.cell(workspaceId, key),
  add: { nodes: -1 },
  when: { nodes: { exists: true } },
});
