import { addToThingGroup, groupsOfThing, removeFromThingGroup } from "../../shared/aws/iot.ts";
import { env } from "../../shared/env.ts";
import { isId } from "../../shared/ids.ts";
import { awsNames } from "../../shared/names.ts";
import { succeed } from "./activate.ts";
import { desiredCell, desiredNode } from "./desired.ts";
import { type TaskInput, task } from "./task.ts";

/** A node whose own deployment came or went leaves the cell that it was in, and joins the one that delivers to it now. */
const moveNode = async (input: TaskInput): Promise<void> => {
  const { thing, cell } = await desiredNode(input);
  const { workspaceId, key, generation } = await desiredCell({ workspaceId: input.workspaceId, cell });
  const wanted = awsNames.cell(env("STAGE"), workspaceId, key, generation);
  const cells = `${env("STAGE")}-${workspaceId}-cell-`;
  for (const group of await groupsOfThing(thing)) {
    if (group.startsWith(cells) && group !== wanted) await removeFromThingGroup(thing, group);
  }
  await addToThingGroup(thing, wanted);
};

export const handler = task("finish-deployment", async (input) => {
  if (isId(input.subjectId, "node")) await moveNode(input);
  await succeed(input);
});
