import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { Context, DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import { type Log, loggerOf } from "../logger.ts";

/**
 * Handles a batch's new images in order, up to the first that fails: Lambda retries from there, since order within
 * a shard matters. https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export const eachRecord = async (
  event: DynamoDBStreamEvent,
  context: Context,
  handle: (image: Record<string, unknown>, log: Log) => Promise<void>,
): Promise<DynamoDBBatchResponse> => {
  const log = loggerOf(context);
  for (const { dynamodb } of event.Records) {
    try {
      await handle(unmarshall((dynamodb?.NewImage ?? {}) as Record<string, AttributeValue>), log);
    } catch (error) {
      log.error("record failed", error instanceof Error ? error : new Error(String(error)));
      return { batchItemFailures: [{ itemIdentifier: dynamodb?.SequenceNumber ?? "" }] };
    }
  }
  return { batchItemFailures: [] };
};
