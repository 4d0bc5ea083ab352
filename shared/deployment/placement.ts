import { keys } from "../keys.ts";
import type { StoredNode } from "../node/node.ts";
import type { Test, Write } from "../writes.ts";
import type { StoredCell, StoredGeneration } from "./cell.ts";
import { type CellRef, type Execution, type NodeProgress, sameCell } from "./steps.ts";

/** How far a node is on its way to its cell, as the table keeps it. */
export interface StoredProgress extends NodeProgress {
  readonly pk: string;
  readonly sk: string;
  readonly type: "node-progress";
  readonly workspaceId: string;
  readonly nodeId: string;
  /** Cells whose thing groups it was taken out of on this way: what is left without nodes may go. */
  readonly leftBehind: readonly CellRef[];
  /** Set once Greengrass has a job for it as a member of its cell, and counted there. */
  readonly placed?: true | undefined;
  /** The last failure that stood in its way, in the device's words or AWS's. */
  readonly error?: string | undefined;
  /** Of the registrations of the node, the one whose device was last seen to. */
  readonly registrations: number;
  /** The node is being deleted: it is counted nowhere any more. */
  readonly gone?: true;
  /** Who takes steps for it at the moment, and until when (ms since 1970); 0 when nobody does. */
  readonly lease?: string;
  readonly leaseUntil: number;
  readonly updatedAt: string;
}

/** Steps that take longer have died. Longer than the function that takes them may run. */
const LEASE_MS = 45_000;

type NodeKey = Pick<StoredNode, "workspaceId" | "id">;

const keyOf = ({ workspaceId, id }: NodeKey) => keys.nodeProgress(workspaceId, id);

const TAKEN = { code: "busy", detail: "another step is being taken for this node" } as const;

/** Takes the lease of a node's way, which is free, has run out, or is this holder's own from before a crash. */
export const leaseProgress = (progress: StoredProgress, holder: string, now: number): Write => ({
  do: "update",
  key: { pk: progress.pk, sk: progress.sk },
  set: { lease: holder, leaseUntil: now + LEASE_MS },
  when: progress.lease === holder ? { lease: holder } : { leaseUntil: { below: now } },
  otherwise: TAKEN,
});

/** Gives the lease back. */
export const releaseProgress = (progress: StoredProgress, holder: string): Write => ({
  do: "update",
  key: { pk: progress.pk, sk: progress.sk },
  set: { leaseUntil: 0 },
  remove: ["lease"],
  when: { lease: holder },
});

/** The generations that count a node: the one it is to be in, and those that it may be in. */
const countedIn = (progress: StoredProgress | undefined): CellRef[] => {
  if (progress === undefined || progress.gone === true) return [];
  const { cell, mayBeIn } = progress;
  return [cell, ...mayBeIn.filter((one) => !sameCell(one, cell))];
};

const without = (some: readonly CellRef[], others: readonly CellRef[]): CellRef[] =>
  some.filter((one) => !others.some((other) => sameCell(one, other)));

/** The members of a node's progress that change with a step; those that are absent are so afterwards. */
export type Progress = Pick<
  StoredProgress,
  "cell" | "mayBeIn" | "joinedAt" | "leftAt" | "renewals" | "leftBehind" | "placed" | "error" | "registrations" | "gone"
>;

/**
 * A node's progress with a step written down, in one transaction with the counts of generations and cells that follow
 * from it, under the node's lease.
 *
 * @param options `release` gives the lease back with it
 */
export const progressed = (
  node: NodeKey,
  before: StoredProgress | undefined,
  next: Progress,
  holder: string,
  now: Date,
  options: { readonly release: boolean } = { release: false },
): { progress: StoredProgress; writes: Write[] } => {
  const progress: StoredProgress = {
    ...keyOf(node),
    type: "node-progress",
    workspaceId: node.workspaceId,
    nodeId: node.id,
    cell: next.cell,
    mayBeIn: next.mayBeIn,
    renewals: next.renewals,
    leftBehind: next.leftBehind,
    registrations: next.registrations,
    ...(next.joinedAt !== undefined && { joinedAt: next.joinedAt }),
    ...(next.leftAt !== undefined && { leftAt: next.leftAt }),
    ...(next.placed === true && { placed: true as const }),
    ...(next.error !== undefined && { error: next.error }),
    ...(next.gone === true && { gone: true as const }),
    ...(options.release
      ? { leaseUntil: 0 }
      : { lease: holder, leaseUntil: before?.leaseUntil ?? now.getTime() + LEASE_MS }),
    updatedAt: now.toISOString(),
  };
  const put: Write =
    before === undefined
      ? { do: "create", item: { ...progress }, otherwise: TAKEN }
      : { do: "put", item: { ...progress }, when: { lease: holder }, otherwise: TAKEN };
  const [was, is] = [countedIn(before), countedIn(progress)];
  return {
    progress,
    writes: [
      put,
      ...without(is, was).map((ref) => count(node.workspaceId, ref, 1)),
      ...without(was, is).map((ref) => count(node.workspaceId, ref, -1)),
      ...countPlaced(node.workspaceId, placeOf(before), placeOf(progress)),
    ],
  };
};

/**
 * A node that is being deleted: counted out of its cell and of every generation, once and for all.
 */
