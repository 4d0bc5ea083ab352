import { showDeployment } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("getNodeDeployment", ({ workspace, params }) => showDeployment(workspace, params));
