import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { showDifferences } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "diffNodeGroupDeploymentRevision", ({ workspace, params, query }) =>
  showDifferences(workspace, params, query),
);