export const countedOut = (
  node: NodeKey & { readonly cell: string },
  before: StoredProgress | undefined,
  holder: string,
  now: Date,
): { progress: StoredProgress; writes: Write[] } => {
  const { cell, mayBeIn } = before ?? { cell: { key: node.cell, generation: 0 }, mayBeIn: [] };
  const leftBehind = [...(before?.leftBehind ?? []), cell, ...mayBeIn];
  const { registrations } = before ?? { registrations: 0 };
  const gone: Progress = { cell, mayBeIn: [], renewals: 0, registrations, leftBehind, gone: true };
  const { progress, writes } = progressed(node, before, gone, holder, now, { release: true });
  const own = keys.cell(node.workspaceId, node.cell);
  const placed = writes.find((write) => write.do === "update" && write.key.pk === own.pk && write.key.sk === own.sk);
  // A transaction takes one write of an item.
  const isPlacedThere = placed !== undefined && placed.do === "update";
  const leave: Write = {
    do: "update",
    key: own,
    add: { nodes: -1, ...(isPlacedThere && placed.add) },
    when: { key: node.cell },
  };
  return { progress, writes: [...writes.filter((write) => write !== placed), leave] };
};

const count = (workspaceId: string, { key, generation }: CellRef, nodes: 1 | -1): Write => ({
  do: "update",
  key: keys.cellGeneration(workspaceId, key, generation),
  add: { nodes },
  ...(nodes < 0 && { set: { wasLeft: true } }),
  when: { type: "cell-generation", ...(nodes > 0 && { removing: { exists: false } as Test }) },
  otherwise: { code: "busy", detail: "the cell is being removed: the node gets another one" },
});

/** The cell that counts a node as placed. */
const placeOf = (progress: StoredProgress | undefined): string | undefined =>
  progress?.placed === true && progress.gone !== true ? progress.cell.key : undefined;

const countPlaced = (workspaceId: string, from: string | undefined, to: string | undefined): Write[] => {
  if (from === to) return [];
  const add = (key: string | undefined, placed: number): Write[] =>
    key === undefined ? [] : [{ do: "update", key: keys.cell(workspaceId, key), add: { placed }, when: { key } }];
  return [...add(from, -1), ...add(to, 1)];
};

/** How far the nodes of a cell have come: of those wanted, `delivered` have been handed to Greengrass as its members. */
export interface CellProgress {
  readonly key: string;
  readonly targets: readonly string[];
  readonly nodes: { readonly wanted: number; readonly delivered: number; readonly waiting: number };
  /** How many thing groups deliver to it. */
  readonly generations: number;
  /** What all of them deliver, by its hash; absent while they differ, or while nothing was delivered yet. */
  readonly hash?: string;
  readonly error?: string;
}

/** @param generations of this cell */
export const cellProgress = (cell: StoredCell, generations: readonly StoredGeneration[]): CellProgress => {
  const live = generations.filter(({ removing }) => removing === undefined);
  const delivered = Math.max(0, Math.min(cell.nodes, cell.placed ?? 0));
  const hashes = new Set(live.map((one) => (one.pending === undefined ? one.delivered?.hash : undefined)));
  const [hash] = hashes;
  const blocked = live.find((one) => one.blocked !== undefined)?.blocked;
  return {
    key: cell.key,
    targets: cell.targets,
    nodes: { wanted: cell.nodes, delivered, waiting: cell.nodes - delivered },
    generations: live.length,
    ...(hashes.size === 1 && hash !== undefined && { hash }),
    ...(blocked !== undefined && { error: blocked.detail }),
  };
};

/** The first time that a node is given a cell: neither AWS nor its device knows of any other. */
export const isUnplaced = (progress: NodeProgress): boolean =>
  progress.joinedAt === undefined && progress.leftAt === undefined && progress.mayBeIn.length === 0;

/** A job's execution as AWS IoT lists it. */
export interface ListedExecution {
  readonly jobId: string;
  readonly status: Execution["status"];
  /** Milliseconds. */
  readonly updatedAt: number;
}

/** No generation: an execution of some other job. */
const ELSEWHERE: CellRef = { key: "", generation: 0 };

/** Executions with the generation and the delivery that each is of, as far as these generations tell. */
export const executionsIn = (
  generations: readonly StoredGeneration[],
  executions: readonly ListedExecution[],
  errors: ReadonlyMap<string, string> = new Map(),
): Execution[] =>
  executions.map(({ jobId, status, updatedAt }) => {
    const of = generations.find(({ delivered }) => delivered?.jobId === jobId);
    const cell = of === undefined ? ELSEWHERE : { key: of.key, generation: of.generation };
    return { cell, sequence: of?.delivered?.sequence ?? 0, status, updatedAt, error: errors.get(jobId) };
  });

/** Whether a device that says what it has runs just what was delivered. Components of AWS's that come with a nucleus may be more. */
export const runsWhatWasDelivered = (
  versions: Readonly<Record<string, string>>,
  installed: ReadonlyMap<string, string>,
): boolean =>
  Object.entries(versions).every(([name, version]) => installed.get(name) === version) &&
  [...installed.keys()].every((name) => Object.hasOwn(versions, name) || name.startsWith("aws.greengrass."));
