import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { viewMember } from "../../shared/workspace/member.ts";
import { endpoint } from "../http/endpoint.ts";
import { findMember } from "../http/resources.ts";

export const handler = endpoint(workspaceRoutes, "getMember", async ({ workspace, params }) => {
  const { member } = await findMember(workspace, params.member);
  return { body: viewMember(member) };
});
