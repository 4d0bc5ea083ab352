import middy, { type MiddlewareObj } from "@middy/core";
import type { Context } from "aws-lambda";
import * as z from "zod";
import { translated } from "../../shared/aws/aws-errors.ts";
import { INTENT_KINDS } from "../../shared/intent/intent.ts";
import { type Log, loggerOf } from "../logger.ts";

/** What every task of a workflow is given: ids, never data. */
export const TaskInput = z.object({
  intentId: z.string(),
  attempt: z.int().positive(),
  kind: z.enum(INTENT_KINDS),
  workspaceId: z.string(),
  subjectId: z.string(),
  parentId: z.string(),
});
export type TaskInput = z.infer<typeof TaskInput>;

/** A task that works on one cell. */
export const CellInput = TaskInput.extend({ cell: z.string() });

interface Internal extends Record<string, unknown> {
  log?: Log;
}

type TaskMiddleware<Input> = MiddlewareObj<Input, unknown, Error, Context, Internal>;

/** One line per run, under the intent's id; AWS's errors leave in our terms, which Retry and Catch match. */
const logged = <Input extends TaskInput>(name: string): TaskMiddleware<Input> => ({
  before: ({ event, context, internal }) => {
    internal.log = loggerOf(context, { task: name, intent: event.intentId });
  },
  after: ({ internal }) => {
    internal.log?.info("done");
  },
  onError: ({ error, internal }) => {
    const told = translated(error);
    internal.log?.warn("failed", told instanceof Error ? told : new Error(String(told)));
    throw told;
  },
});

const parsed = <Input extends TaskInput>(schema: z.ZodType<Input>): TaskMiddleware<Input> => ({
  before: (request) => {
    request.event = schema.parse(request.event);
  },
});

/** The handler of a workflow's step: one side effect, safe to repeat, done or failed within the task's timeout. */
export const task = <Output>(name: string, run: (input: TaskInput) => Promise<Output>) => taskOf(name, TaskInput, run);

/** A step that works on one cell. */
export const cellTask = <Output>(name: string, run: (input: z.infer<typeof CellInput>) => Promise<Output>) =>
  taskOf(name, CellInput, run);

/** A step with an input of its own beside the ids. @throws what `run` throws, with AWS's errors in our terms */
export const taskOf = <Input extends TaskInput, Output>(
  name: string,
  schema: z.ZodType<Input>,
  run: (input: Input) => Promise<Output>,
) =>
  middy<Input, Output, Error, Context, Internal>()
    .use(logged<Input>(name))
    .use(parsed(schema))
    .handler((input) => run(input));
