import { endpoint } from "../http/endpoint.ts";
import { revise } from "../http/revise-deployment.ts";

/** A target always has a deployment, so that its nodes are always delivered to: to delete it is to empty it. */
export const handler = endpoint(
  "deleteNodeGroupDeployment",
  async ({ workspace, params, ifMatch, caller, moment, accept }) =>
    revise(
      workspace,
      params.nodeGroup,
      ({ components }) => ({
        components: Object.fromEntries(Object.keys(components).map((name) => [name, null])),
        priority: 0,
      }),
      { ifMatch, caller, moment, accept },
    ),
);
