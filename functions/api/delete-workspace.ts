import { isPartitionEmpty } from "../../shared/aws/table.ts";
import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { otaPartitions, partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { deleteWorkspace, leftovers } from "../../shared/workspace/workspace.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(workspaceRoutes, "deleteWorkspace", async ({ workspace, caller, moment, accept }) => {
  const [noNodes, noGroups, noImports, noComponents, noReleases] = await Promise.all([
    isPartitionEmpty(partitions.nodes(workspace.id)),
    isPartitionEmpty(partitions.nodeGroups(workspace.id)),
    isPartitionEmpty(partitions.nodeImports(workspace.id)),
    isPartitionEmpty(partitions.components(workspace.id)),
    isPartitionEmpty(otaPartitions.releases(workspace.id), "ota"),
  ]);
  const left = leftovers({
    nodes: !noNodes,
    "node groups": !noGroups,
    "node imports": !noImports,
    components: !noComponents,
    releases: !noReleases,
  });
  if (left !== undefined) throw new AppError("workspace-not-empty", left);
  return accept(deleteWorkspace(workspace, caller, moment));
});
