import { listRevisions } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("listNodeGroupDeploymentRevisions", ({ workspace, params, query }) =>
  listRevisions(workspace, params, query),
);
