import { takenBack } from "../component/version.ts";
import { afterFailure } from "../intent/failure.ts";
import { failIntent, type WorkflowInput } from "../intent/intent.ts";
import { AppError, type Problem } from "../problems.ts";
import type { Write } from "../writes.ts";
import { auditOfOutcome } from "./audit.ts";
import { transact } from "./table.ts";

const code = (error: unknown) => (error instanceof AppError ? error.code : undefined);

/**
 * Records that an attempt has failed, on its intent and on the subject at once. Harmless to repeat; an attempt that
 * another one has followed, or whose intent has ended, changes nothing.
 */
export const recordFailure = async (input: WorkflowInput, problem: Problem, now: Date): Promise<void> => {
  const intent = [
    failIntent(input.intentId, input.attempt, now, problem),
    auditOfOutcome(input, { status: "failed", problem }, now),
  ];
  const beside = input.kind === "component-version.delete" ? [takenBack()] : []; // it may be there again
  for (const subject of afterFailure(input, problem, now)) {
    try {
      return await transact([...intent, subject, ...beside]);
    } catch (error) {
      if (code(error) === "conflict") return; // the first write's condition: this attempt no longer counts
      if (code(error) !== "not-ready") throw error;
    }
  }
  await recordFailureAlone(intent); // the subject stays, is gone, or has moved on by other means
};

const recordFailureAlone = async (intent: readonly Write[]): Promise<void> => {
  try {
    await transact(intent);
  } catch (error) {
    if (code(error) !== "conflict") throw error;
  }
};
