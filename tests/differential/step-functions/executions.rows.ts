import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  ListStateMachinesCommand,
  RedriveExecutionCommand,
  StartExecutionCommand,
  StopExecutionCommand,
} from "@aws-sdk/client-sfn";
import { expect } from "vitest";
import { MACHINES } from "./machines.ts";
import { ACCOUNT, api, executionArn, machineArn, REGION, type SfnRow, unique } from "./world.ts";

const NO_EXECUTION = executionArn("pass", "none");
const NO_MACHINE = machineArn("none");

const starts: readonly SfnRow[] = [
  {
    operation: "StartExecution",
    when: "neither name nor input is given",
    send: ({ client }) => client.send(new StartExecutionCommand({ stateMachineArn: machineArn("pass") })),
    expect: {
      status: 200,
      fields: {
        executionArn: expect.stringMatching(
          new RegExp(`^arn:aws:states:${REGION}:${ACCOUNT}:execution:pass:[0-9a-f-]{36}$`),
        ),
        startDate: expect.any(Date),
      },
    },
    source: api("StartExecution"),
  },
  {
    operation: "StartExecution",
    when: "the name and the input are those of a running execution",
    send: async ({ client }) => {
      const request = { stateMachineArn: machineArn("hang"), name: `same-${unique()}`, input: '{"a":1}' };
      const first = await client.send(new StartExecutionCommand(request));
      const second = await client.send(new StartExecutionCommand(request));
      return { ...second, same: second.executionArn === first.executionArn, at: first.startDate };
    },
    expect: { status: 200, fields: { same: true, startDate: expect.any(Date) } },
    source: api("StartExecution"),
  },
  {
    operation: "StartExecution",
    when: "the name is that of a running execution with another input",
    send: async ({ client }) => {
      const request = { stateMachineArn: machineArn("hang"), name: `other-${unique()}` };
      await client.send(new StartExecutionCommand({ ...request, input: '{"a":1}' }));
      return client.send(new StartExecutionCommand({ ...request, input: '{"a":2}' }));
    },
    expect: { status: 400, code: "ExecutionAlreadyExists" },
    source: api("StartExecution"),
  },
  {
    operation: "StartExecution",
    when: "the name and the input are those of an execution that has ended",
    send: async ({ client, begin, ended }) => {
      const name = `ended-${unique()}`;
      await ended(await begin("pass", { a: 1 }, name));
      return client.send(new StartExecutionCommand({ stateMachineArn: machineArn("pass"), name, input: '{"a":1}' }));
    },
    expect: { status: 400, code: "ExecutionAlreadyExists" },
    source: api("StartExecution"),
  },
  {
    operation: "StartExecution",
    when: "the name is one of another machine's executions",
    send: async ({ client, begin }) => {
      const name = `shared-${unique()}`;
      await begin("pass", {}, name);
      return client.send(new StartExecutionCommand({ stateMachineArn: machineArn("echo"), name }));
    },
    expect: { status: 200, fields: { executionArn: expect.stringContaining(":execution:echo:shared-") } },
    source: api("StartExecution"),
  },
  ...[
    { when: "the name has a blank", name: "a b" },
    { when: "the name has a colon", name: "a:b" },
    { when: "the name has a wildcard", name: "a*" },
    { when: "the name has a control character", name: "a\u0007" },
  ].map(
    ({ when, name }): SfnRow => ({
      operation: "StartExecution",
      when,
      send: ({ client }) => client.send(new StartExecutionCommand({ stateMachineArn: machineArn("pass"), name })),
      expect: { status: 400, code: "InvalidName" },
      source: api("StartExecution"),
    }),
  ),
  {
    operation: "StartExecution",
    when: "the input is not JSON",
    send: ({ client }) => client.send(new StartExecutionCommand({ stateMachineArn: machineArn("pass"), input: "{" })),
    expect: { status: 400, code: "InvalidExecutionInput" },
    source: api("StartExecution"),
  },
  {
    operation: "StartExecution",
    when: "there is no such machine",
    send: ({ client }) => client.send(new StartExecutionCommand({ stateMachineArn: NO_MACHINE })),
    expect: { status: 400, code: "StateMachineDoesNotExist" },
    source: api("StartExecution"),
  },
  {
    operation: "StartExecution",
    when: "the ARN is none",
    send: ({ client }) => client.send(new StartExecutionCommand({ stateMachineArn: "pass" })),
    expect: { status: 400, code: "InvalidArn" },
    source: api("StartExecution"),
  },
  {
    operation: "StartExecution",
    when: "the ARN is longer than 256 characters",
    send: ({ client }) => client.send(new StartExecutionCommand({ stateMachineArn: machineArn("x".repeat(257)) })),
    expect: { status: 400, code: "ValidationException" },
    source: api("StartExecution"),
  },
];

