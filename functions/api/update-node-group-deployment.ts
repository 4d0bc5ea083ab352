import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { revise } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "updateNodeGroupDeployment", (request) => {
  const { plan, ...patch } = request.body;
  return revise(request, { edit: "patch", ...patch }, plan);
});
