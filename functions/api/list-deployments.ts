import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { Deployment, type StoredDeployment } from "../../shared/deployment/deployment.ts";
import { partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(deploymentRoutes, "listDeployments", async ({ workspace, query }) =>
  pageOf({ partition: partitions.deployments(workspace.id) }, query, (stored: StoredDeployment) =>
    view(Deployment, stored),
  ),
);
