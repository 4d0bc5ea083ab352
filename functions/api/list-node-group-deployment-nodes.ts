import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNodeGroup } from "../http/resources.ts";
import { statusesOfGroup } from "../http/truth.ts";

export const handler = endpoint(
  deploymentRoutes,
  "listNodeGroupDeploymentNodes",
  async ({ workspace, params, query }) =>
    statusesOfGroup(workspace, await findNodeGroup(workspace, params.nodeGroup), query),
);
