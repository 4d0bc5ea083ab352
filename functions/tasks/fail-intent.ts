import * as z from "zod";
import { recordFailure } from "../../shared/aws/failures.ts";
import { problemOfTaskError } from "../../shared/problems.ts";
import { TaskInput, taskOf } from "./task.ts";

const Caught = TaskInput.extend({
  error: z.object({ Error: z.string().optional(), Cause: z.string().optional() }),
});

export const handler = taskOf("fail-intent", Caught, ({ error, ...input }) =>
  recordFailure(
    input,
    problemOfTaskError({
      ...(error.Error !== undefined && { Error: error.Error }),
      ...(error.Cause !== undefined && { Cause: error.Cause }),
    }),
    new Date(),
  ),
);
