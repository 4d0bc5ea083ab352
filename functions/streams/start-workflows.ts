import middy from "@middy/core";
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import { startWorkflow } from "../../shared/aws/workflows.ts";
import { INTENT_KINDS, type StoredIntent } from "../../shared/intent/intent.ts";
import { eachRecord } from "./records.ts";

/**
 * Starts the workflow of each requested intent in the batch, in order. The execution's name makes a redelivered record
 * harmless; a record that cannot be started is reported, so that the ones before it are not repeated.
 */
export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse>().handler((event, context) =>
  eachRecord(event, context, async (image, log) => {
    const intent = image as unknown as StoredIntent;
    if (!INTENT_KINDS.includes(intent.kind))
      throw new Error(`no workflow for an intent of kind ${String(intent.kind)}`);
    await startWorkflow(intent);
    log.info("started", { intent: intent.id, attempt: intent.attempt, kind: intent.kind });
  }),
);
