import { showDifferences } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("diffNodeGroupDeploymentRevision", ({ workspace, params, query }) =>
  showDifferences(workspace, params, query),
);
