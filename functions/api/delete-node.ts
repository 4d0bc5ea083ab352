import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { deleteNode } from "../../shared/node/node.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNode } from "../http/resources.ts";

export const handler = endpoint(nodeRoutes, "deleteNode", async ({ workspace, params, caller, moment, accept }) =>
  accept(deleteNode(await findNode(workspace, params.node), caller, moment)),
);
