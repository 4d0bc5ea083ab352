import { allItems, isPartitionEmpty } from "../../shared/aws/table.ts";
import { generationId, type StoredGeneration } from "../../shared/deployment/cell.ts";
import { otaPartitions, partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { leftovers } from "../../shared/workspace/workspace.ts";
import { task } from "./task.ts";

/** Looks again: something may have been created while the deletion was asked for. From here on nothing can be. */
export const handler = task("check-workspace-empty", async ({ workspaceId }) => {
  const left = leftovers({
    nodes: !(await isPartitionEmpty(partitions.nodes(workspaceId))),
    "node groups": !(await isPartitionEmpty(partitions.nodeGroups(workspaceId))),
    "node imports": !(await isPartitionEmpty(partitions.nodeImports(workspaceId))),
    components: !(await isPartitionEmpty(partitions.components(workspaceId))),
    releases: !(await isPartitionEmpty(otaPartitions.releases(workspaceId), "ota")),
  });
  if (left !== undefined) throw new AppError("workspace-not-empty", left);
  return (await allItems<StoredGeneration>(partitions.cellGenerations(workspaceId))).map(generationId);
});
