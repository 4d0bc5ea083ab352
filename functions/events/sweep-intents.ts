import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { recordFailure } from "../../shared/aws/failures.ts";
import { listIndex, transact } from "../../shared/aws/table.ts";
import { describeWorkflow } from "../../shared/aws/workflows.ts";
import { MAX_ATTEMPTS, retryIntent, type StoredIntent, workflowInput } from "../../shared/intent/intent.ts";
import { indexes } from "../../shared/keys.ts";
import { AppError, problem } from "../../shared/problems.ts";
import { type Log, loggerOf } from "../logger.ts";
import { measure } from "../metrics.ts";
import { settle } from "./settle.ts";

/** An intent that has not moved for this long is looked at. */
const STILL_SECONDS = 60;
/** A sweep goes on until it has seen every open intent, or for so long: the function has a minute. */
const BUDGET_MS = 45_000;
const AT_A_TIME = 10;

/**
 * Finds open intents that stand still. A workflow that ended without saying so fails its intent; one that was never
 * started (its stream record went to the dead letters) is started again as a new attempt, a few times; one that runs is
 * left alone. What goes wrong with one intent is logged and does not keep the others waiting.
 */
export const handler = middy<EventBridgeEvent<string, unknown>, { looked: number }>().handler(async (_, context) => {
  const log = loggerOf(context);
  const deadline = Date.now() + BUDGET_MS;
  const below = new Date(Date.now() - STILL_SECONDS * 1_000).toISOString();
  let looked = 0;
  let oldest = 0;
  let after: Record<string, unknown> | undefined;
  do {
    const page = await listIndex<StoredIntent>(indexes.openIntents, "open", {
      limit: AT_A_TIME,
      oldestFirst: true,
      below,
      after,
    });
    await Promise.all(
      page.items.map(async (intent) => {
        oldest = Math.max(oldest, Date.now() - Date.parse(intent.updatedAt));
        try {
          if (await sweep(intent, log)) measure("IntentsSwept", 1);
        } catch (error) {
          log.error("an intent could not be swept", error instanceof Error ? error : new Error(String(error)));
        }
      }),
    );
    looked += page.items.length;
    after = page.next;
  } while (after !== undefined && Date.now() < deadline);
  measure("OldestOpenIntentSeconds", Math.round(oldest / 1_000));
  return { looked };
});

/** @returns whether there was something to do */
const sweep = async (intent: StoredIntent, log: Log): Promise<boolean> => {
  const execution = await describeWorkflow(intent);
  if (execution !== undefined) return settle(intent, execution, log);
  if (intent.attempt >= MAX_ATTEMPTS) {
    log.error("given up", { intent: intent.id, attempt: intent.attempt });
    const lost = problem("lost", `the workflow could not be started in ${MAX_ATTEMPTS} attempts`);
    await recordFailure(workflowInput(intent), lost, new Date());
    return true;
  }
  log.warn("started again", { intent: intent.id, attempt: intent.attempt + 1 });
  try {
    await transact([retryIntent(intent.id, intent.attempt, new Date())]);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "conflict")) throw error; // it has moved meanwhile
  }
  return true;
};
