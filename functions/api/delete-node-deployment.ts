import { revise } from "../http/deployments.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("deleteNodeDeployment", (request) => revise(request, { edit: "delete" }));
