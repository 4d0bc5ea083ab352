import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { revise } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "rollBackNodeDeployment", (request) => {
  const { plan, ...rollback } = request.body;
  return revise(request, { edit: "rollback", ...rollback }, plan);
});
