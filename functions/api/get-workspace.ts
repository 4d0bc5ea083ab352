import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { view } from "../../shared/resource.ts";
import { Workspace } from "../../shared/workspace/workspace.ts";
import { endpoint } from "../http/endpoint.ts";
import { tagged } from "../http/resources.ts";

export const handler = endpoint(workspaceRoutes, "getWorkspace", async ({ workspace }) =>
  tagged(workspace, view(Workspace, workspace)),
);
