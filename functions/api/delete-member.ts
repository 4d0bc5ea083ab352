import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { removeMember } from "../../shared/workspace/member.ts";
import { endpoint } from "../http/endpoint.ts";
import { findMember } from "../http/resources.ts";

export const handler = endpoint(workspaceRoutes, "deleteMember", async ({ workspace, params, commit }) => {
  const { member, members } = await findMember(workspace, params.member);
  return commit(removeMember(member, members), { body: undefined });
});
