import { afterFailure } from "../intent/failure.ts";
import { failIntent, type WorkflowInput } from "../intent/intent.ts";
import { AppError, type Problem } from "../problems.ts";
import type { Write } from "../writes.ts";
import { transact } from "./table.ts";

/** Writes, unless the condition no longer holds: then someone else has already recorded it. */
const unlessDone = async (write: Write): Promise<void> => {
  try {
    await transact([write]);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "conflict")) throw error;
  }
};

/**
 * Records that an attempt has failed: first on its subject, then on the intent, so that an intent seen as failed has
 * nothing pending. Harmless to repeat.
 */
export const recordFailure = async (input: WorkflowInput, problem: Problem, now: Date): Promise<void> => {
  const subject = afterFailure(input, problem, now);
  if (subject !== undefined) await unlessDone(subject);
  await unlessDone(failIntent(input.intentId, input.attempt, now, problem));
};
