import { GetExecutionHistoryCommand, type HistoryEvent, RedriveExecutionCommand } from "@aws-sdk/client-sfn";
import { expect } from "vitest";
import { api, guide, type SfnRow } from "./world.ts";

const details = { truncated: false };

/** The events of an execution that has ended, as `[type, previousEventId]`. */
const told: readonly [machine: string, when: string, input: unknown, events: [string, number][]][] = [
  [
    "pass",
    "a Pass state",
    {},
    [
      ["ExecutionStarted", 0],
      ["PassStateEntered", 0],
      ["PassStateExited", 2],
      ["ExecutionSucceeded", 3],
    ],
  ],
  [
    "fail-state",
    "a Fail state, which has no exit",
    {},
    [
      ["ExecutionStarted", 0],
      ["FailStateEntered", 0],
      ["ExecutionFailed", 2],
    ],
  ],
  [
    "echo",
    "lambda:invoke",
    {},
    [
      ["ExecutionStarted", 0],
      ["TaskStateEntered", 0],
      ["TaskScheduled", 2],
      ["TaskStarted", 3],
      ["TaskSucceeded", 4],
      ["TaskStateExited", 5],
      ["ExecutionSucceeded", 6],
    ],
  ],
  [
    "function-arn",
    "a function's ARN",
    {},
    [
      ["ExecutionStarted", 0],
      ["TaskStateEntered", 0],
      ["LambdaFunctionScheduled", 2],
      ["LambdaFunctionStarted", 3],
      ["LambdaFunctionSucceeded", 4],
      ["TaskStateExited", 5],
      ["ExecutionSucceeded", 6],
    ],
  ],
  [
    "retried-once",
    "a retry, which enters no state",
    {},
    [
      ["ExecutionStarted", 0],
      ["TaskStateEntered", 0],
      ["TaskScheduled", 2],
      ["TaskStarted", 3],
      ["TaskFailed", 4],
      ["TaskScheduled", 5],
      ["TaskStarted", 6],
      ["TaskFailed", 7],
      ["ExecutionFailed", 8],
    ],
  ],
  [
    "task-timeout",
    "a task that exceeds its time",
    {},
    [
      ["ExecutionStarted", 0],
      ["TaskStateEntered", 0],
      ["TaskScheduled", 2],
      ["TaskStarted", 3],
      ["TaskTimedOut", 4],
      ["ExecutionFailed", 5],
    ],
  ],
  [
    "caught-by-name",
    "a failure that is caught, with the exit of the state",
    {},
    [
      ["ExecutionStarted", 0],
      ["TaskStateEntered", 0],
      ["TaskScheduled", 2],
      ["TaskStarted", 3],
      ["TaskFailed", 4],
      ["TaskStateExited", 5],
      ["PassStateEntered", 6],
      ["PassStateExited", 7],
      ["ExecutionSucceeded", 8],
    ],
  ],
  [
    "map-fails",
    "a Map whose iteration fails",
    [1],
    [
      ["ExecutionStarted", 0],
      ["MapStateEntered", 0],
      ["MapStateStarted", 2],
      ["MapIterationStarted", 3],
      ["FailStateEntered", 4],
      ["MapIterationFailed", 5],
      ["MapStateFailed", 5],
      ["ExecutionFailed", 7],
    ],
  ],
  [
    "dm-items",
    "a Map in distributed mode",
    { items: [1] },
    [
      ["ExecutionStarted", 0],
      ["MapStateEntered", 0],
      ["MapStateStarted", 2],
      ["MapRunStarted", 3],
      ["MapRunSucceeded", 4],
      ["MapStateSucceeded", 5],
      ["MapStateExited", 6],
      ["ExecutionSucceeded", 7],
    ],
  ],
];

/** One event in full. */
const inFull: readonly [machine: string, input: unknown, type: string, event: Record<string, unknown>][] = [
  [
    "pass",
    { a: 1 },
    "ExecutionStarted",
    { id: 1, executionStartedEventDetails: { input: '{"a":1}', inputDetails: details } },
  ],
  [
    "pass",
    { a: 1 },
    "PassStateEntered",
    { id: 2, stateEnteredEventDetails: { name: "First", input: '{"a":1}', inputDetails: details } },
  ],
  [
    "pass",
    { a: 1 },
    "PassStateExited",
    { id: 3, stateExitedEventDetails: { name: "First", output: '{"a":1}', outputDetails: details } },
  ],
  [
    "pass",
    { a: 1 },
    "ExecutionSucceeded",
    { executionSucceededEventDetails: { output: '{"a":1}', outputDetails: details } },
  ],
  ["fail-state", {}, "ExecutionFailed", { executionFailedEventDetails: { error: "Refused", cause: "because" } }],
  ["machine-timeout", {}, "ExecutionTimedOut", { timestamp: expect.any(Date) }],
  [
    "task-timeout",
    { a: 1 },
    "TaskScheduled",
    {
      taskScheduledEventDetails: {
        resourceType: "lambda",
        resource: "invoke",
        region: "eu-central-1",
        parameters: '{"FunctionName":"hang","Payload":{"input":{"a":1}}}',
        timeoutInSeconds: 1,
      },
    },
  ],
  [
    "task-timeout",
    {},
    "TaskTimedOut",
    { taskTimedOutEventDetails: { resourceType: "lambda", resource: "invoke", error: "States.Timeout" } },
  ],
  [
    "fails",
    {},
    "TaskFailed",
    {
      taskFailedEventDetails: {
        resourceType: "lambda",
        resource: "invoke",
        error: "Conflict",
        cause: '{"errorType":"Conflict","errorMessage":"taken"}',
      },
    },
  ],
  [
    "function-arn",
    { a: 1 },
    "LambdaFunctionScheduled",
    {
      lambdaFunctionScheduledEventDetails: {
        resource: "arn:aws:lambda:eu-central-1:123456789012:function:echo",
        input: '{"a":1}',
        inputDetails: details,
      },
    },
  ],
  ["map", { of: 1, items: [1, 2] }, "MapStateStarted", { mapStateStartedEventDetails: { length: 2 } }],
  [
    "map",
    { of: 1, items: [1] },
    "MapIterationStarted",
    { mapIterationStartedEventDetails: { name: "First", index: 0 } },
  ],
  [
    "dm-items",
    { items: [1] },
    "MapRunStarted",
    { mapRunStartedEventDetails: { mapRunArn: expect.stringContaining(":mapRun:dm-items/each:") } },
  ],
  [
    "dm-fails",
    [{ bad: true }],
    "MapRunFailed",
    { mapRunFailedEventDetails: { error: "States.ExceedToleratedFailureThreshold", cause: expect.any(String) } },
  ],
];

