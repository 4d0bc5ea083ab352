import { parseArgs } from "node:util";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, paginateScan } from "@aws-sdk/lib-dynamodb";
import { theMoment } from "../functions/moment.ts";
import { getItem, transact } from "../shared/aws/table.ts";
import type { StoredGeneration } from "../shared/deployment/cell.ts";
import type { StoredDeployment } from "../shared/deployment/deployment.ts";
import { reviseDeployment } from "../shared/deployment/revise.ts";
import { keys } from "../shared/keys.ts";
import { stageNames } from "../shared/names.ts";
import type { Key } from "../shared/writes.ts";

const USAGE = `Usage: npm run -s restored -- --stage S [--apply]
After the control table of a stage was put back to an earlier moment: makes every cell be delivered to again, since
Greengrass still has what was delivered after that moment. Without --apply it only counts. Region and credentials are the
AWS SDK's own: AWS_REGION, AWS_PROFILE and so on.`;

/** More deliveries than a cell has had since the moment that the table was put back to. */
const SKIPPED = 1_000_000;

const NOTHING = { deploymentId: "", jobId: "", at: 0, versions: {} };

/** Keys of all items of these types, read page by page. */
const scan = async (TableName: string): Promise<{ cells: Key[]; deployments: Key[] }> => {
  const found = { cells: [] as Key[], deployments: [] as Key[] };
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));
  const pages = paginateScan(
    { client },
    {
      TableName,
      ConsistentRead: true,
      ProjectionExpression: "pk, sk, #type",
      FilterExpression: "#type IN (:cell, :deployment)",
      ExpressionAttributeNames: { "#type": "type" },
      ExpressionAttributeValues: { ":cell": "cell-generation", ":deployment": "deployment" },
    },
  );
  for await (const { Items = [] } of pages) {
    for (const { pk, sk, type } of Items) found[type === "cell-generation" ? "cells" : "deployments"].push({ pk, sk });
  }
  client.destroy();
  return found;
};

/**
 * Greengrass answers a client token that it knows with the deployment of then, for up to eight hours
 * (https://docs.aws.amazon.com/greengrass/v2/APIReference/API_CreateDeployment.html), and the table has forgotten the numbers
 * that it gave out after its moment: they are skipped. And what the table calls delivered is no longer what devices have.
 */
const forgetDelivery = async (key: Key): Promise<void> => {
  const cell = await getItem<StoredGeneration>(key);
  if (cell === undefined) return;
  const { delivered, pending, workspaceId } = cell;
  const sequence = Math.max(delivered?.sequence ?? 0, pending?.sequence ?? 0) + SKIPPED;
  await transact([
    {
      do: "update",
      key: keys.cellGeneration(workspaceId, cell.key, cell.generation),
      set: { delivered: { ...NOTHING, ...delivered, hash: "", sequence, revisions: {} }, leaseUntil: 0 },
      remove: ["pending", "lease"],
      when: { type: "cell-generation" },
    },
  ]);
};

/** Asks for the same again, as an edit does that changes nothing: one more revision, and an intent. @returns its id */
const applyAgain = async (key: Key): Promise<string | undefined> => {
  const deployment = await getItem<StoredDeployment>(key);
  if (deployment === undefined) return undefined;
  const moment = theMoment();
  const next = { ...deployment, revision: deployment.revision + 1, updatedAt: moment.now.toISOString() };
  const { intent, writes } = reviseDeployment({ next, current: deployment }, "restored", moment);
  await transact([...writes, { do: "create", item: intent }]);
  return intent.id;
};

const main = async (): Promise<number> => {
  const { values } = parseArgs({ options: { stage: { type: "string" }, apply: { type: "boolean", default: false } } });
  if (values.stage === undefined) throw new Error("--stage is missing");
  const table = stageNames({ stage: values.stage, accountId: "" }).table("control");
  process.env.CONTROL_TABLE = table;
  const { cells, deployments } = await scan(table);
  process.stdout.write(`${table}: ${cells.length} cells, ${deployments.length} deployments\n`);
  if (!values.apply) return 0;
  for (const key of cells) await forgetDelivery(key);
  let failed = 0;
  for (const key of deployments) {
    try {
      process.stdout.write(`${key.sk} is applied again by ${await applyAgain(key)}\n`);
    } catch (error) {
      // A group that is being deleted, say: it keeps the others waiting no longer.
      failed += 1;
      process.stdout.write(`${key.sk} is not applied again: ${(error as Error).message}\n`);
    }
  }
  return failed === 0 ? 0 : 1;
};

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    process.exitCode = 1;
  },
);
