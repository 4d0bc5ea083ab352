import { showDeployment } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("getNodeGroupDeployment", ({ workspace, params }) => showDeployment(workspace, params));
