import { Deployment } from "../../shared/deployment/deployment.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { deploymentOf, findNodeGroup, tagged } from "../http/resources.ts";

export const handler = endpoint("getNodeGroupDeployment", async ({ workspace, params }) => {
  const deployment = await deploymentOf(await findNodeGroup(workspace, params.nodeGroup));
  return tagged(deployment, view(Deployment, deployment));
});
