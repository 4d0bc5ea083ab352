import { deleteDeployments } from "../../shared/aws/greengrass.ts";
import { transact } from "../../shared/aws/table.ts";
import { leaseForRemoval } from "../../shared/deployment/delivery.ts";
import { findGeneration } from "./generation.ts";
import { cellTask } from "./task.ts";

/** Whether nodes that come back keep a cell from being removed; where its targets go, it must go and is waited for. */
const MAY_STAY: ReadonlySet<string> = new Set(["deployment.apply", "node.move", "node.delete"]);

/** Under the cell's lease, and after a mark that keeps deliveries away: none comes in between and is left behind. */
export const handler = cellTask("delete-cell-deployments", async (input) => {
  const found = await findGeneration(input);
  if (found === undefined) return; // a repeat
  if (found.nodes > 0 && MAY_STAY.has(input.kind)) return;
  await transact([leaseForRemoval(found, `${input.intentId}-${input.attempt}`, Date.now())]);
  if (found.arn !== undefined) await deleteDeployments(found.arn);
});
