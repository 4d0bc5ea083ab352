import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { repairDrift } from "../http/drift.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "repairDrift", repairDrift);
