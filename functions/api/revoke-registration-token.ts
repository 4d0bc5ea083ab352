import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { revokeToken } from "../../shared/registration/registration.ts";
import { endpoint } from "../http/endpoint.ts";
import { findNode } from "../http/resources.ts";

export const handler = endpoint(nodeRoutes, "revokeRegistrationToken", async ({ workspace, params, moment, commit }) =>
  commit(revokeToken(await findNode(workspace, params.node), moment.now), { body: undefined }),
);
