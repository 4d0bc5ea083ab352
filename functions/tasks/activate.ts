import { transact } from "../../shared/aws/table.ts";
import { succeedIntent } from "../../shared/intent/intent.ts";
import type { Key, Write } from "../../shared/writes.ts";
import type { TaskInput } from "./task.ts";

/** The end of a workflow: the last writes and the intent's success, all at once. */
export const succeed = (input: TaskInput, writes: readonly Write[] = [], now = new Date()): Promise<void> =>
  transact([...writes, succeedIntent(input.intentId, input.attempt, now)]);

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
