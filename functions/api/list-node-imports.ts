import { partitions } from "../../shared/keys.ts";
import { viewNodeImport } from "../../shared/node-import/node-import.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint("listNodeImports", async ({ workspace, query }) =>
  pageOf({ partition: partitions.nodeImports(workspace.id) }, query, viewNodeImport),
);
