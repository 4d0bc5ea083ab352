import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { partitions } from "../../shared/keys.ts";
import { viewCredential } from "../../shared/workspace/credential.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(workspaceRoutes, "listCredentials", async ({ workspace, query }) =>
  pageOf({ partition: partitions.credentials(workspace.id) }, query, viewCredential),
);
