import { showDifferences } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("diffNodeDeploymentRevision", ({ workspace, params, query }) =>
  showDifferences(workspace, params, query),
);
