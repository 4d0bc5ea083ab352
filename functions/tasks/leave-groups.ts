import { groupsOfThing, removeFromThingGroup } from "../../shared/aws/iot.ts";
import { desiredNode } from "./desired.ts";
import { task } from "./task.ts";

/** Leaves whatever groups the thing is in, ours or not: it is about to go. */
export const handler = task("leave-groups", async (input) => {
  const { thing } = await desiredNode(input);
  for (const group of await groupsOfThing(thing)) await removeFromThingGroup(thing, group);
});
