import { createHash } from "node:crypto";
import { keys } from "../keys.ts";
import type { Write } from "../writes.ts";
import type { Undeliverable } from "./wish.ts";

/** The Greengrass runtime of a node: the Java nucleus and nucleus lite cannot share a cell's pinned versions. */
export type Runtime = "nucleus" | "nucleus-lite";

export const RUNTIMES: readonly Runtime[] = ["nucleus", "nucleus-lite"];

export const DEFAULT_RUNTIME: Runtime = "nucleus";

/** Every node with the same targets and runtime is in the same cell. It stays in the table, without nodes too, while its targets do. */
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
  /** Nodes that Greengrass delivers to as members of it: they may belong elsewhere by now. */
  readonly placed?: number;
  /** The highest number that a generation was ever given: none has it again. */
  readonly lastGeneration?: number;
  readonly createdAt: string;
}

/** A thing group through which Greengrass delivers to nodes of a cell. A cell may have several, which deliver the same. */
export interface StoredGeneration {
  readonly pk: string;
  readonly sk: string;
  readonly type: "cell-generation";
  readonly workspaceId: string;
  readonly key: string;
  /** Part of the thing group's name, which is never used again. */
  readonly generation: number;
  readonly targets: readonly string[];
  readonly runtime: Runtime;
  /** Nodes that are in it, are to be in it, or may still be. */
  readonly nodes: number;
  /** A node has left it: without nodes, it may go. */
  readonly wasLeft?: true;
  /** Its thing group's ARN, once that exists in AWS. */
  readonly arn?: string;
  /** What was last handed to Greengrass, and the Greengrass deployment that carries it. */
  readonly delivered?: {
    readonly hash: string;
    readonly deploymentId: string;
    /** The job of AWS IoT that tells the devices. */
    readonly jobId: string;
    readonly sequence: number;
    /** When, in milliseconds. */
    readonly at: number;
    /** How many devices the job tells in a minute at first, where its rollout says so. */
    readonly perMinute?: number;
    /** Component to exact version. */
    readonly versions: Readonly<Record<string, string>>;
    /** The revision of each target's deployment that it came from: the same revisions resolve to the same content. */
    readonly revisions: Readonly<Record<string, number>>;
  };
  /** A delivery under way: its sequence number makes the client token, so that a repeat delivers nothing twice. */
  readonly pending?: { readonly hash: string; readonly sequence: number };
  /** Why what is wanted cannot be delivered; what was delivered before stays. */
  readonly blocked?: Undeliverable;
  /** Who delivers at the moment, and until when (ms since 1970); 0 when nobody does. */
  readonly lease?: string;
  readonly leaseUntil: number;
  /** It is to be delivered to once more, though what it wants is what it was given: someone put something else there. */
  readonly again?: true;
  /** When its thing group was last looked at, and when the things in it were, in milliseconds. */
  readonly lookedAt?: number;
  readonly membersLookedAt?: number;
  /** Set once it is being taken away: nothing is delivered to it any more. */
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

const newCell = (workspaceId: string, targets: readonly string[], runtime: Runtime, now: Date) => ({
  type: "cell" as const,
  workspaceId,
  key: cellKey(targets, runtime),
  targets: [...targets].sort(),
  runtime,
  createdAt: now.toISOString(),
});

/** A generation before AWS knows of it. */
const newGeneration = (
  { workspaceId, key, targets, runtime }: Pick<StoredCell, "workspaceId" | "key" | "targets" | "runtime">,
  generation: number,
  now: Date,
): StoredGeneration => ({
  ...keys.cellGeneration(workspaceId, key, generation),
  type: "cell-generation",
  workspaceId,
  key,
  generation,
  targets,
  runtime,
  nodes: 0,
  leaseUntil: 0,
  createdAt: now.toISOString(),
});

/** A node group's own cell and its thing group: made with the group, so that a node that joins later is delivered to at once. */
export const firstCell = (workspaceId: string, groupId: string, now: Date): [StoredCell, StoredGeneration] => {
  const cell: StoredCell = {
    ...keys.cell(workspaceId, cellKey([groupId], DEFAULT_RUNTIME)),
    ...newCell(workspaceId, [groupId], DEFAULT_RUNTIME, now),
    nodes: 0,
    lastGeneration: 1,
  };
  return [cell, newGeneration(cell, 1, now)];
};

/** One generation more of a cell. Of two at once, one is refused with `busy`. */
export const addGeneration = (cell: StoredCell, now: Date): { generation: StoredGeneration; writes: Write[] } => {
  const { workspaceId, key, lastGeneration } = cell;
  const generation = newGeneration(cell, (lastGeneration ?? 0) + 1, now);
  return {
    generation,
    writes: [
      {
        do: "update",
        key: keys.cell(workspaceId, key),
        set: { lastGeneration: generation.generation },
        when: { key, lastGeneration: lastGeneration === undefined ? { exists: false } : lastGeneration },
        otherwise: { code: "busy", detail: `the cell ${key} was changed at the same time` },
      },
      { do: "create", item: { ...generation } },
    ],
  };
};

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

/** A node group's own cell, which is there with or without nodes. */
export const isGroupsOwn = ({ targets, runtime }: Pick<StoredCell, "targets" | "runtime">): boolean =>
  runtime === DEFAULT_RUNTIME && targets.length === 1 && targets[0]?.startsWith("grp_") === true;

/**
 * Generations that no node is in any more, of those of one cell. One stays where the cell has nodes, which may be on their
 * way, or is a node group's own; one that no node was ever in waits for its first.
 */
export const vacated = (cell: StoredCell | undefined, generations: readonly StoredGeneration[]): StoredGeneration[] => {
  const live = generations.filter(({ removing }) => removing === undefined).sort((a, b) => a.generation - b.generation);
  const kept = cell !== undefined && (cell.nodes > 0 || isGroupsOwn(cell)) ? live[0] : undefined;
  const empty = live.filter((one) => one !== kept && one.nodes === 0 && one.wasLeft === true);
  return [...generations.filter(({ removing }) => removing === true), ...empty];
};

/** Which generation a task works on: what a workflow hands from state to state. */
export const generationId = ({ key, generation }: Pick<StoredGeneration, "key" | "generation">): string =>
  `${key}-${generation}`;

/** @throws RangeError for what {@link generationId} has not made */
export const parseGenerationId = (id: string): { key: string; generation: number } => {
  const [, key, generation] = /^([0-9a-f]{16})-([1-9]\d*)$/.exec(id) ?? [];
  if (key === undefined) throw new RangeError(`${id} names no generation of a cell`);
  return { key, generation: Number(generation) };
};
