import { deploymentRoutes } from "../../shared/declared/routes/deployments.ts";
import { revise } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

/** A node group always has a deployment, so that its nodes are always delivered to: to delete it is to empty it. */
export const handler = endpoint(deploymentRoutes, "deleteNodeGroupDeployment", (request) =>
  revise(request, { edit: "delete" }),
);
