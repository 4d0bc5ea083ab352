import { keys } from "../keys.ts";
import type { Write } from "../writes.ts";
import type { StoredCell } from "./cell.ts";
import type { StoredDeployment } from "./deployment.ts";

/** A delivery that takes longer has died: another one may go ahead. Longer than the delivering function may run. */
const LEASE_MS = 45_000;

/** One delivery: the content's hash and its number among the cell's deliveries. */
export interface Delivery {
  readonly hash: string;
  readonly sequence: number;
}

const lease = (cell: StoredCell, holder: string, now: number, beside: Pick<StoredCell, "removing"> = {}): Write => ({
  do: "update",
  key: keys.cell(cell.workspaceId, cell.key),
  set: { lease: holder, leaseUntil: now + LEASE_MS, ...beside },
  when: cell.lease === holder ? { lease: holder } : { leaseUntil: { below: now } },
  otherwise: { code: "busy", detail: "another change of the same cell is being delivered" },
});

/** Takes the cell's lease, which is free, has run out, or is this holder's own from before a crash. */
export const leaseCell = (cell: StoredCell, holder: string, now: number): Write => lease(cell, holder, now);

/** As {@link leaseCell}, for taking the cell away: no delivery is under way from then on, and none begins. */
export const leaseForRemoval = (cell: StoredCell, holder: string, now: number): Write =>
  lease(cell, holder, now, { removing: true });

/** The same number again for a delivery that did not get to its end, else the next one: A → B → A delivers A twice. */
export const nextDelivery = (cell: StoredCell, hash: string): Delivery => {
  if (cell.pending?.hash === hash) return cell.pending;
  return { hash, sequence: Math.max(cell.delivered?.sequence ?? 0, cell.pending?.sequence ?? 0) + 1 };
};

/** Writes the delivery down before Greengrass hears of it. */
export const startDelivery = (cell: StoredCell, delivery: Delivery, holder: string): Write => ({
  do: "update",
  key: keys.cell(cell.workspaceId, cell.key),
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
export const isSettled = (cell: StoredCell, deployments: readonly StoredDeployment[]): boolean => {
  const { delivered, pending } = cell;
  if (delivered === undefined || pending !== undefined) return false;
  const covered = Object.keys(delivered.revisions);
  return (
    covered.length === deployments.length &&
    deployments.every(({ id, revision }) => delivered.revisions[id] === revision)
  );
};

/** The delivery is Greengrass's now: written down, and the lease given back. */
export const recordDelivery = (
  cell: StoredCell,
  delivered: NonNullable<StoredCell["delivered"]>,
  holder: string,
): Write => ({
  do: "update",
  key: keys.cell(cell.workspaceId, cell.key),
  set: { delivered, leaseUntil: 0 },
  remove: ["pending", "lease"],
  when: { lease: holder },
  otherwise: { code: "busy", detail: "the lease of the cell was lost" },
});

/** Gives the lease back without a delivery. */
export const releaseCell = (cell: StoredCell, holder: string): Write => ({
  do: "update",
  key: keys.cell(cell.workspaceId, cell.key),
  set: { leaseUntil: 0 },
  remove: ["lease"],
  when: { lease: holder },
});
