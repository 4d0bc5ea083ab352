import { keys } from "../keys.ts";
import type { Write } from "../writes.ts";
import type { StoredGeneration } from "./cell.ts";
import type { StoredDeployment } from "./deployment.ts";
import type { Undeliverable } from "./wish.ts";

/** A delivery that takes longer has died: another one may go ahead. Longer than the delivering function may run. */
const LEASE_MS = 45_000;

const keyOf = ({ workspaceId, key, generation }: StoredGeneration) => keys.cellGeneration(workspaceId, key, generation);

const FREE = { code: "busy", detail: "another change of the same cell is being delivered" } as const;

const lease = (
  cell: StoredGeneration,
  holder: string,
  now: number,
  beside: { set?: Pick<StoredGeneration, "removing">; when?: { nodes: number } } = {},
): Write => ({
  do: "update",
  key: keyOf(cell),
  set: { lease: holder, leaseUntil: now + LEASE_MS, ...beside.set },
  when: { ...(cell.lease === holder ? { lease: holder } : { leaseUntil: { below: now } }), ...beside.when },
  otherwise: FREE,
});

/** Takes the cell's lease, which is free, has run out, or is this holder's own from before a crash. */
export const leaseCell = (cell: StoredGeneration, holder: string, now: number): Write => lease(cell, holder, now);

/**
 * As {@link leaseCell}, for taking it away: no delivery is under way from then on, none begins, and no node is in it or on
 * its way to it.
 */
export const leaseForRemoval = (cell: StoredGeneration, holder: string, now: number): Write =>
  lease(cell, holder, now, { set: { removing: true }, when: { nodes: 0 } });

/** Writes the delivery down before Greengrass hears of it. */
export const startDelivery = (
  cell: StoredGeneration,
  delivery: { readonly hash: string; readonly sequence: number },
  holder: string,
): Write => ({
  do: "update",
  key: keyOf(cell),
  set: { pending: delivery },
  when: { lease: holder },
  otherwise: { code: "busy", detail: "the lease of the cell was lost" },
});

/** The revisions that a cell's content is resolved from, by target. */
export const revisionsOf = (deployments: readonly StoredDeployment[]): Record<string, number> =>
  Object.fromEntries(deployments.map(({ id, revision }) => [id, revision]));

/**
 * Whether what was delivered came from just these revisions. A component's requirement and the versions that it sees are
 * part of its deployment's revision, so there is nothing to resolve anew.
 */
export const isSettled = (cell: StoredGeneration, deployments: readonly StoredDeployment[]): boolean => {
  const { delivered, pending, again } = cell;
  if (delivered === undefined || pending !== undefined || again === true) return false;
  const covered = Object.keys(delivered.revisions);
  return (
    covered.length === deployments.length &&
    deployments.every(({ id, revision }) => delivered.revisions[id] === revision)
  );
};

/** The delivery is Greengrass's now: written down, and the lease given back. */
export const recordDelivery = (
  cell: StoredGeneration,
  delivered: NonNullable<StoredGeneration["delivered"]>,
  holder: string,
): Write => ({
  do: "update",
  key: keyOf(cell),
  set: { delivered, leaseUntil: 0 },
  remove: ["pending", "lease", "blocked", "again"],
  when: { lease: holder },
  otherwise: { code: "busy", detail: "the lease of the cell was lost" },
});

/** Writes down why nothing can be delivered, and gives the lease back. What was delivered stays as it is. */
export const recordBlocked = (cell: StoredGeneration, blocked: Undeliverable, holder: string): Write => ({
  do: "update",
  key: keyOf(cell),
  set: { blocked: { code: blocked.code, detail: blocked.detail }, leaseUntil: 0 },
  remove: ["lease"],
  when: { lease: holder },
  otherwise: { code: "busy", detail: "the lease of the cell was lost" },
});

/** Gives the lease back without a delivery. */
export const releaseCell = (cell: StoredGeneration, holder: string): Write => ({
  do: "update",
  key: keyOf(cell),
  set: { leaseUntil: 0 },
  remove: ["lease"],
  when: { lease: holder },
});
