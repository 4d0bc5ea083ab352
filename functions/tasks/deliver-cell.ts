import { deploymentsOf, publishedVersions } from "../../shared/aws/catalogue.ts";
import { createDeployment } from "../../shared/aws/greengrass.ts";
import { transact } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import {
  isSettled,
  leaseCell,
  nextDelivery,
  recordDelivery,
  releaseCell,
  revisionsOf,
  startDelivery,
} from "../../shared/deployment/delivery.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import { type Deliverable, wishOf } from "../../shared/deployment/wish.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredCell } from "./desired.ts";
import { cellTask } from "./task.ts";

/**
 * What the cell's nodes must run now.
 * @throws AppError that tells why it cannot be delivered; what runs is left alone then
 */
const deliverableOf = async (cell: StoredCell, deployments: readonly StoredDeployment[]): Promise<Deliverable> => {
  const names = [...new Set(deployments.flatMap(({ components }) => Object.keys(components)))];
  // What a revision resolves to must not change with time: a version whose deletion was asked for, and which may come back
  // because a deployment wants it, is waited for.
  const published = await publishedVersions(cell.workspaceId, names, { settled: true });
  const wish = wishOf(cell.runtime, deployments, published);
  if ("code" in wish) throw new AppError(wish.code, wish.detail);
  return wish;
};

/**
 * Hands what the cell wants to Greengrass, if that differs from what was handed over last. One delivery at a time holds
 * the cell's lease; its number is written down first and makes the client token, so that a repeat after a crash is the
 * same deployment to Greengrass. Who finds the lease taken tries later, and then mostly finds its wish delivered.
 * @returns whether the cell wants nothing else by now
 */
export const handler = cellTask("deliver-cell", async (input) => {
  const before = await desiredCell(input);
  if (isSettled(before, await deploymentsOf(before))) return { settled: true };
  const holder = `${input.intentId}-${input.attempt}`;
  await transact([leaseCell(before, holder, Date.now())]);
  try {
    await deliver(await desiredCell(input), holder);
  } catch (error) {
    await transact([releaseCell(before, holder)]).catch((lost: unknown) => {
      // Recorded already, or lost to another holder: then there is nothing to give back.
      if (!(lost instanceof AppError && lost.code === "conflict")) throw lost;
    });
    throw error;
  }
  const after = await desiredCell(input);
  return { settled: isSettled(after, await deploymentsOf(after)) };
});

const deliver = async (cell: StoredCell, holder: string): Promise<void> => {
  if (cell.removing) throw new AppError("not-ready", "what this delivers to is being deleted");
  if (cell.arn === undefined) throw new AppError("conflict", `the cell ${cell.key} has no thing group`);
  const deployments = await deploymentsOf(cell);
  const { hash, content, settings } = await deliverableOf(cell, deployments);
  const revisions = revisionsOf(deployments);
  const { delivered, pending } = cell;
  if (delivered?.hash === hash && pending === undefined) {
    return transact([recordDelivery(cell, { ...delivered, revisions }, holder)]);
  }
  const delivery = nextDelivery(cell, hash);
  await transact([startDelivery(cell, delivery, holder)]);
  const { deploymentId } = await createDeployment(
    cell.arn,
    `slipway-${cell.key}`,
    content,
    settings,
    `${cell.workspaceId}-${cell.key}-${cell.generation}-${delivery.sequence}`,
  );
  await transact([recordDelivery(cell, { ...delivery, deploymentId, revisions }, holder)]);
};
