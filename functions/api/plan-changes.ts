import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { endpoint } from "../http/endpoint.ts";
import { changesOf } from "../http/plan-changes.ts";
import { pageOfPlan } from "../http/plans.ts";

export const handler = endpoint(deploymentRoutes, "planChanges", async ({ workspace, body, query }) =>
  pageOfPlan(workspace.id, await changesOf(workspace, body), query),
);
