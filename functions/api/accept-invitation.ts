import { getItem } from "../../shared/aws/table.ts";
import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { faultOfSecret, hashOfSecret } from "../../shared/secrets.ts";
import { acceptInvitation, CODE_PREFIX, type StoredInvitation } from "../../shared/workspace/member.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { endpoint } from "../http/endpoint.ts";

/** The invitation of a code, and the workspace that it is to. */
const found = async (code: string) => {
  const named = await getItem<{ id: string; workspaceId: string }>(keys.invitationCode(hashOfSecret(code)));
  if (named === undefined) return {};
  const [invitation, workspace] = await Promise.all([
    getItem<StoredInvitation>(keys.invitation(named.workspaceId, named.id)),
    getItem<StoredWorkspace>(keys.workspace(named.workspaceId)),
  ]);
  return { invitation, workspace };
};

export const handler = endpoint(workspaceRoutes, "acceptInvitation", async ({ body, caller, moment, commit }) => {
  const fault = faultOfSecret(CODE_PREFIX, body.code);
  if (fault !== undefined) {
    throw new AppError("invalid-request", `the body is not valid: /code: ${fault.detail}`, {
      findings: [{ pointer: "/code", ...fault }],
    });
  }
  const { invitation, workspace } = await found(body.code);
  const writes = acceptInvitation(workspace && invitation, caller, moment.now);
  const { id, name } = workspace as StoredWorkspace; // there, or the invitation would not have been accepted
  return commit(writes, { body: { workspace: { id, name }, role: (invitation as StoredInvitation).role } });
});
