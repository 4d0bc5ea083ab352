import middy from "@middy/core";
import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from "aws-lambda";
import type { INTENT_FAULTS } from "../../shared/declared/metrics.ts";
import type { Change } from "../../shared/event/sources.ts";
import type { StoredIntent } from "../../shared/intent/intent.ts";
import { PROBLEMS } from "../../shared/problems.ts";
import { loggerOf } from "../logger.ts";
import { measure } from "../metrics.ts";
import { publish } from "./publish.ts";

/** Tells the world what became of managed devices' data and of intents: `shared/event/sources.ts` says of which changes. */
export const handler = middy<DynamoDBStreamEvent, DynamoDBBatchResponse>().handler((event, context) =>
  publish("control", event.Records, loggerOf(context), measureEnd),
);

const isOpen = (intent: Partial<StoredIntent> | undefined): boolean =>
  intent?.status === "requested" || intent?.status === "running";

/** Every end of an intent comes by here, whoever brought it about. */
const measureEnd = ({ was, is }: Change): void => {
  const intent = is as StoredIntent | undefined;
  if (intent?.type !== "intent" || isOpen(intent) || !isOpen(was)) return;
  const { kind, status, problem, createdAt, finishedAt } = intent;
  if (status === "succeeded") {
    measure("IntentsSucceeded", 1, { kind });
    measure("IntentSeconds", (Date.parse(finishedAt ?? createdAt) - Date.parse(createdAt)) / 1_000, { kind });
    return;
  }
  const isTheirs = problem !== undefined && PROBLEMS[problem.code].status < 500;
  const fault: (typeof INTENT_FAULTS)[number] = isTheirs ? "client" : "service";
  measure("IntentsFailed", 1, { kind, fault });
};
