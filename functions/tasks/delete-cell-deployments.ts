import { deleteDeployments } from "../../shared/aws/greengrass.ts";
import { desiredCell } from "./desired.ts";
import { cellTask } from "./task.ts";

export const handler = cellTask("delete-cell-deployments", async (input) => {
  const { arn } = await desiredCell(input);
  if (arn !== undefined) await deleteDeployments(arn);
});
