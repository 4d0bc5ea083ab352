import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { viewDrift } from "../../shared/deployment/drift.ts";
import { endpoint } from "../http/endpoint.ts";
import { findDrift } from "../http/resources.ts";

export const handler = endpoint(deploymentRoutes, "getDrift", async ({ workspace, params }) => ({
  body: viewDrift(await findDrift(workspace, params.drift)),
}));
