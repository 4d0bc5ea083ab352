import {
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  StopExecutionCommand,
  UpdateMapRunCommand,
} from "@aws-sdk/client-sfn";
import { expect } from "vitest";
import { until } from "../../local/until.ts";
import { ACCOUNT, api, executionArn, machineArn, REGION, type SfnRow, type World } from "./world.ts";

const NO_MAP_RUN = `arn:aws:states:${REGION}:${ACCOUNT}:mapRun:dm-items/each:00000000-0000-0000-0000-000000000000`;
export const MAP_RUN = /^arn:aws:states:eu-central-1:123456789012:mapRun:[\w-]+\/each:[0-9a-f-]{36}$/;

const mapRunOf = async ({ client }: World, executionArn: string | undefined): Promise<string> => {
  const { mapRuns } = await client.send(new ListMapRunsCommand({ executionArn }));
  return mapRuns?.[0]?.mapRunArn ?? "";
};
/** Runs a machine with a Map in distributed mode; gives the description of its Map Run. */
const described = async (world: World, machine: string, input: unknown) => {
  const { executionArn } = await world.run(machine, input);
  const answer = await world.client.send(new DescribeMapRunCommand({ mapRunArn: await mapRunOf(world, executionArn) }));
  return { ...answer, became: answer.status };
};
/** Begins a Map Run whose children hang. */
const hanging = async (world: World) => {
  const executionArn = await world.begin("dm-hangs", [1, 2, 3]);
  const mapRunArn = await until(async () => (await mapRunOf(world, executionArn)) || undefined, {
    what: "the Map Run",
  });
  await until(
    async () => {
      const { executions } = await world.client.send(new ListExecutionsCommand({ mapRunArn }));
      return (executions?.length ?? 0) > 0;
    },
    { what: "the first child" },
  );
  return { executionArn, mapRunArn };
};
const counts = (some: object) => ({
  pending: 0,
  running: 0,
  succeeded: 0,
  failed: 0,
  timedOut: 0,
  aborted: 0,
  resultsWritten: 0,
  ...some,
});

