import { recordFailure } from "../../shared/aws/failures.ts";
import type { Execution } from "../../shared/aws/workflows.ts";
import { type StoredIntent, workflowInput } from "../../shared/intent/intent.ts";
import { type Problem, problem } from "../../shared/problems.ts";
import type { Log } from "../logger.ts";

const problemOfExecution = ({ status, error, cause }: Execution): Problem | undefined => {
  const told = [error, cause].filter(Boolean).join(": ");
  switch (status) {
    case "ABORTED":
      return problem("aborted", told === "" ? "the workflow was stopped" : `the workflow was stopped: ${told}`);
    case "TIMED_OUT":
      return problem("timed-out", "the workflow took longer than it may");
    case "FAILED":
    case "SUCCEEDED": // without having ended its intent
      return problem("internal", `the workflow ended without an outcome${error ? ` (${error})` : ""}`);
    default:
      return undefined;
  }
};

/**
 * Fails the intent of an execution that has ended without saying so; one that still runs is left alone.
 * @returns whether there was something to do
 */
export const settle = async (intent: StoredIntent, execution: Execution, log: Log): Promise<boolean> => {
  if (intent.status !== "requested" && intent.status !== "running") return false;
  const found = problemOfExecution(execution);
  if (found === undefined) return false;
  log.warn("settled", { status: execution.status, code: found.code });
  await recordFailure(workflowInput(intent), found, new Date());
  return true;
};
