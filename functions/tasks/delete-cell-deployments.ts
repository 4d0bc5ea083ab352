import { deleteDeployments } from "../../shared/aws/greengrass.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import { leaseForRemoval } from "../../shared/deployment/delivery.ts";
import { keys } from "../../shared/keys.ts";
import { cellTask } from "./task.ts";

/** Under the cell's lease, and after a mark that keeps deliveries away: none comes in between and is left behind. */
export const handler = cellTask("delete-cell-deployments", async (input) => {
  const cell = await getItem<StoredCell>(keys.cell(input.workspaceId, input.cell));
  if (cell === undefined) return; // a repeat
  await transact([leaseForRemoval(cell, `${input.intentId}-${input.attempt}`, Date.now())]);
  if (cell.arn !== undefined) await deleteDeployments(cell.arn);
});
