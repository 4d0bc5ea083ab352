import { addToThingGroup } from "../../shared/aws/iot.ts";
import { getItems } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import { desiredCell, desiredNode } from "./desired.ts";
import { task } from "./task.ts";

/** The cell last: from then on Greengrass delivers. */
export const handler = task("join-groups", async (input) => {
  const node = await desiredNode(input);
  const groups = await getItems<StoredNodeGroup>(node.groups.map((id) => keys.nodeGroup(node.workspaceId, id)));
  for (const { thingGroup } of groups) await addToThingGroup(node.thing, thingGroup);
  const cell = await desiredCell({ workspaceId: node.workspaceId, cell: node.cell });
  await addToThingGroup(node.thing, awsNames.cell(env("STAGE"), cell.workspaceId, cell.key, cell.generation));
});
