import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { revise } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "replaceNodeGroupDeployment", (request) => {
  const { plan, ...replacement } = request.body;
  return revise(request, { edit: "replace", ...replacement }, plan);
});
