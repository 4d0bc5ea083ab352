import { emptyBucket } from "../../shared/aws/buckets.ts";
import { deleteObject } from "../../shared/aws/objects.ts";
import { eachItem, transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { partitions } from "../../shared/keys.ts";
import { giveUpNode, type StoredNode } from "../../shared/node/node.ts";
import {
  forgetNodeImport,
  hasLoose,
  importObjects,
  isLoose,
  type StoredBatch,
  type StoredNodeImport,
} from "../../shared/node-import/node-import.ts";
import { AppError } from "../../shared/problems.ts";
import { succeed } from "./activate.ts";
import { desiredNodeImport } from "./desired.ts";
import { task } from "./task.ts";

const BUDGET_MS = 300_000;

/** Nodes that a run has begun and nobody will go on with are failed from here on, so that they can be deleted. */
const giveUpLooseNodes = async (nodeImport: StoredNodeImport): Promise<void> => {
  for await (const node of eachItem<StoredNode>(partitions.nodes(nodeImport.workspaceId))) {
    if (!isLoose(nodeImport, node)) continue;
    try {
      await transact([giveUpNode(node, new Date())]);
    } catch (error) {
      if (!(error instanceof AppError && error.code === "conflict")) throw error; // it has moved on
    }
  }
};

/** Everything of an import goes but the nodes that it has created. */
export const handler = task("delete-node-import", async (input) => {
  const nodeImport = await desiredNodeImport(input);
  const bucket = env("IMPORTS_BUCKET");
  const { upload, faults, batches, work, results } = importObjects(nodeImport);
  if (hasLoose(nodeImport)) await giveUpLooseNodes(nodeImport);
  if (!(await emptyBucket(bucket, work, Date.now() + BUDGET_MS))) {
    throw new AppError("busy", "not all that the import worked with is removed yet");
  }
  for (const key of [upload, faults, batches, results]) await deleteObject(bucket, key);
  for await (const { pk, sk } of eachItem<StoredBatch>(partitions.nodeImportBatches(nodeImport.id))) {
    await transact([{ do: "delete", key: { pk, sk } }]);
  }
  await succeed(input, [forgetNodeImport(nodeImport)]);
});
