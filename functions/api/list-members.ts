import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { partitions } from "../../shared/keys.ts";
import { viewMember } from "../../shared/workspace/member.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(workspaceRoutes, "listMembers", async ({ workspace, query }) =>
  pageOf({ partition: partitions.members(workspace.id) }, query, viewMember),
);
