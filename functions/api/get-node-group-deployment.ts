import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { showDeployment } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "getNodeGroupDeployment", ({ workspace, params }) =>
  showDeployment(workspace, params),
);
