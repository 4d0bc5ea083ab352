import { transact } from "../../shared/aws/table.ts";
import { startIntent } from "../../shared/intent/intent.ts";
import { task } from "./task.ts";

export const handler = task("start-intent", ({ intentId, attempt }) =>
  transact([startIntent(intentId, attempt, new Date())]),
);
