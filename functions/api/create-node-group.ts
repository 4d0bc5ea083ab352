import { catalogueNumber } from "../../shared/aws/catalogue.ts";
import { nodeGroupRoutes } from "../../shared/declared/routes/node-groups.ts";
import { env } from "../../shared/env.ts";
import { awsNames } from "../../shared/names.ts";
import { createNodeGroup } from "../../shared/node-group/node-group.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(
  nodeGroupRoutes,
  "createNodeGroup",
  async ({ workspace, body, caller, moment, accept }) => {
    const thingGroup = (groupId: string) => awsNames.nodeGroup(env("STAGE"), workspace.id, groupId);
    return accept(createNodeGroup(workspace, body, thingGroup, await catalogueNumber(), caller, moment));
  },
);
