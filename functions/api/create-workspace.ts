import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { createWorkspace } from "../../shared/workspace/workspace.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(workspaceRoutes, "createWorkspace", async ({ body, caller, moment, accept }) =>
  accept(createWorkspace(body, caller, moment)),
);
