import { allItems, eachItem, transact } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import { keys, partitions } from "../../shared/keys.ts";
import type { Item } from "../../shared/writes.ts";
import { driftOf } from "../truth/known.ts";
import { succeed } from "./activate.ts";
import { desiredNodeGroup } from "./desired.ts";
import { task } from "./task.ts";

/** Revisions and cells first, one by one: there may be more of them than one transaction takes. */
export const handler = task("forget-node-group", async (input) => {
  const group = await desiredNodeGroup(input);
  for await (const key of eachItem<Item>(partitions.deploymentRevisions(group.id))) {
    await transact([{ do: "delete", key }]);
  }
  for (const { id } of await driftOf(group.workspaceId, group.id)) {
    await transact([{ do: "delete", key: keys.drift(group.workspaceId, id) }]);
  }
  // Their keys hold the group's id, which never comes back.
  for (const { targets, key } of await allItems<StoredCell>(partitions.cells(group.workspaceId))) {
    if (targets.includes(group.id)) await transact([{ do: "delete", key: keys.cell(group.workspaceId, key) }]);
  }
  await succeed(input, [
    { do: "delete", key: keys.nodeGroup(group.workspaceId, group.id), when: { status: "deleting" } },
    { do: "delete", key: keys.nodeGroupName(group.workspaceId, group.name) },
    { do: "delete", key: keys.deployment(group.workspaceId, group.id) },
  ]);
});