export const historyRows: readonly SfnRow[] = [
  ...told.map(
    ([machine, when, input, events]): SfnRow => ({
      operation: "GetExecutionHistory",
      when: `${machine}: ${when}`,
      send: async (world) => {
        const answer = (await world.told(machine, input)) as { events?: HistoryEvent[] };
        return { ...answer, order: answer.events?.map(({ type, previousEventId }) => [type, previousEventId]) };
      },
      expect: { status: 200, fields: { order: events } },
      source: api("GetExecutionHistory"),
    }),
  ),
  ...inFull.map(
    ([machine, input, type, event]): SfnRow => ({
      operation: "GetExecutionHistory",
      when: `${type} of ${machine}, in full`,
      send: async (world) => {
        const answer = (await world.told(machine, input)) as { events?: HistoryEvent[] };
        return { ...answer, found: answer.events?.find((one) => one.type === type) };
      },
      expect: { status: 200, fields: { found: { type, ...event } } },
      source: api("HistoryEvent"),
    }),
  ),
  {
    operation: "GetExecutionHistory",
    when: "the newest event is asked for first",
    send: async ({ client, run }) => {
      const { executionArn } = await run("pass");
      return client.send(new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 1 }));
    },
    expect: {
      status: 200,
      fields: {
        events: [expect.objectContaining({ id: 4, type: "ExecutionSucceeded" })],
        nextToken: expect.any(String),
      },
    },
    source: api("GetExecutionHistory"),
  },
  {
    operation: "GetExecutionHistory",
    when: "a page begins where the one before has ended",
    send: async ({ client, run }) => {
      const { executionArn } = await run("pass");
      const { nextToken } = await client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 2 }));
      return client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 2, nextToken }));
    },
    expect: {
      status: 200,
      fields: {
        events: [expect.objectContaining({ id: 3 }), expect.objectContaining({ id: 4 })],
        nextToken: undefined,
      },
    },
    source: api("GetExecutionHistory"),
  },
  {
    operation: "GetExecutionHistory",
    when: "no data are asked for",
    send: async ({ client, run }) => {
      const { executionArn } = await run("pass");
      return client.send(new GetExecutionHistoryCommand({ executionArn, includeExecutionData: false, maxResults: 1 }));
    },
    expect: {
      status: 200,
      fields: { events: [{ id: 1, type: "ExecutionStarted", previousEventId: 0, timestamp: expect.any(Date) }] },
    },
    source: api("GetExecutionHistory"),
  },
  {
    operation: "GetExecutionHistory",
    when: "the execution runs",
    send: async ({ client, begin }) =>
      client.send(new GetExecutionHistoryCommand({ executionArn: await begin("hang") })),
    expect: {
      status: 200,
      fields: { events: expect.arrayContaining([expect.objectContaining({ type: "TaskStarted" })]) },
    },
    source: api("GetExecutionHistory"),
  },
  {
    operation: "GetExecutionHistory",
    when: "the execution was redriven: it goes on behind the failure",
    send: async ({ client, run, ended, history }) => {
      const { executionArn } = await run("fail-state");
      await client.send(new RedriveExecutionCommand({ executionArn }));
      await ended(executionArn);
      const answer = await client.send(new GetExecutionHistoryCommand({ executionArn }));
      const events = await history(executionArn);
      return {
        ...answer,
        redriven: events.find(({ type }) => type === "ExecutionRedriven"),
        failures: events.filter(({ type }) => type === "ExecutionFailed").length,
      };
    },
    expect: {
      status: 200,
      fields: {
        redriven: { id: 4, previousEventId: 3, executionRedrivenEventDetails: { redriveCount: 1 } },
        failures: 2,
      },
    },
    source: guide("redrive-executions"),
  },
  {
    operation: "GetExecutionHistory",
    when: "the ARN is none",
    send: ({ client }) => client.send(new GetExecutionHistoryCommand({ executionArn: "x" })),
    expect: { status: 400, code: "InvalidArn" },
    source: api("GetExecutionHistory"),
  },
  {
    operation: "GetExecutionHistory",
    when: "the token is not one of the service",
    send: async ({ client, begin }) =>
      client.send(new GetExecutionHistoryCommand({ executionArn: await begin("pass"), nextToken: "nonsense" })),
    expect: { status: 400, code: "InvalidToken" },
    source: api("GetExecutionHistory"),
  },
];
