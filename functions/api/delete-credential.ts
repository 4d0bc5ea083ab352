import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { AppError } from "../../shared/problems.ts";
import { revokeCredential } from "../../shared/workspace/credential.ts";
import { endpoint } from "../http/endpoint.ts";
import { findCredential } from "../http/resources.ts";

export const handler = endpoint(workspaceRoutes, "deleteCredential", async ({ workspace, params, may, commit }) => {
  const credential = await findCredential(workspace, params.credential);
  if (!may(credential.role, "credentials:write"))
    throw new AppError("forbidden", `this needs the credential's role, ${credential.role}`);
  return commit(revokeCredential(credential), { body: undefined });
});
