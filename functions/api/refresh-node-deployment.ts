import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { revise } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "refreshNodeDeployment", (request) => {
  const { plan, ...refresh } = request.body;
  return revise(request, { edit: "refresh", ...refresh }, plan);
});
