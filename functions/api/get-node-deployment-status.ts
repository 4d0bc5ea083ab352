import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNode } from "../http/resources.ts";
import { statusOfNode } from "../http/truth.ts";

export const handler = endpoint(deploymentRoutes, "getNodeDeploymentStatus", async ({ workspace, params }) => ({
  body: await statusOfNode(await findNode(workspace, params.node)),
}));
