import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { changeRole, viewMember } from "../../shared/workspace/member.ts";
import { endpoint } from "../http/endpoint.ts";
import { findMember } from "../http/resources.ts";

export const handler = endpoint(workspaceRoutes, "updateMember", async ({ workspace, params, body, commit }) => {
  const { member, members } = await findMember(workspace, params.member);
  return commit(changeRole(member, body.role, members), { body: viewMember({ ...member, role: body.role }) });
});
