import { endpoint } from "../http/endpoint.ts";
import { revise } from "../http/revise-deployment.ts";

export const handler = endpoint(
  "updateNodeGroupDeployment",
  async ({ workspace, params, body, ifMatch, caller, moment, accept }) =>
    revise(workspace, params.nodeGroup, () => body, { ifMatch, caller, moment, accept }),
);