const descriptions: readonly SfnRow[] = [
  {
    operation: "DescribeExecution",
    when: "the execution has succeeded",
    send: ({ done }) => done("pass", { a: 1 }),
    expect: {
      status: 200,
      fields: {
        input: '{"a":1}',
        inputDetails: { included: true },
        output: '{"a":1}',
        outputDetails: { included: true },
        startDate: expect.any(Date),
        stopDate: expect.any(Date),
        stateMachineArn: machineArn("pass"),
        redriveCount: 0,
        redriveStatus: "NOT_REDRIVABLE",
        redriveStatusReason: "Execution is SUCCEEDED and cannot be redriven",
      },
    },
    source: api("DescribeExecution"),
  },
  {
    operation: "DescribeExecution",
    when: "the execution runs",
    send: async ({ begin, describe }) => describe(await begin("hang")),
    expect: {
      status: 200,
      fields: {
        stopDate: undefined,
        output: undefined,
        redriveStatus: "NOT_REDRIVABLE",
        redriveStatusReason: "Execution is RUNNING and cannot be redriven",
      },
    },
    source: api("DescribeExecution"),
  },
  {
    operation: "DescribeExecution",
    when: "the execution has failed",
    send: ({ done }) => done("fail-state"),
    expect: {
      status: 200,
      fields: { error: "Refused", cause: "because", output: undefined, redriveStatus: "REDRIVABLE" },
    },
    source: api("DescribeExecution"),
  },
  {
    operation: "DescribeExecution",
    when: "there is no such execution",
    send: ({ describe }) => describe(NO_EXECUTION),
    expect: { status: 400, code: "ExecutionDoesNotExist" },
    source: api("DescribeExecution"),
  },
  {
    operation: "DescribeExecution",
    when: "the ARN is that of a machine",
    send: ({ client }) => client.send(new DescribeExecutionCommand({ executionArn: machineArn("pass") })),
    expect: { status: 400, code: "InvalidArn" },
    source: api("DescribeExecution"),
  },
  {
    operation: "DescribeStateMachine",
    when: "it is there",
    send: ({ client }) => client.send(new DescribeStateMachineCommand({ stateMachineArn: machineArn("pass") })),
    expect: {
      status: 200,
      fields: {
        name: "pass",
        type: "STANDARD",
        creationDate: expect.any(Date),
        definition: JSON.stringify(MACHINES.pass),
        stateMachineArn: machineArn("pass"),
      },
    },
    source: api("DescribeStateMachine"),
  },
  {
    operation: "DescribeStateMachine",
    when: "only metadata are asked for",
    send: ({ client }) =>
      client.send(
        new DescribeStateMachineCommand({ stateMachineArn: machineArn("pass"), includedData: "METADATA_ONLY" }),
      ),
    expect: { status: 200, fields: { name: "pass", definition: "{}" } },
    source: api("DescribeStateMachine"),
  },
  {
    operation: "DescribeStateMachine",
    when: "there is no such machine",
    send: ({ client }) => client.send(new DescribeStateMachineCommand({ stateMachineArn: NO_MACHINE })),
    expect: { status: 400, code: "StateMachineDoesNotExist" },
    source: api("DescribeStateMachine"),
  },
  {
    operation: "DescribeStateMachine",
    when: "the ARN is none",
    send: ({ client }) => client.send(new DescribeStateMachineCommand({ stateMachineArn: "pass" })),
    expect: { status: 400, code: "InvalidArn" },
    source: api("DescribeStateMachine"),
  },
  {
    operation: "DescribeStateMachineForExecution",
    when: "the execution is there",
    send: async ({ client, begin }) =>
      client.send(new DescribeStateMachineForExecutionCommand({ executionArn: await begin("pass") })),
    expect: {
      status: 200,
      fields: { name: "pass", stateMachineArn: machineArn("pass"), updateDate: expect.any(Date) },
    },
    source: api("DescribeStateMachineForExecution"),
  },
  {
    operation: "DescribeStateMachineForExecution",
    when: "there is no such execution",
    send: ({ client }) => client.send(new DescribeStateMachineForExecutionCommand({ executionArn: NO_EXECUTION })),
    expect: { status: 400, code: "ExecutionDoesNotExist" },
    source: api("DescribeStateMachineForExecution"),
  },
  {
    operation: "ListStateMachines",
    when: "a page has room for two",
    send: ({ client }) => client.send(new ListStateMachinesCommand({ maxResults: 2 })),
    expect: {
      status: 200,
      fields: {
        stateMachines: [expect.objectContaining({ type: "STANDARD" }), expect.objectContaining({ type: "STANDARD" })],
        nextToken: expect.any(String),
      },
    },
    source: api("ListStateMachines"),
  },
  {
    operation: "ListStateMachines",
    when: "the token is not one of the service",
    send: ({ client }) => client.send(new ListStateMachinesCommand({ nextToken: "nonsense" })),
    expect: { status: 400, code: "InvalidToken" },
    source: api("ListStateMachines"),
  },
];

