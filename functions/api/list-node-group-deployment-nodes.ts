import { endpoint } from "../http/endpoint.ts";
import { findNodeGroup } from "../http/resources.ts";
import { statusesOfGroup } from "../http/truth.ts";

export const handler = endpoint("listNodeGroupDeploymentNodes", async ({ workspace, params, query }) =>
  statusesOfGroup(workspace, await findNodeGroup(workspace, params.nodeGroup), query),
);
