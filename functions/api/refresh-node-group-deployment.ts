import { revise } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("refreshNodeGroupDeployment", (request) => {
  const { plan, ...refresh } = request.body;
  return revise(request, { edit: "refresh", ...refresh }, plan);
});
