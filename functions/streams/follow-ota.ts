import middy from "@middy/core";
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import { transact } from "../../shared/aws/table.ts";
import { acceptArchive, type StoredArchive } from "../../shared/ota/stored-archive.ts";
import { AppError } from "../../shared/problems.ts";
import { type Log, loggerOf } from "../logger.ts";
import { measure } from "../metrics.ts";
import { theMoment } from "../moment.ts";
import { publish } from "./publish.ts";
import { eachRecord } from "./records.ts";

/**
 * Two things that have no more in common than their stream, which at most two functions may read: it makes an intent of each
 * archive that devices have asked for, and tells the world what became of releases.
 */
export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse>().handler(async (event, context) => {
  const isArchive = ({ dynamodb }: (typeof event.Records)[number]) => dynamodb?.NewImage?.type?.S === "archive";
  const archives = event.Records.filter(isArchive);
  const others = event.Records.filter((record) => !isArchive(record));
  const answers = [
    await eachRecord({ Records: archives }, context, (image, log) => accept(image as unknown as StoredArchive, log)),
    await publish("ota", others, loggerOf(context)),
  ];
  const failed = new Set(
    answers.flatMap(({ batchItemFailures }) => batchItemFailures.map((one) => one.itemIdentifier)),
  );
  // Lambda goes on from the first of these.
  const first = event.Records.find(({ dynamodb }) => failed.has(dynamodb?.SequenceNumber ?? ""));
  return {
    batchItemFailures: first === undefined ? [] : [{ itemIdentifier: first.dynamodb?.SequenceNumber ?? "" }],
  };
});

/** The control table's stream starts the intent's workflow. The public function that devices ask writes to `ota` alone. */
const accept = async (archive: StoredArchive, log: Log): Promise<void> => {
  const { intent, writes } = acceptArchive(archive, theMoment());
  try {
    await transact(writes);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "conflict")) throw error; // accepted before, or asked for anew
    return;
  }
  measure("IntentsAccepted", 1, { kind: intent.kind });
  log.info("accepted", { intent: intent.id, kind: intent.kind });
};
