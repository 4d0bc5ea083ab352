import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { viewDrift } from "../../shared/deployment/drift.ts";
import { partitions } from "../../shared/keys.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(deploymentRoutes, "listDrift", ({ workspace, query }) =>
  pageOf({ partition: partitions.drift(workspace.id) }, query, viewDrift),
);
