import { revise } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("rollBackNodeGroupDeployment", (request) => {
  const { plan, ...rollback } = request.body;
  return revise(request, { edit: "rollback", ...rollback }, plan);
});
