import { effectiveSetOf } from "../../shared/aws/catalogue.ts";
import { createDeployment } from "../../shared/aws/greengrass.ts";
import { transact } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import { leaseCell, nextDelivery, recordDelivery, startDelivery } from "../../shared/deployment/delivery.ts";
import { contentHash, type DeploymentContent, deploymentContent } from "../../shared/deployment/resolve.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredCell } from "./desired.ts";
import { cellTask } from "./task.ts";

/** What the cell's nodes must run now. Nothing is delivered that would uninstall what could not be resolved. */
const wantedBy = async (cell: StoredCell): Promise<{ content: DeploymentContent; hash: string }> => {
  const set = await effectiveSetOf(cell);
  const [first] = set.unresolved;
  if (first !== undefined) {
    throw new AppError("unresolvable", `no published version of ${first.component} satisfies ${first.requirement}`);
  }
  const content = deploymentContent(set);
  return { content, hash: contentHash(content) };
};

const isDelivered = (cell: StoredCell, hash: string) => cell.delivered?.hash === hash && cell.pending === undefined;

/**
 * Hands what the cell wants to Greengrass, if that differs from what was handed over last. One delivery at a time holds
 * the cell's lease; its number is written down first and makes the client token, so that a repeat after a crash is the
 * same deployment to Greengrass.
 * @returns whether the cell wants nothing else by now
 */
export const handler = cellTask("deliver-cell", async (input) => {
  const before = await desiredCell(input);
  if (isDelivered(before, (await wantedBy(before)).hash)) return { settled: true };

  const holder = `${input.intentId}-${input.attempt}`;
  await transact([leaseCell(before, holder, Date.now())]);
  const cell = await desiredCell(input);
  const { content, hash } = await wantedBy(cell);
  if (cell.arn === undefined) throw new AppError("conflict", `the cell ${cell.key} has no thing group`);
  const delivery = nextDelivery(cell, hash);
  await transact([startDelivery(cell, delivery, holder)]);
  const deploymentId = await createDeployment(
    cell.arn,
    `slipway-${cell.key}`,
    content,
    `${cell.workspaceId}-${cell.key}-${cell.generation}-${delivery.sequence}`,
  );
  await transact([recordDelivery(cell, { ...delivery, deploymentId }, holder)]);

  const after = await desiredCell(input);
  return { settled: isDelivered(after, (await wantedBy(after)).hash) };
});
