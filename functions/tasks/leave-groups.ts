import { groupsOfThing, removeFromThingGroup } from "../../shared/aws/iot.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import { generationId } from "../../shared/deployment/cell.ts";
import { countedOut, leaseProgress, type StoredProgress } from "../../shared/deployment/placement.ts";
import { keys } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { desiredNode } from "./desired.ts";
import { vacatedBy } from "./placing.ts";
import { task } from "./task.ts";

/**
 * Leaves whatever groups the thing is in, ours or not: it is about to go. It is counted out of its cell then, once, however
 * often this is done.
 * @returns generations of cells that it has left without nodes
 */
export const handler = task("leave-groups", async (input) => {
  const node = await desiredNode(input);
  for (const group of await groupsOfThing(node.thing)) {
    await takeTurn("RemoveThingFromThingGroup");
    await removeFromThingGroup(node.thing, group);
  }
  const progress = await countOut(node, `${input.intentId}-${input.attempt}`);
  return (await vacatedBy(progress)).map(generationId);
});

const countOut = async (node: StoredNode, holder: string): Promise<StoredProgress> => {
  const { workspaceId, id } = node;
  const found = await getItem<StoredProgress>(keys.nodeProgress(workspaceId, id));
  if (found?.gone === true) return found;
  if (found !== undefined) await transact([leaseProgress(found, holder, Date.now())]);
  const { progress, writes } = countedOut(node, found, holder, new Date());
  await transact(writes);
  return progress;
};
