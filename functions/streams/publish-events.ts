import middy from "@middy/core";
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import { putEvent } from "../../shared/aws/events.ts";
import type { INTENT_FAULTS } from "../../shared/declared/metrics.ts";
import { type StoredIntent, viewIntent } from "../../shared/intent/intent.ts";
import { PROBLEMS } from "../../shared/problems.ts";
import { measure } from "../metrics.ts";
import { eachRecord } from "./records.ts";

/** Tells the world of intents that ended: `intent.succeeded` or `intent.failed`, with the intent as the API shows it. */
export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse>().handler((event, context) =>
  eachRecord(event, context, async (image, log) => {
    const intent = image as unknown as StoredIntent;
    await putEvent(`intent.${intent.status}`, viewIntent(intent));
    measureEnd(intent);
    log.info("published", { intent: intent.id, status: intent.status });
  }),
);

/** Every end of an intent comes by here, whoever brought it about. */
const measureEnd = ({ kind, status, problem, createdAt, finishedAt }: StoredIntent): void => {
  if (status === "succeeded") {
    measure("IntentsSucceeded", 1, { kind });
    measure("IntentSeconds", (Date.parse(finishedAt ?? createdAt) - Date.parse(createdAt)) / 1_000, { kind });
    return;
  }
  const isTheirs = problem !== undefined && PROBLEMS[problem.code].status < 500;
  const fault: (typeof INTENT_FAULTS)[number] = isTheirs ? "client" : "service";
  measure("IntentsFailed", 1, { kind, fault });
};
