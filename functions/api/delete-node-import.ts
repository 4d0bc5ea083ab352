import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { deleteNodeImport } from "../../shared/node-import/node-import.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNodeImport } from "../http/resources.ts";

export const handler = endpoint(nodeRoutes, "deleteNodeImport", async ({ workspace, params, caller, moment, accept }) =>
  accept(deleteNodeImport(await findNodeImport(workspace, params.nodeImport), caller, moment)),
);
