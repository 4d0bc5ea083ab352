import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { env } from "../../shared/env.ts";
import { awsNames } from "../../shared/names.ts";
import { createNode } from "../../shared/node/node.ts";
import { endpoint } from "../http/endpoint.ts";
import { approve, planOf } from "../http/plans.ts";
import { newToken, shown } from "../http/registration-token.ts";
import { findNodeGroups } from "../http/resources.ts";

export const handler = endpoint(nodeRoutes, "createNode", async ({ workspace, body, caller, moment, api, accept }) => {
  const groups = await findNodeGroups(workspace, body.groups);
  if (groups.length > 0 || body.plan !== undefined) {
    const { name, runtime } = body;
    const { planned } = await planOf(workspace.id, {
      newNodes: [{ name, groups: groups.map(({ id }) => id).sort(), runtime }],
    });
    approve(planned, body.plan);
  }
  const token = newToken();
  const thing = (nodeId: string) => awsNames.thing(env("STAGE"), workspace.id, nodeId);
  return accept(createNode(workspace, body, groups, { thing, token }, caller, moment), {
    registration: shown(token, body.tokenExpiresInSeconds, moment.now, api),
  });
});
