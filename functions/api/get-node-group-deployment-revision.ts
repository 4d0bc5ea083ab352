import { showRevision } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("getNodeGroupDeploymentRevision", ({ workspace, params }) =>
  showRevision(workspace, params),
);
