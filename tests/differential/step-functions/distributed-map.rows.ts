import { expect } from "vitest";
import { BUCKET } from "./machines.ts";
import { MAP_RUN } from "./map-runs.rows.ts";
import { guide, machineArn, type SfnRow, unique, type World } from "./world.ts";

const value = async (world: World, machine: string, input: unknown) => {
  const execution = (await world.done(machine, input)) as { output?: string; status?: string };
  return { ...execution, became: execution.status, value: JSON.parse(execution.output ?? "null") };
};
const READER = guide("input-output-itemreader");
const readers: readonly { machine: string; when: string; body: string; output: unknown }[] = [
  {
    machine: "dm-csv",
    when: "CSV with its header in the first row, quotes and an empty field",
    body: 'name,says\r\nA,"x, ""y"""\r\nB,\r\n',
    output: [
      { name: "A", says: 'x, "y"' },
      { name: "B", says: "" },
    ],
  },
  {
    machine: "dm-csv-given",
    when: "CSV with a header that is given, and MaxItems",
    body: "1,2\n3,4\n5,6\n",
    output: [
      { a: "1", b: "2" },
      { a: "3", b: "4" },
    ],
  },
  { machine: "dm-jsonl", when: "JSON Lines", body: '{"a":1}\n\n{"a":2}', output: [{ a: 1 }, { a: 2 }] },
  { machine: "dm-json", when: "a JSON array", body: '[{"a":1},2]', output: [{ a: 1 }, 2] },
];