export const mapRunRows: readonly SfnRow[] = [
  {
    operation: "DescribeExecution",
    when: "of a child of a Map Run",
    send: async (world) => {
      const { executionArn } = await world.run("dm-items", { items: ["a"] });
      const mapRunArn = await mapRunOf(world, executionArn);
      const { executions } = await world.client.send(new ListExecutionsCommand({ mapRunArn }));
      const child = await world.describe(executions?.[0]?.executionArn);
      return { ...child, same: child.mapRunArn === mapRunArn };
    },
    expect: {
      status: 200,
      fields: {
        same: true,
        executionArn: expect.stringMatching(/:execution:dm-items\/each:[0-9a-f-]{36}$/),
        input: '{"i":0,"v":"a"}',
        output: '{"i":0,"v":"a"}',
      },
    },
    source: api("DescribeExecution"),
  },
  {
    operation: "ListExecutions",
    when: "the children of a Map Run are asked for",
    send: async (world) => {
      const { executionArn } = await world.run("dm-batch", { of: "f", items: [1, 2, 3] });
      const mapRunArn = await mapRunOf(world, executionArn);
      return world.client.send(new ListExecutionsCommand({ mapRunArn }));
    },
    expect: {
      status: 200,
      fields: {
        executions: [
          { status: "SUCCEEDED", itemCount: 1, mapRunArn: expect.stringContaining(":mapRun:dm-batch/each:") },
          { status: "SUCCEEDED", itemCount: 2 },
        ],
      },
    },
    source: api("ListExecutions"),
  },
  {
    operation: "ListExecutions",
    when: "there is no such Map Run",
    send: ({ client }) => client.send(new ListExecutionsCommand({ mapRunArn: NO_MAP_RUN })),
    expect: { status: 400, code: "ResourceNotFound" },
    source: api("ListExecutions"),
  },
  {
    operation: "DescribeMapRun",
    when: "it has succeeded: items and executions are counted",
    send: (world) => described(world, "dm-batch", { of: "f", items: [1, 2, 3] }),
    expect: {
      status: 200,
      fields: {
        became: "SUCCEEDED",
        mapRunArn: expect.stringMatching(MAP_RUN),
        executionArn: expect.stringContaining(":execution:dm-batch:"),
        startDate: expect.any(Date),
        stopDate: expect.any(Date),
        maxConcurrency: 0,
        toleratedFailureCount: 0,
        toleratedFailurePercentage: 0,
        itemCounts: counts({ succeeded: 3, total: 3 }),
        executionCounts: counts({ succeeded: 2, total: 2 }),
        redriveCount: 0,
      },
    },
    source: api("DescribeMapRun"),
  },
  {
    operation: "DescribeMapRun",
    when: "it has failed",
    send: (world) => described(world, "dm-fails", [{ bad: 1 }]),
    expect: { status: 200, fields: { became: "FAILED", itemCounts: counts({ failed: 1, total: 1 }) } },
    source: api("DescribeMapRun"),
  },
  {
    operation: "DescribeMapRun",
    when: "its execution was stopped: the children that ran are aborted",
    send: async (world) => {
      const { executionArn, mapRunArn } = await hanging(world);
      await world.client.send(new StopExecutionCommand({ executionArn }));
      const answer = await world.client.send(new DescribeMapRunCommand({ mapRunArn }));
      return { ...answer, became: answer.status };
    },
    expect: { status: 200, fields: { became: "ABORTED", itemCounts: counts({ aborted: 1, pending: 2, total: 3 }) } },
    source: api("DescribeMapRun"),
  },
  ...(["DescribeMapRun", "UpdateMapRun"] as const).flatMap((operation): SfnRow[] =>
    [
      { when: "there is no such Map Run", mapRunArn: NO_MAP_RUN, code: "ResourceNotFound" },
      { when: "the ARN is none", mapRunArn: "x", code: "InvalidArn" },
    ].map(({ when, mapRunArn, code }) => ({
      operation,
      when,
      send: ({ client }) =>
        operation === "DescribeMapRun"
          ? client.send(new DescribeMapRunCommand({ mapRunArn }))
          : client.send(new UpdateMapRunCommand({ mapRunArn })),
      expect: { status: 400, code },
      source: api(operation),
    })),
  ),
  {
    operation: "ListMapRuns",
    when: "the execution has one",
    send: async ({ client, run }) => {
      const { executionArn } = await run("dm-items", { items: [1] });
      return client.send(new ListMapRunsCommand({ executionArn }));
    },
    expect: {
      status: 200,
      fields: {
        mapRuns: [
          {
            executionArn: expect.stringContaining(":execution:dm-items:"),
            mapRunArn: expect.stringMatching(MAP_RUN),
            stateMachineArn: machineArn("dm-items/each"),
            startDate: expect.any(Date),
            stopDate: expect.any(Date),
          },
        ],
      },
    },
    source: api("ListMapRuns"),
  },
  {
    operation: "ListMapRuns",
    when: "there is no such execution",
    send: ({ client }) => client.send(new ListMapRunsCommand({ executionArn: executionArn("dm-items", "none") })),
    expect: { status: 400, code: "ExecutionDoesNotExist" },
    source: api("ListMapRuns"),
  },
  {
    operation: "ListMapRuns",
    when: "the ARN is none",
    send: ({ client }) => client.send(new ListMapRunsCommand({ executionArn: "x" })),
    expect: { status: 400, code: "InvalidArn" },
    source: api("ListMapRuns"),
  },
  {
    operation: "UpdateMapRun",
    when: "more children may run at once",
    send: async (world) => {
      const { mapRunArn } = await hanging(world);
      const answer = await world.client.send(
        new UpdateMapRunCommand({ mapRunArn, maxConcurrency: 2, toleratedFailureCount: 1 }),
      );
      const { maxConcurrency, toleratedFailureCount, itemCounts } = await world.client.send(
        new DescribeMapRunCommand({ mapRunArn }),
      );
      return { ...answer, maxConcurrency, toleratedFailureCount, itemCounts };
    },
    expect: {
      status: 200,
      fields: { maxConcurrency: 2, toleratedFailureCount: 1, itemCounts: counts({ running: 2, pending: 1, total: 3 }) },
    },
    source: api("UpdateMapRun"),
  },
  {
    operation: "UpdateMapRun",
    when: "the percentage is more than 100",
    send: async (world) => {
      const { mapRunArn } = await hanging(world);
      return world.client.send(new UpdateMapRunCommand({ mapRunArn, toleratedFailurePercentage: 101 }));
    },
    expect: { status: 400, code: "ValidationException" },
    source: api("UpdateMapRun"),
  },
];
