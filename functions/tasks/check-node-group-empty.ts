import { generationsOfTarget } from "../../shared/aws/cells.ts";
import { isPartitionEmpty } from "../../shared/aws/table.ts";
import { generationId } from "../../shared/deployment/cell.ts";
import { partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredNodeGroup } from "./desired.ts";
import { task } from "./task.ts";

/** Looks again: a node may have joined while the deletion was asked for. From here on none can. */
export const handler = task("check-node-group-empty", async (input) => {
  const { name, id, workspaceId } = await desiredNodeGroup(input);
  if (!(await isPartitionEmpty(partitions.nodesOfGroup(id)))) {
    throw new AppError("node-group-not-empty", `the node group ${name} still has nodes`);
  }
  return (await generationsOfTarget(workspaceId, id)).map(generationId);
});