export const distributedMapRows: readonly SfnRow[] = [
  ...readers.map(
    ({ machine, when, body, output }): SfnRow => ({
      operation: "DescribeExecution",
      when: `${machine}: ${when}`,
      send: async (world) => {
        const key = unique();
        await world.put(key, body);
        return value(world, machine, { key });
      },
      expect: { status: 200, fields: { value: output } },
      source: READER,
    }),
  ),
  {
    operation: "DescribeExecution",
    when: "dm-list: the objects of a bucket",
    send: async (world) => {
      const prefix = `${unique()}/`;
      for (const name of ["a", "b"]) await world.put(`${prefix}${name}`, "x");
      const execution = await value(world, "dm-list", { prefix });
      return { ...execution, keys: execution.value.map(({ Key }: { Key: string }) => Key.slice(prefix.length)) };
    },
    expect: {
      status: 200,
      fields: {
        keys: ["a", "b"],
        value: [
          expect.objectContaining({ Etag: expect.any(String), Size: 1, LastModified: expect.any(Number) }),
          expect.anything(),
        ],
      },
    },
    source: READER,
  },
  {
    operation: "DescribeExecution",
    when: "dm-csv: the object is not there",
    send: (world) => value(world, "dm-csv", { key: "none" }),
    expect: { status: 200, fields: { became: "FAILED", error: "States.ItemReaderFailed" } },
    source: guide("concepts-error-handling"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-json: the object is no array",
    send: async (world) => {
      const key = unique();
      await world.put(key, '{"a":1}');
      return value(world, "dm-json", { key });
    },
    expect: { status: 200, fields: { became: "FAILED", error: "States.ItemReaderFailed" } },
    source: guide("concepts-error-handling"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-items: ItemSelector with the index and the value",
    send: (world) => value(world, "dm-items", { items: ["a", "b"] }),
    expect: {
      status: 200,
      fields: {
        value: [
          { i: 0, v: "a" },
          { i: 1, v: "b" },
        ],
      },
    },
    source: guide("input-output-itemselector"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-batch: batches of two, with a common part",
    send: (world) => value(world, "dm-batch", { of: "f", items: [1, 2, 3] }),
    expect: {
      status: 200,
      fields: {
        value: [
          { BatchInput: { of: "f" }, Items: [1, 2] },
          { BatchInput: { of: "f" }, Items: [3] },
        ],
      },
    },
    source: guide("input-output-itembatcher"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-batch-bytes: batches of no more than 40 bytes",
    send: (world) => value(world, "dm-batch-bytes", ["x".repeat(10), "y".repeat(10), "z".repeat(10)]),
    expect: {
      status: 200,
      fields: { value: [{ Items: ["x".repeat(10), "y".repeat(10)] }, { Items: ["z".repeat(10)] }] },
    },
    source: guide("input-output-itembatcher"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-fails: one child fails, and none may",
    send: (world) => value(world, "dm-fails", [{ good: 1 }, { bad: 1 }]),
    expect: { status: 200, fields: { became: "FAILED", error: "States.ExceedToleratedFailureThreshold" } },
    source: guide("maprun-fail-threshold"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-tolerates: as many children fail as may",
    send: (world) => value(world, "dm-tolerates", [{ good: 1 }, { bad: 1 }]),
    expect: {
      status: 200,
      fields: {
        became: "SUCCEEDED",
        value: [{ good: 1 }, expect.objectContaining({ Status: "FAILED", Error: "Bad" })],
      },
    },
    source: guide("input-output-resultwriter"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-percentage: more than half of the children fail",
    send: (world) => value(world, "dm-percentage", [{ good: 1 }, { bad: 1 }, { bad: 2 }]),
    expect: { status: 200, fields: { became: "FAILED", error: "States.ExceedToleratedFailureThreshold" } },
    source: guide("maprun-fail-threshold"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-percentage: just half of the children fail",
    send: (world) => value(world, "dm-percentage", [{ good: 1 }, { bad: 1 }]),
    expect: { status: 200, fields: { became: "SUCCEEDED" } },
    source: guide("maprun-fail-threshold"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-writes: the results are in S3, with a manifest",
    send: async (world) => {
      const prefix = unique();
      const execution = await value(world, "dm-writes", { prefix, items: [{ good: 1 }, { bad: 1 }] });
      const { MapRunArn, ResultWriterDetails } = execution.value;
      const manifest = (await world.read(ResultWriterDetails.Key)) as {
        ResultFiles: Record<string, { Key: string }[]>;
      };
      const [succeeded, failed] = [manifest.ResultFiles.SUCCEEDED?.[0]?.Key, manifest.ResultFiles.FAILED?.[0]?.Key];
      return {
        ...execution,
        key: ResultWriterDetails.Key === `${prefix}/${MapRunArn.split(":").at(-1)}/manifest.json`,
        manifest,
        succeeded: await world.read(succeeded ?? ""),
        failed: await world.read(failed ?? ""),
      };
    },
    expect: {
      status: 200,
      fields: {
        key: true,
        value: { MapRunArn: expect.stringMatching(MAP_RUN), ResultWriterDetails: { Bucket: BUCKET } },
        manifest: {
          DestinationBucket: BUCKET,
          MapRunArn: expect.stringMatching(MAP_RUN),
          ResultFiles: {
            FAILED: [{ Key: expect.stringMatching(/\/FAILED_0\.json$/), Size: expect.any(Number) }],
            PENDING: [],
            SUCCEEDED: [{ Key: expect.stringMatching(/\/SUCCEEDED_0\.json$/), Size: expect.any(Number) }],
          },
        },
        succeeded: [
          {
            ExecutionArn: expect.stringContaining(":execution:dm-writes/each:"),
            Input: '{"good":1}',
            InputDetails: { Included: true },
            Name: expect.any(String),
            Output: '{"good":1}',
            OutputDetails: { Included: true },
            StateMachineArn: machineArn("dm-writes/each"),
            Status: "SUCCEEDED",
            StartDate: expect.any(String),
            StopDate: expect.any(String),
          },
        ],
        failed: [expect.objectContaining({ Status: "FAILED", Error: "Bad", Cause: "as told", Input: '{"bad":1}' })],
      },
    },
    source: guide("input-output-resultwriter"),
  },
  {
    operation: "DescribeExecution",
    when: "dm-writes-nowhere: there is no such bucket",
    send: (world) => value(world, "dm-writes-nowhere", [1]),
    expect: { status: 200, fields: { became: "FAILED", error: "States.ResultWriterFailed" } },
    source: guide("concepts-error-handling"),
  },
];
