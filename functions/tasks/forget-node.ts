import { allItems, eachItem, transact } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { forgetNode } from "../../shared/node/node.ts";
import type { Item } from "../../shared/writes.ts";
import { driftOf } from "../truth/known.ts";
import { succeed } from "./activate.ts";
import { desiredNode } from "./desired.ts";
import { task } from "./task.ts";

/** What its own deployment left first, one by one: there may be more revisions than one transaction takes. */
export const handler = task("forget-node", async (input) => {
  const node = await desiredNode(input);
  let hadItsOwn = false;
  for await (const { pk, sk } of eachItem<Item>(partitions.deploymentRevisions(node.id))) {
    hadItsOwn = true;
    await transact([{ do: "delete", key: { pk, sk } }]);
  }
  // Cells whose keys hold the node's id, which never comes back.
  if (hadItsOwn) await forgetCellsOf(node.workspaceId, node.id);
  for (const { id } of await driftOf(node.workspaceId, node.id)) {
    await transact([{ do: "delete", key: keys.drift(node.workspaceId, id) }]);
  }
  await succeed(input, forgetNode(node));
});

const forgetCellsOf = async (workspaceId: string, target: string): Promise<void> => {
  for (const { targets, key } of await allItems<StoredCell>(partitions.cells(workspaceId))) {
    if (targets.includes(target)) await transact([{ do: "delete", key: keys.cell(workspaceId, key) }]);
  }
};
