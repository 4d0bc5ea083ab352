import { groupsOfThing, removeFromThingGroup } from "../../shared/aws/iot.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import { generationId } from "../../shared/deployment/cell.ts";
import { countedOut, leaseProgress, type StoredProgress } from "../../shared/deployment/placement.ts";
import { keys } from "../../shared/keys.ts";
import { desiredNode } from "./desired.ts";
import { vacatedBy } from "./generation.ts";
import { task } from "./task.ts";

/**
 * Leaves whatever groups the thing is in, ours or not: it is about to go. Under its lease, so that no step that was begun
 * before puts it into another one. It is counted out of its cell then, once, however often this is done.
 * @returns generations of cells that it has left without nodes
 */
export const handler = task("leave-groups", async (input) => {
  const node = await desiredNode(input);
  const holder = `${input.intentId}-${input.attempt}`;
  const found = await getItem<StoredProgress>(keys.nodeProgress(node.workspaceId, node.id));
  if (found !== undefined) await transact([leaseProgress(found, holder, Date.now())]);
  for (const group of await groupsOfThing(node.thing)) {
    await takeTurn("RemoveThingFromThingGroup");
    await removeFromThingGroup(node.thing, group);
  }
  if (found?.gone === true) return (await vacatedBy(found)).map(generationId);
  const { progress, writes } = countedOut(node, found, holder, new Date());
  await transact(writes);
  return (await vacatedBy(progress)).map(generationId);
});
