import { deleteNode } from "../../shared/node/node.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNode } from "../http/resources.ts";

export const handler = endpoint("deleteNode", async ({ workspace, params, caller, moment, accept }) =>
  accept(deleteNode(await findNode(workspace, params.node), caller, moment)),
);
