import { nodeGroupRoutes } from "../../shared/declared/routes/node-groups.ts";
import { NodeGroup } from "../../shared/node-group/node-group.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { describeAnew, findNodeGroup, tagged } from "../http/resources.ts";

export const handler = endpoint(
  nodeGroupRoutes,
  "updateNodeGroup",
  async ({ workspace, params, body, ifMatch, moment, commit }) => {
    const found = await findNodeGroup(workspace, params.nodeGroup);
    const { next, write } = describeAnew(found, body.description, ifMatch, moment.now);
    return commit([write], tagged(next, view(NodeGroup, next)));
  },
);
