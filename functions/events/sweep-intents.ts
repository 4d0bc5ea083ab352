import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { recordFailure } from "../../shared/aws/failures.ts";
import { listIndex, transact } from "../../shared/aws/table.ts";
import { describeWorkflow } from "../../shared/aws/workflows.ts";
import { MAX_ATTEMPTS, retryIntent, type StoredIntent, workflowInput } from "../../shared/intent/intent.ts";
import { indexes } from "../../shared/keys.ts";
import { AppError, problem } from "../../shared/problems.ts";
import { type Log, loggerOf } from "../logger.ts";
import { settle } from "./settle.ts";

/** An intent that has not moved for this long is looked at. */
const STILL_SECONDS = 60;
/** One sweep looks at so many; the next one goes on with those that are left, the longest still first. */
const MAX_LOOKED_AT = 500;

/**
 * Finds open intents that stand still. A workflow that ended without saying so fails its intent; one that was never
 * started (its stream record went to the dead letters) is started again as a new attempt, a few times; one that runs is
 * left alone.
 */
export const handler = middy<EventBridgeEvent<string, unknown>, { looked: number }>().handler(async (_, context) => {
  const log = loggerOf(context);
  const below = new Date(Date.now() - STILL_SECONDS * 1_000).toISOString();
  let looked = 0;
  let after: Record<string, unknown> | undefined;
  do {
    const page = await listIndex<StoredIntent>(indexes.openIntents, "open", {
      limit: 100,
      oldestFirst: true,
      below,
      after,
    });
    for (const intent of page.items) await sweep(intent, log);
    looked += page.items.length;
    after = page.next;
  } while (after !== undefined && looked < MAX_LOOKED_AT);
  return { looked };
});

const sweep = async (intent: StoredIntent, log: Log): Promise<void> => {
  const execution = await describeWorkflow(intent);
  if (execution !== undefined) return settle(intent, execution, log);
  if (intent.attempt >= MAX_ATTEMPTS) {
    log.error("given up", { intent: intent.id, attempt: intent.attempt });
    const lost = problem("lost", `the workflow could not be started in ${MAX_ATTEMPTS} attempts`);
    return recordFailure(workflowInput(intent), lost, new Date());
  }
  log.warn("started again", { intent: intent.id, attempt: intent.attempt + 1 });
  try {
    await transact([retryIntent(intent.id, intent.attempt, new Date())]);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "conflict")) throw error; // it has moved meanwhile
  }
};
