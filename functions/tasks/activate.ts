import { auditOfOutcome } from "../../shared/aws/audit.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { type StoredIntent, succeedIntent } from "../../shared/intent/intent.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import type { Key, Write } from "../../shared/writes.ts";
import type { TaskInput } from "./task.ts";

const hasSucceeded = async ({ intentId, attempt }: TaskInput): Promise<boolean> => {
  const intent = await getItem<StoredIntent>(keys.intent(intentId));
  return intent?.status === "succeeded" && intent.attempt === attempt;
};

/** The end of a workflow: the last writes and the intent's success, all at once. Repeated, it does nothing more. */
export const succeed = (input: TaskInput, writes: readonly Write[] = [], now = new Date()): Promise<void> =>
  succeeding(input, now, (success) => transact([...writes, ...success]));

/** As {@link succeed}, with a transaction of one's own. @param commit writes the success and its record with all else */
export const succeeding = async (
  input: TaskInput,
  now: Date,
  commit: (success: readonly Write[]) => Promise<void>,
): Promise<void> => {
  try {
    await commit([
      succeedIntent(input.intentId, input.attempt, now),
      auditOfOutcome(input, { status: "succeeded" }, now),
    ]);
  } catch (error) {
    const refused = error instanceof AppError && error.code === "conflict";
    if (!refused || !(await hasSucceeded(input))) throw error;
  }
};
/** The end of a creation: the subject is active. */
export const activate = (input: TaskInput, key: Key): Promise<void> => {
  const now = new Date();
  return succeed(
    input,
    [
      {
        do: "update",
        key,
        set: { status: "active", updatedAt: now.toISOString() },
        add: { revision: 1 },
        when: { status: { in: ["creating", "active"] } },
      },
    ],
    now,
  );
};
