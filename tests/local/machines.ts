import type { Machine } from "../../local/step-functions.ts";

export const REGION = "eu-central-1";
export const ACCOUNT = "123456789012";

export type Fields = Record<string, unknown>;
export const task = (
  functionName: string,
  rest: Fields = { End: true },
  payload: Fields = { "input.$": "$" },
): Fields => ({
  Type: "Task",
  Resource: "arn:aws:states:::lambda:invoke",
  Parameters: { FunctionName: functionName, Payload: payload },
  OutputPath: "$.Payload",
  ...rest,
});
export const one = (state: Fields, more: Record<string, Fields> = {}) => ({
  StartAt: "First",
  States: { First: state, ...more },
});
export const done: Fields = { Type: "Pass", Result: "handled", End: true };

/** One state machine for each thing that a workflow may do, by its name. */
export const MACHINES: Record<string, object> = {
  echo: one(task("echo")),
  "function-arn": one({ Type: "Task", Resource: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:echo:live`, End: true }),
  "invoke-arn": one(task(`arn:aws:lambda:${REGION}:${ACCOUNT}:function:echo`, { OutputPath: "$", End: true })),
  fails: one(task("fail")),
  missing: one(task("no-such-function")),
  "fail-state": one({ Type: "Fail", Error: "Refused", Cause: "because" }),
  "bare-fail": one({ Type: "Fail" }),
  "retry-ok": one(task("flaky", { Retry: [{ ErrorEquals: ["Conflict"], MaxAttempts: 3 }], End: true })),
  "retry-out": one(
    task("fail", {
      Retry: [{ ErrorEquals: ["States.TaskFailed"], IntervalSeconds: 1, MaxAttempts: 2, JitterStrategy: "FULL" }],
      End: true,
    }),
  ),
  caught: one(
    task("fail", { Catch: [{ ErrorEquals: ["Conflict"], ResultPath: "$.failure", Next: "After" }], End: true }),
    {
      After: { Type: "Pass", End: true },
    },
  ),
  "task-timeout": one(
    task("hang", { TimeoutSeconds: 1, Catch: [{ ErrorEquals: ["States.Timeout"], Next: "After" }], End: true }),
    { After: done },
  ),
  "machine-timeout": { ...one(task("hang", { Next: "After" }), { After: task("echo") }), TimeoutSeconds: 1 },
  hang: one(task("hang", { Next: "After" }), { After: task("echo") }),
  "wait-retry": one(
    task("fail", { Retry: [{ ErrorEquals: ["States.ALL"], IntervalSeconds: 100, MaxAttempts: 5 }], End: true }),
  ),
  waits: one(
    { Type: "Wait", Seconds: 5, Next: "Second" },
    {
      Second: { Type: "Wait", SecondsPath: "$.pause", Next: "Third" },
      Third: { Type: "Pass", End: true },
    },
  ),
  map: one({
    Type: "Map",
    ItemsPath: "$.items",
    ItemSelector: { "index.$": "$$.Map.Item.Index", "item.$": "$$.Map.Item.Value" },
    ItemProcessor: { StartAt: "Each", States: { Each: task("echo") } },
    End: true,
  }),
  parallel: one({
    Type: "Parallel",
    Branches: [
      { StartAt: "Left", States: { Left: task("echo") } },
      {
        StartAt: "Right",
        States: {
          Right: task("echo", { End: true }, { "origin.$": "$$.Execution.Input", "name.$": "$$.Execution.Name" }),
        },
      },
    ],
    End: true,
  }),
  origin: one({
    Type: "Map",
    ItemsPath: "$.items",
    ItemProcessor: {
      StartAt: "Each",
      States: { Each: { Type: "Pass", Parameters: { "of.$": "$$.Execution.Input.of", "item.$": "$" }, End: true } },
    },
    End: true,
  }),
  context: one({
    Type: "Pass",
    Parameters: {
      "id.$": "$$.Execution.Id",
      "name.$": "$$.Execution.Name",
      "start.$": "$$.Execution.StartTime",
      "machine.$": "$$.StateMachine.Name",
      "machineId.$": "$$.StateMachine.Id",
    },
    End: true,
  }),
  absent: one(
    {
      Type: "Choice",
      Choices: [
        { Variable: "$.x", IsPresent: false, Next: "Absent" },
        {
          And: [
            { Variable: "$.x", IsNull: false },
            { Variable: "$.x", IsString: false },
          ],
          Next: "Other",
        },
      ],
      Default: "Text",
    },
    {
      Absent: { Type: "Pass", Result: "absent", End: true },
      Other: { Type: "Pass", Result: "other", End: true },
      Text: { Type: "Pass", Result: "text", End: true },
    },
  ),
  falsy: one({ Type: "Pass", Result: false, ResultPath: "$", End: true }),
  large: one(task("large", { Catch: [{ ErrorEquals: ["States.ALL"], Next: "After" }], End: true }), { After: done }),
  "no-path": one({ Type: "Pass", InputPath: "$.missing", End: true }),
};
export const machines: Machine[] = Object.entries(MACHINES).map(([name, definition]) => ({ name, definition }));
export const machineArn = (name: string) => `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:${name}`;
