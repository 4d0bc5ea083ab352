import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { showRevision } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "getNodeGroupDeploymentRevision", ({ workspace, params }) =>
  showRevision(workspace, params),
);
