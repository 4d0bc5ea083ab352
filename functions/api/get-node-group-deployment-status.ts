import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNodeGroup } from "../http/resources.ts";
import { statusOfGroup } from "../http/truth.ts";

export const handler = endpoint(deploymentRoutes, "getNodeGroupDeploymentStatus", async ({ workspace, params }) => ({
  body: await statusOfGroup(await findNodeGroup(workspace, params.nodeGroup)),
}));