const ends: readonly SfnRow[] = [
  {
    operation: "StopExecution",
    when: "the execution runs",
    send: async ({ client, begin, describe }) => {
      const executionArn = await begin("hang");
      const answer = await client.send(new StopExecutionCommand({ executionArn, error: "Enough", cause: "said so" }));
      const { status: became, error, cause } = await describe(executionArn);
      return { ...answer, became, error, cause };
    },
    expect: {
      status: 200,
      fields: { stopDate: expect.any(Date), became: "ABORTED", error: "Enough", cause: "said so" },
    },
    source: api("StopExecution"),
  },
  {
    operation: "StopExecution",
    when: "there is no such execution",
    send: ({ client }) => client.send(new StopExecutionCommand({ executionArn: NO_EXECUTION })),
    expect: { status: 400, code: "ExecutionDoesNotExist" },
    source: api("StopExecution"),
  },
  {
    operation: "StopExecution",
    when: "the ARN is none",
    send: ({ client }) => client.send(new StopExecutionCommand({ executionArn: "x" })),
    expect: { status: 400, code: "InvalidArn" },
    source: api("StopExecution"),
  },
  {
    operation: "StopExecution",
    when: "the error is longer than 256 characters",
    send: async ({ client, begin }) =>
      client.send(new StopExecutionCommand({ executionArn: await begin("hang"), error: "x".repeat(257) })),
    expect: { status: 400, code: "ValidationException" },
    source: api("StopExecution"),
  },
  {
    operation: "RedriveExecution",
    when: "the execution has failed",
    send: async ({ client, run, ended, describe }) => {
      const { executionArn } = await run("fails", { a: 1 });
      const answer = await client.send(new RedriveExecutionCommand({ executionArn }));
      await ended(executionArn);
      const { redriveCount, redriveDate: told, input } = await describe(executionArn);
      return { ...answer, redriveCount, told: told?.getTime() === answer.redriveDate?.getTime(), input };
    },
    expect: { status: 200, fields: { redriveDate: expect.any(Date), redriveCount: 1, told: true, input: '{"a":1}' } },
    source: api("RedriveExecution"),
  },
  {
    operation: "RedriveExecution",
    when: "the client token is that of the last redrive",
    send: async ({ client, run }) => {
      const { executionArn } = await run("fails");
      const clientToken = unique();
      const first = await client.send(new RedriveExecutionCommand({ executionArn, clientToken }));
      const second = await client.send(new RedriveExecutionCommand({ executionArn, clientToken }));
      return { ...second, same: first.redriveDate?.getTime() === second.redriveDate?.getTime() };
    },
    expect: { status: 200, fields: { same: true } },
    source: api("RedriveExecution"),
  },
  {
    operation: "RedriveExecution",
    when: "the execution has succeeded",
    send: async ({ client, run }) =>
      client.send(new RedriveExecutionCommand({ executionArn: (await run("pass")).executionArn })),
    expect: { status: 400, code: "ExecutionNotRedrivable" },
    source: api("RedriveExecution"),
  },
  {
    operation: "RedriveExecution",
    when: "the execution runs",
    send: async ({ client, begin }) => client.send(new RedriveExecutionCommand({ executionArn: await begin("hang") })),
    expect: { status: 400, code: "ExecutionNotRedrivable" },
    source: api("RedriveExecution"),
  },
  {
    operation: "RedriveExecution",
    when: "there is no such execution",
    send: ({ client }) => client.send(new RedriveExecutionCommand({ executionArn: NO_EXECUTION })),
    expect: { status: 400, code: "ExecutionDoesNotExist" },
    source: api("RedriveExecution"),
  },
  {
    operation: "GetExecutionHistory",
    when: "there is no such execution",
    send: ({ client }) => client.send(new GetExecutionHistoryCommand({ executionArn: NO_EXECUTION })),
    expect: { status: 400, code: "ExecutionDoesNotExist" },
    source: api("GetExecutionHistory"),
  },
];

export const executionRows: readonly SfnRow[] = [...starts, ...descriptions, ...ends];
