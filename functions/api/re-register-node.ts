import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { issueToken } from "../../shared/registration/registration.ts";
import { endpoint } from "../http/endpoint.ts";
import { newToken, shown } from "../http/registration-token.ts";
import { findNode } from "../http/resources.ts";

export const handler = endpoint(
  nodeRoutes,
  "reRegisterNode",
  async ({ workspace, params, body, caller, moment, api, commit }) => {
    const node = await findNode(workspace, params.node);
    const token = newToken();
    const lifeSeconds = body.expiresInSeconds;
    return commit(issueToken(node, { token, lifeSeconds }, true, caller, moment.now), {
      body: shown(token, lifeSeconds, moment.now, api),
    });
  },
);
