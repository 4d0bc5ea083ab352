import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { viewCredential } from "../../shared/workspace/credential.ts";
import { endpoint } from "../http/endpoint.ts";
import { findCredential } from "../http/resources.ts";

export const handler = endpoint(workspaceRoutes, "getCredential", async ({ workspace, params }) => ({
  body: viewCredential(await findCredential(workspace, params.credential)),
}));
