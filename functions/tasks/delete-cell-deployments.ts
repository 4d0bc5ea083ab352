import { deleteDeployments } from "../../shared/aws/greengrass.ts";
import { getItem } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import { keys } from "../../shared/keys.ts";
import { cellTask } from "./task.ts";

export const handler = cellTask("delete-cell-deployments", async (input) => {
  const cell = await getItem<StoredCell>(keys.cell(input.workspaceId, input.cell));
  if (cell?.arn !== undefined) await deleteDeployments(cell.arn);
});
