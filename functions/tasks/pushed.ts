import { getItem } from "../../shared/aws/table.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import type { StoredPush } from "../../shared/push/push.ts";
import type { TaskInput } from "./task.ts";

/** What the intent's push is to put into the version. @throws AppError `not-found` when the version is gone */
export const pushOf = async ({ subjectId, intentId }: TaskInput): Promise<StoredPush> => {
  const push = await getItem<StoredPush>(keys.push(subjectId));
  if (push?.intentId !== intentId) throw new AppError("not-found", `the push of ${subjectId} is gone`);
  return push;
};
