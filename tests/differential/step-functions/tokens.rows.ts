import { SendTaskFailureCommand, SendTaskHeartbeatCommand, SendTaskSuccessCommand } from "@aws-sdk/client-sfn";
import { expect } from "vitest";
import { api, guide, type SfnRow, unique, type World } from "./world.ts";

/** Begins an execution that waits for its callback. */
const waiting = async ({ begin, token }: World, machine = "token") => {
  const id = unique();
  const executionArn = await begin(machine, { id });
  return { executionArn, taskToken: await token(id) };
};
const COMMANDS = {
  SendTaskSuccess: (taskToken: string) => new SendTaskSuccessCommand({ taskToken, output: "{}" }),
  SendTaskFailure: (taskToken: string) => new SendTaskFailureCommand({ taskToken }),
  SendTaskHeartbeat: (taskToken: string) => new SendTaskHeartbeatCommand({ taskToken }),
};
const send = ({ client }: World, operation: string, taskToken: string): Promise<object> => {
  if (operation === "SendTaskSuccess") return client.send(COMMANDS.SendTaskSuccess(taskToken));
  if (operation === "SendTaskFailure") return client.send(COMMANDS.SendTaskFailure(taskToken));
  return client.send(COMMANDS.SendTaskHeartbeat(taskToken));
};

export const tokenRows: readonly SfnRow[] = [
  {
    operation: "SendTaskSuccess",
    when: "the task waits: the output is its result",
    send: async (world) => {
      const { executionArn, taskToken } = await waiting(world);
      const answer = await world.client.send(new SendTaskSuccessCommand({ taskToken, output: '{"done":true}' }));
      const { status: became, output } = await world.ended(executionArn);
      return { ...answer, became, output };
    },
    expect: { status: 200, fields: { became: "SUCCEEDED", output: '{"done":true}' } },
    source: api("SendTaskSuccess"),
  },
  {
    operation: "SendTaskSuccess",
    when: "the output is not JSON",
    send: async (world) => {
      const { taskToken } = await waiting(world);
      return world.client.send(new SendTaskSuccessCommand({ taskToken, output: "{" }));
    },
    expect: { status: 400, code: "InvalidOutput" },
    source: api("SendTaskSuccess"),
  },
  {
    operation: "SendTaskFailure",
    when: "the task waits: it fails with the error and the cause",
    send: async (world) => {
      const { executionArn, taskToken } = await waiting(world);
      const answer = await world.client.send(
        new SendTaskFailureCommand({ taskToken, error: "Denied", cause: "by hand" }),
      );
      const { status: became, error, cause } = await world.ended(executionArn);
      return { ...answer, became, error, cause };
    },
    expect: { status: 200, fields: { became: "FAILED", error: "Denied", cause: "by hand" } },
    source: api("SendTaskFailure"),
  },
  {
    operation: "SendTaskFailure",
    when: "the error is longer than 256 characters",
    send: async (world) => {
      const { taskToken } = await waiting(world);
      return world.client.send(new SendTaskFailureCommand({ taskToken, error: "x".repeat(257) }));
    },
    expect: { status: 400, code: "ValidationException" },
    source: api("SendTaskFailure"),
  },
  {
    operation: "SendTaskHeartbeat",
    when: "the task waits",
    send: async (world) => send(world, "SendTaskHeartbeat", (await waiting(world)).taskToken),
    expect: { status: 200 },
    source: api("SendTaskHeartbeat"),
  },
  {
    operation: "DescribeExecution",
    when: "token-heartbeat: no heartbeat came: States.HeartbeatTimeout catches it",
    send: async (world) => {
      const { executionArn } = await waiting(world, "token-heartbeat");
      const execution = await world.ended(executionArn);
      return { ...execution, value: JSON.parse(execution.output ?? "null") };
    },
    expect: { status: 200, fields: { value: { failure: { Error: "States.Timeout" } } } },
    source: guide("concepts-error-handling"),
  },
  {
    operation: "GetExecutionHistory",
    when: "token: a task that waits for a callback is submitted before it succeeds",
    send: async (world) => {
      const { executionArn, taskToken } = await waiting(world);
      await send(world, "SendTaskSuccess", taskToken);
      await world.ended(executionArn);
      const events = await world.history(executionArn);
      const { $metadata } = await world.describe(executionArn);
      const scheduled = events.find(({ type }) => type === "TaskScheduled")?.taskScheduledEventDetails;
      return { $metadata, types: events.map(({ type }) => type), resource: scheduled?.resource };
    },
    expect: {
      status: 200,
      fields: {
        resource: "invoke.waitForTaskToken",
        types: [
          "ExecutionStarted",
          "TaskStateEntered",
          "TaskScheduled",
          "TaskStarted",
          "TaskSubmitted",
          "TaskSucceeded",
          "TaskStateExited",
          "ExecutionSucceeded",
        ],
      },
    },
    source: guide("connect-to-resource"),
  },
  ...Object.keys(COMMANDS).flatMap((operation): SfnRow[] => [
    {
      operation,
      when: "the token is none",
      send: (world) => send(world, operation, "nonsense"),
      expect: { status: 400, code: "InvalidToken" },
      source: api(operation),
    },
    {
      operation,
      when: "the task has already been closed",
      send: async (world) => {
        const { executionArn, taskToken } = await waiting(world);
        await send(world, "SendTaskSuccess", taskToken);
        await world.ended(executionArn);
        return send(world, operation, taskToken);
      },
      expect: { status: 400, code: "TaskTimedOut", fields: { message: expect.stringContaining("Task Timed Out") } },
      source: api(operation),
    },
  ]),
];
