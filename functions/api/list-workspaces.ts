import { getItems } from "../../shared/aws/table.ts";
import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import type { Membership } from "../../shared/workspace/access.ts";
import { type StoredWorkspace, Workspace } from "../../shared/workspace/workspace.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(workspaceRoutes, "listWorkspaces", async ({ query, caller }) => {
  const page = await pageOf(
    { partition: partitions.memberships(caller) },
    query,
    (membership: Membership) => membership,
  );
  const found = await getItems<StoredWorkspace>(page.body.items.map(({ workspaceId }) => keys.workspace(workspaceId)));
  return { body: { ...page.body, items: found.map((workspace) => view(Workspace, workspace)) } };
});
