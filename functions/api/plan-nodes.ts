import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { endpoint } from "../http/endpoint.ts";
import { changesOf } from "../http/plan-changes.ts";
import { pageOfPlannedNodes } from "../http/plans.ts";
import { findNodeGroup } from "../http/resources.ts";

export const handler = endpoint(deploymentRoutes, "planNodes", async ({ workspace, body, query }) => {
  const group = query.group === undefined ? undefined : (await findNodeGroup(workspace, query.group)).id;
  return pageOfPlannedNodes(workspace.id, await changesOf(workspace, body), group, query);
});
