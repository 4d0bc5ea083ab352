import { randomBytes } from "node:crypto";
import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { makeSecret, SECRET_BYTES } from "../../shared/secrets.ts";
import { CODE_PREFIX, invite, viewInvitation } from "../../shared/workspace/member.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(
  workspaceRoutes,
  "createInvitation",
  async ({ workspace, body, caller, moment, commit }) => {
    const code = makeSecret(CODE_PREFIX, randomBytes(SECRET_BYTES));
    const { invitation, writes } = invite(workspace, body, code, caller, moment);
    return commit(writes, { body: { ...viewInvitation(invitation), code } });
  },
);
