import { emptyBucket } from "../../shared/aws/buckets.ts";
import { deleteObject, readObject, uploadObject } from "../../shared/aws/objects.ts";
import { eachItem, transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { partitions } from "../../shared/keys.ts";
import { csvRecord, linesOf } from "../../shared/node-import/lines.ts";
import {
  finishNodeImport,
  importObjects,
  RESULT_COLUMNS,
  type RowResult,
  recordResults,
  type StoredBatch,
  type StoredNodeImport,
  shortfall,
} from "../../shared/node-import/node-import.ts";
import { AppError } from "../../shared/problems.ts";
import { succeed } from "./activate.ts";
import { desiredNodeImport } from "./desired.ts";
import { task } from "./task.ts";

const BUDGET_MS = 300_000;

/** The results of all batches that are done, in the order of the file, a few lines at a time. */
async function* resultsOf({ id }: StoredNodeImport, bucket: string): AsyncGenerator<Buffer> {
  yield Buffer.from(csvRecord(RESULT_COLUMNS));
  for await (const { part } of eachItem<StoredBatch>(partitions.nodeImportBatches(id))) {
    for await (const line of linesOf(await readObject(bucket, part))) {
      if ("fault" in line) throw new Error(`${part}, line ${line.line}: ${line.fault}`);
      const result = JSON.parse(line.bytes.toString("utf8")) as RowResult;
      yield Buffer.from(csvRecord(RESULT_COLUMNS.map((column) => String(result[column] ?? ""))));
    }
  }
}

/**
 * Writes the file of results, also when nodes are missing. Only when none is, what the import worked with goes: a run that
 * failed can be started again.
 */
export const handler = task("finish-node-import", async (input) => {
  const nodeImport = await desiredNodeImport(input);
  const bucket = env("IMPORTS_BUCKET");
  const { results, work, batches } = importObjects(nodeImport);
  // Once the results are complete, their parts may be gone.
  if (nodeImport.resultsAre !== "complete") {
    const { rows, created, existing } = nodeImport;
    const are = created + existing === rows ? "complete" : "partial";
    await uploadObject(bucket, results, resultsOf(nodeImport, bucket));
    await transact([recordResults(nodeImport, are, new Date())]);
    if (are === "partial") throw new AppError("import-incomplete", shortfall(nodeImport, input.intentId));
  }
  if (!(await emptyBucket(bucket, work, Date.now() + BUDGET_MS))) {
    throw new AppError("busy", "not all that the import worked with is removed yet");
  }
  await deleteObject(bucket, batches);
  const now = new Date();
  await succeed(input, [finishNodeImport(nodeImport, now)], now);
});
