import { nodeGroupRoutes } from "../../shared/declared/routes/node-groups.ts";
import { NodeGroup } from "../../shared/node-group/node-group.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNodeGroup, tagged } from "../http/resources.ts";

export const handler = endpoint(nodeGroupRoutes, "getNodeGroup", async ({ workspace, params }) => {
  const found = await findNodeGroup(workspace, params.nodeGroup);
  return tagged(found, view(NodeGroup, found));
});
