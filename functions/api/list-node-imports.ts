import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { partitions } from "../../shared/keys.ts";
import { viewNodeImport } from "../../shared/node-import/node-import.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(nodeRoutes, "listNodeImports", async ({ workspace, query }) =>
  pageOf({ partition: partitions.nodeImports(workspace.id) }, query, viewNodeImport),
);
