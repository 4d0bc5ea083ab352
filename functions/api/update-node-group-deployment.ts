import { revise } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("updateNodeGroupDeployment", (request) => {
  const { plan, ...patch } = request.body;
  return revise(request, { edit: "patch", ...patch }, plan);
});
