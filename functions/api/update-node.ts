import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { Node } from "../../shared/node/node.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { describeAnew, findNode, tagged } from "../http/resources.ts";

export const handler = endpoint(
  nodeRoutes,
  "updateNode",
  async ({ workspace, params, body, ifMatch, moment, commit }) => {
    const found = await findNode(workspace, params.node);
    const { next, write } = describeAnew(found, body.description, ifMatch, moment.now);
    return commit([write], tagged(next, view(Node, next)));
  },
);
