import { nodeGroupRoutes } from "../../shared/declared/routes/node-groups.ts";
import { partitions } from "../../shared/keys.ts";
import { NodeGroup, type StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(nodeGroupRoutes, "listNodeGroups", async ({ workspace, query }) =>
  pageOf({ partition: partitions.nodeGroups(workspace.id) }, query, (stored: StoredNodeGroup) =>
    view(NodeGroup, stored),
  ),
);
