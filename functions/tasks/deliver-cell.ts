import { deploymentsOf, publishedVersions } from "../../shared/aws/catalogue.ts";
import { createDeployment } from "../../shared/aws/greengrass.ts";
import { transact } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import type { StoredGeneration } from "../../shared/deployment/cell.ts";
import {
  isSettled,
  leaseCell,
  recordBlocked,
  recordDelivery,
  releaseCell,
  revisionsOf,
  startDelivery,
} from "../../shared/deployment/delivery.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import { slowestPace } from "../../shared/deployment/settings.ts";
import { type CellWish, nextForCell } from "../../shared/deployment/steps.ts";
import { type Deliverable, type Undeliverable, wishOf } from "../../shared/deployment/wish.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredGeneration } from "./generation.ts";
import { cellTask } from "./task.ts";

/** What the cell's nodes must run now. */
const wishNow = async (
  { workspaceId, runtime }: StoredGeneration,
  deployments: readonly StoredDeployment[],
): Promise<Deliverable | Undeliverable> => {
  const names = [...new Set(deployments.flatMap(({ components }) => Object.keys(components)))];
  // What a revision resolves to must not change with time: a version whose deletion was asked for, and which may come back
  // because a deployment wants it, is waited for.
  return wishOf(runtime, deployments, await publishedVersions(workspaceId, names, { settled: true }));
};

/**
 * Hands what the cell wants to Greengrass, if that differs from what was handed over last. One delivery at a time holds
 * the lease of a cell's generation; its number is written down first and makes the client token, so that a repeat after a
 * crash is the same deployment to Greengrass. Who finds the lease taken tries later, and then mostly finds its wish
 * delivered. What cannot be delivered is written down, and what was delivered before stays.
 * @returns whether the cell wants nothing else by now, or nothing that could be delivered
 */
export const handler = cellTask("deliver-cell", async (input) => {
  const before = await desiredGeneration(input);
  if (isSettled(before, await deploymentsOf(before))) return { settled: true };
  const holder = `${input.intentId}-${input.attempt}`;
  await transact([leaseCell(before, holder, Date.now())]);
  let done: "delivered" | "blocked";
  try {
    done = await deliver(await desiredGeneration(input), holder);
  } catch (error) {
    await transact([releaseCell(before, holder)]).catch((lost: unknown) => {
      // Recorded already, or lost to another holder: then there is nothing to give back.
      if (!(lost instanceof AppError && lost.code === "conflict")) throw lost;
    });
    throw error;
  }
  const after = await desiredGeneration(input);
  if (done === "blocked") {
    // An import would put its nodes into a cell that delivers nothing.
    const { blocked, delivered } = after;
    const isInVain = input.kind === "node-import.run" && delivered === undefined;
    if (isInVain && blocked !== undefined) throw new AppError(blocked.code, blocked.detail);
    return { settled: true };
  }
  return { settled: isSettled(after, await deploymentsOf(after)) };
});

const deliver = async (cell: StoredGeneration, holder: string): Promise<"delivered" | "blocked"> => {
  const { arn, delivered } = cell;
  if (cell.removing) throw new AppError("not-ready", "what this delivers to is being deleted");
  if (arn === undefined) throw new AppError("conflict", `the cell ${cell.key} has no thing group`);
  const deployments = await deploymentsOf(cell);
  const wish = await wishNow(cell, deployments);
  const told: CellWish = "code" in wish ? { undeliverable: wish.detail } : wish;
  const action = nextForCell({ ...cell, ref: cell, created: true, kept: true }, told);
  if ("code" in wish) {
    await transact([recordBlocked(cell, wish, holder)]);
    return "blocked";
  }
  const revisions = revisionsOf(deployments);
  if (action.do !== "deliver" && delivered !== undefined) {
    await transact([recordDelivery(cell, { ...delivered, revisions }, holder)]);
    return "delivered";
  }
  if (action.do !== "deliver") throw new Error(`a cell that was never delivered to is ${action.do}`);
  const { hash, sequence } = action;
  const { versions, settings } = wish;
  const perMinute = slowestPace(settings.rollout);
  await transact([startDelivery(cell, { hash, sequence }, holder)]);
  await takeTurn("CreateDeployment");
  const made = await createDeployment(
    arn,
    `slipway-${cell.key}`,
    wish.content,
    settings,
    `${cell.workspaceId}-${cell.key}-${cell.generation}-${sequence}`,
  );
  await transact([
    recordDelivery(
      cell,
      { ...made, hash, sequence, versions, revisions, at: Date.now(), ...(perMinute !== undefined && { perMinute }) },
      holder,
    ),
  ]);
  return "delivered";
};
