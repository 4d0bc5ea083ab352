import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { viewInvitation } from "../../shared/workspace/member.ts";
import { endpoint } from "../http/endpoint.ts";
import { findInvitation } from "../http/resources.ts";

export const handler = endpoint(workspaceRoutes, "getInvitation", async ({ workspace, params }) => ({
  body: viewInvitation(await findInvitation(workspace, params.invitation)),
}));
