import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { viewToken } from "../../shared/registration/registration.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNode, findToken } from "../http/resources.ts";

export const handler = endpoint(nodeRoutes, "getRegistrationToken", async ({ workspace, params, moment }) => {
  const node = await findNode(workspace, params.node);
  return { body: viewToken(await findToken(node, moment.now)) };
});
