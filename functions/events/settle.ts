import { recordFailure } from "../../shared/aws/failures.ts";
import { getItem } from "../../shared/aws/table.ts";
import type { Execution } from "../../shared/aws/workflows.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { type StoredIntent, workflowInput } from "../../shared/intent/intent.ts";
import { keys } from "../../shared/keys.ts";
import { type Problem, problem } from "../../shared/problems.ts";
import type { Log } from "../logger.ts";
import { withdrawPublication } from "../tasks/withdraw.ts";

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
  await undo(intent, log);
  await recordFailure(workflowInput(intent), found, new Date());
  return true;
};

/** What the workflow itself would have undone. Where that fails, the next publication of the version or its deletion does it. */
const undo = async (intent: StoredIntent, log: Log): Promise<void> => {
  if (intent.kind !== "component-version.publish") return;
  const { parentId, subjectId } = workflowInput(intent);
  const version = await getItem<StoredVersion>(keys.version(parentId, subjectId));
  if (version === undefined) return;
  try {
    await withdrawPublication(version);
  } catch (error) {
    log.error("the publication could not be undone", error instanceof Error ? error : new Error(String(error)));
  }
};
