import middy from "@middy/core";
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import { putEvent } from "../../shared/aws/events.ts";
import { type StoredIntent, viewIntent } from "../../shared/intent/intent.ts";
import { eachRecord } from "./records.ts";

/** Tells the world of intents that ended: `intent.succeeded` or `intent.failed`, with the intent as the API shows it. */
export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse>().handler((event, context) =>
  eachRecord(event, context, async (image, log) => {
    const intent = image as unknown as StoredIntent;
    await putEvent(`intent.${intent.status}`, viewIntent(intent));
    log.info("published", { intent: intent.id, status: intent.status });
  }),
);
