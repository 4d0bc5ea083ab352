import { catalogueNumber } from "../../shared/aws/catalogue.ts";
import { env } from "../../shared/env.ts";
import { awsNames } from "../../shared/names.ts";
import { createNodeGroup } from "../../shared/node-group/node-group.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("createNodeGroup", async ({ workspace, body, caller, moment, accept }) => {
  const thingGroup = (groupId: string) => awsNames.nodeGroup(env("STAGE"), workspace.id, groupId);
  return accept(createNodeGroup(workspace, body, thingGroup, await catalogueNumber(), caller, moment));
});
