import { isPartitionEmpty } from "../../shared/aws/table.ts";
import { nodeGroupRoutes } from "../../shared/declared/routes/node-groups.ts";
import { partitions } from "../../shared/keys.ts";
import { deleteNodeGroup } from "../../shared/node-group/node-group.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNodeGroup } from "../http/resources.ts";

export const handler = endpoint(
  nodeGroupRoutes,
  "deleteNodeGroup",
  async ({ workspace, params, caller, moment, accept }) => {
    const group = await findNodeGroup(workspace, params.nodeGroup);
    if (!(await isPartitionEmpty(partitions.nodesOfGroup(group.id)))) {
      throw new AppError("node-group-not-empty", `the node group ${group.name} still has nodes`);
    }
    return accept(deleteNodeGroup(group, caller, moment));
  },
);
