import { eachItem, transact } from "../../shared/aws/table.ts";
import { partitions } from "../../shared/keys.ts";
import { forgetNode } from "../../shared/node/node.ts";
import type { Item } from "../../shared/writes.ts";
import { succeed } from "./activate.ts";
import { desiredNode } from "./desired.ts";
import { task } from "./task.ts";

/** Revisions of its own deployment first, one by one: there may be more of them than one transaction takes. */
export const handler = task("forget-node", async (input) => {
  const node = await desiredNode(input);
  for await (const key of eachItem<Item>(partitions.deploymentRevisions(node.id))) {
    await transact([{ do: "delete", key }]);
  }
  await succeed(input, forgetNode(node));
});
