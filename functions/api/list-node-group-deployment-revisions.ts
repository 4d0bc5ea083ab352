import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { listRevisions } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "listNodeGroupDeploymentRevisions", ({ workspace, params, query }) =>
  listRevisions(workspace, params, query),
);
