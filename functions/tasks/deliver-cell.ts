import { deploymentsOf, effectiveSetOf } from "../../shared/aws/catalogue.ts";
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
import {
  contentHash,
  type DeploymentContent,
  deploymentContent,
  MAX_DOCUMENT_BYTES,
} from "../../shared/deployment/resolve.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredCell } from "./desired.ts";
import { cellTask } from "./task.ts";

/** What the cell's nodes must run now. Nothing is delivered that would uninstall what could not be resolved. */
const contentOf = async (cell: StoredCell, deployments: readonly StoredDeployment[]): Promise<DeploymentContent> => {
  const set = await effectiveSetOf(cell, deployments);
  const [first] = set.unresolved;
  if (first !== undefined) {
    throw new AppError("unresolvable", `no published version of ${first.component} satisfies ${first.requirement}`);
  }
  const content = deploymentContent(set);
  const bytes = Buffer.byteLength(JSON.stringify(content));
  if (bytes > MAX_DOCUMENT_BYTES) {
    const detail = `the deployments of ${cell.targets.length} targets take ${bytes} bytes, of at most ${MAX_DOCUMENT_BYTES}`;
    throw new AppError("deployment-too-large", detail);
  }
  return content;
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
  const content = await contentOf(cell, deployments);
  const hash = contentHash(content);
  const revisions = revisionsOf(deployments);
  const { delivered, pending } = cell;
  if (delivered?.hash === hash && pending === undefined) {
    return transact([recordDelivery(cell, { ...delivered, revisions }, holder)]);
  }
  const delivery = nextDelivery(cell, hash);
  await transact([startDelivery(cell, delivery, holder)]);
  const deploymentId = await createDeployment(
    cell.arn,
    `slipway-${cell.key}`,
    content,
    `${cell.workspaceId}-${cell.key}-${cell.generation}-${delivery.sequence}`,
  );
  await transact([recordDelivery(cell, { ...delivery, deploymentId, revisions }, holder)]);
};
