import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { Node } from "../../shared/node/node.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNode, tagged } from "../http/resources.ts";

export const handler = endpoint(nodeRoutes, "getNode", async ({ workspace, params }) => {
  const found = await findNode(workspace, params.node);
  return tagged(found, view(Node, found));
});
