import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { endInvitation } from "../../shared/workspace/member.ts";
import { endpoint } from "../http/endpoint.ts";
import { findInvitation } from "../http/resources.ts";

export const handler = endpoint(workspaceRoutes, "deleteInvitation", async ({ workspace, params, commit }) =>
  commit(endInvitation(await findInvitation(workspace, params.invitation)), { body: undefined }),
);
