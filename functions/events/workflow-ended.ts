import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { getItem } from "../../shared/aws/table.ts";
import { parseExecutionName, type StoredIntent } from "../../shared/intent/intent.ts";
import { keys } from "../../shared/keys.ts";
import { loggerOf } from "../logger.ts";
import { settle } from "./settle.ts";

/** As in the Step Functions guide, "Automating Step Functions event delivery with EventBridge". */
interface Ended {
  readonly name: string;
  readonly status: string;
  readonly error?: string | null;
  readonly cause?: string | null;
}

/** A workflow that Step Functions ended (aborted, timed out, failed past its last Catch) ends its intent as well. */
export const handler = middy<EventBridgeEvent<string, Ended>, void>().handler(async ({ detail }, context) => {
  const execution = parseExecutionName(detail.name);
  if (execution === undefined) return;
  const intent = await getItem<StoredIntent>(keys.intent(execution.intentId));
  if (intent === undefined || intent.attempt !== execution.attempt) return;
  await settle(
    intent,
    { status: detail.status, error: detail.error ?? undefined, cause: detail.cause ?? undefined },
    loggerOf(context, { intent: intent.id }),
  );
});
