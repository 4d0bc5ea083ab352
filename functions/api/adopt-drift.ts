import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { adoptDrift } from "../http/drift.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(deploymentRoutes, "adoptDrift", adoptDrift);
