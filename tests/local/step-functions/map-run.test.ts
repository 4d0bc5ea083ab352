import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  RedriveExecutionCommand,
  StopExecutionCommand,
  UpdateMapRunCommand,
} from "@aws-sdk/client-sfn";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Faults } from "../../../local/faults.ts";
import type { Invoke } from "../../../local/invoke.ts";
import { type S3Server, startS3 } from "../../../local/s3/server.ts";
import { ACCOUNT, one, REGION, task } from "../machines.ts";
import { until } from "../until.ts";
import { type Opened, openEngine, outputOf, typesOf } from "./engine.ts";

const BUCKET = "map-runs";
type Fields = Record<string, unknown>;
const distributed = (rest: Fields, states: Record<string, Fields>, config: Fields = {}): object =>
  one({
    Type: "Map",
    Label: "each",
    ItemProcessor: {
      ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD", ...config },
      StartAt: Object.keys(states)[0],
      States: states,
    },
    End: true,
    ...rest,
  });
const work = (name: string, rest: Fields = {}): Fields => task(name, { End: true, ...rest });
const MACHINES = {
  held: distributed({ MaxConcurrency: 3 }, { Held: work("hold") }),
  csv: distributed(
    {
      ItemReader: {
        Resource: "arn:aws:states:::s3:getObject",
        ReaderConfig: { InputType: "CSV", CSVHeaderLocation: "FIRST_ROW" },
        Parameters: { Bucket: BUCKET, "Key.$": "$.key" },
      },
      ItemBatcher: { MaxItemsPerBatch: 1000 },
      MaxConcurrency: 4,
      ResultWriter: { Resource: "arn:aws:states:::s3:putObject", Parameters: { Bucket: BUCKET, Prefix: "results" } },
    },
    { Count: work("count") },
  ),
  weak: distributed(
    { MaxConcurrency: 1 },
    { Sure: work("sure", { OutputPath: "$", ResultPath: null, End: undefined, Next: "Weak" }), Weak: work("weak") },
  ),
  retried: distributed({ Retry: [{ ErrorEquals: ["States.ALL"], MaxAttempts: 2 }] }, { Weak: work("weak") }),
  express: distributed({}, { Echo: work("sure") }, { ExecutionType: "EXPRESS" }),
  large: distributed({}, { Big: { Type: "Pass", Parameters: { "a.$": "$", "b.$": "$" }, End: true } }),
};

let dir: string;
let storage: S3Server;
let s3: S3Client;
let opened: Opened;
let held: { readonly item: unknown; release(): void }[] = [];
let broken = true;
let ran: Record<string, unknown[]> = {};
let counted = 0;

const invoke: Invoke = async (name, payload) => {
  const { input } = payload as { input: unknown };
  ran[name] = [...(ran[name] ?? []), input];
  if (name === "hold") await new Promise<void>((release) => held.push({ item: input, release }));
  if (name === "weak" && broken && input === "b") {
    return { functionError: { errorType: "Weak", errorMessage: "not yet" } };
  }
  if (name === "count") counted += (input as { Items: unknown[] }).Items.length;
  return { payload: name === "count" ? null : input };
};
const mapRunsOf = async (executionArn: string | undefined) =>
  (await opened.client.send(new ListMapRunsCommand({ executionArn }))).mapRuns ?? [];
const describeRun = (mapRunArn: string | undefined) => opened.client.send(new DescribeMapRunCommand({ mapRunArn }));

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "map-runs-"));
  const credentials = { accessKeyId: "AKIDTEST", secretAccessKey: "secret" };
  storage = await startS3({
    dir: join(dir, "s3"),
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    secretOf: () => credentials.secretAccessKey,
    faults: new Faults(),
    publish: () => {},
  });
  s3 = new S3Client({ endpoint: storage.url, region: REGION, forcePathStyle: true, credentials });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  opened = await openEngine({ machines: MACHINES, invoke, s3 });
});
afterAll(async () => {
  await opened.close();
  s3.destroy();
  await storage.close();
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  held = [];
  ran = {};
  broken = true;
});

test("no more children run at once than may, and a change of that shows at once", async () => {
  const arn = await opened.begin("held", ["a", "b", "c", "d", "e", "f"]);
  await until(() => held.length === 3, { what: "three children" });
  const [run] = await mapRunsOf(arn);
  expect((await describeRun(run?.mapRunArn)).executionCounts).toMatchObject({ running: 3, pending: 3, total: 6 });
  held[0]?.release();
  await until(() => held.length === 4, { what: "the fourth child" });

  await opened.client.send(new UpdateMapRunCommand({ mapRunArn: run?.mapRunArn, maxConcurrency: 5 }));
  await until(() => held.length === 6, { what: "all the others" });
  for (const { release } of held) release();
  expect(outputOf(await opened.ended(arn))).toEqual(["a", "b", "c", "d", "e", "f"]);
});

test("StopExecution stops the children that run, and starts no other", async () => {
  const arn = await opened.begin("held", ["a", "b", "c", "d", "e"]);
  await until(() => held.length === 3, { what: "three children" });
  const [run] = await mapRunsOf(arn);
  await opened.client.send(new StopExecutionCommand({ executionArn: arn }));

  const { executions = [] } = await opened.client.send(new ListExecutionsCommand({ mapRunArn: run?.mapRunArn }));
  expect(executions.map(({ status }) => status)).toEqual(["ABORTED", "ABORTED", "ABORTED"]);
  expect(await describeRun(run?.mapRunArn)).toMatchObject({
    status: "ABORTED",
    itemCounts: { aborted: 3, pending: 2 },
  });
  for (const { release } of held) release();
  await opened.engine.idle();
  expect(ran.hold).toHaveLength(3);
});

test("a CSV file of 100,000 rows is read to its last one, and the manifest is written", async () => {
  const rows = Array.from({ length: 100_000 }, (_, row) => `${row},name-${row},"a, b"\n`);
  await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: "large.csv", Body: `id,name,list\n${rows.join("")}` }));
  counted = 0;
  const arn = await opened.begin("csv", { key: "large.csv" });
  const execution = await opened.ended(arn, 60_000);

  expect(execution).toMatchObject({ status: "SUCCEEDED" });
  expect(counted).toBe(100_000);
  const [run] = await mapRunsOf(arn);
  expect(await describeRun(run?.mapRunArn)).toMatchObject({
    itemCounts: { succeeded: 100_000, total: 100_000 },
    executionCounts: { succeeded: 100, total: 100, resultsWritten: 100 },
  });
});

test("a redrive runs only the children that did not succeed, from the state that failed", async () => {
  const arn = await opened.begin("weak", ["a", "b", "c"]);
  expect(await opened.ended(arn)).toMatchObject({
    status: "FAILED",
    error: "States.ExceedToleratedFailureThreshold",
    redriveStatus: "REDRIVABLE",
  });
  const [first] = await mapRunsOf(arn);
  expect(await describeRun(first?.mapRunArn)).toMatchObject({
    status: "FAILED",
    itemCounts: { failed: 1, pending: 1 },
  });

  broken = false;
  await opened.client.send(new RedriveExecutionCommand({ executionArn: arn }));
  expect(outputOf(await opened.ended(arn))).toEqual(["a", "b", "c"]);
  expect(ran).toMatchObject({ sure: ["a", "b", "c"], weak: ["a", "b", "b", "c"] });

  const runs = await mapRunsOf(arn);
  expect(runs.map(({ mapRunArn }) => mapRunArn)).toEqual([first?.mapRunArn]);
  expect(await describeRun(first?.mapRunArn)).toMatchObject({ status: "SUCCEEDED", redriveCount: 1 });
  expect(typesOf(await opened.history(arn))).toContain("MapRunRedriven");
  const { executions = [] } = await opened.client.send(
    new ListExecutionsCommand({ mapRunArn: first?.mapRunArn, redriveFilter: "REDRIVEN" }),
  );
  expect(executions).toMatchObject([{ status: "SUCCEEDED", redriveCount: 1 }]);
  const types = typesOf(await opened.history(executions[0]?.executionArn));
  expect(types.filter((type) => type === "ExecutionFailed" || type === "ExecutionRedriven")).toEqual([
    "ExecutionFailed",
    "ExecutionRedriven",
  ]);
});

test("a Retry of the state starts a Map Run of its own each time", async () => {
  const arn = await opened.begin("retried", ["a", "b"]);
  expect(await opened.ended(arn)).toMatchObject({ status: "FAILED" });
  expect(await mapRunsOf(arn)).toHaveLength(3);
});

test("EXPRESS children run as well", async () => {
  expect(outputOf(await opened.run("express", [1, 2]))).toEqual([1, 2]);
});

test("results that are too large to be the state's fail it", async () => {
  const text = "x".repeat(30_000);
  expect(await opened.run("large", Array(4).fill(text))).toMatchObject({ status: "SUCCEEDED" });
  expect(await opened.run("large", Array(5).fill(text))).toMatchObject({
    status: "FAILED",
    error: "States.DataLimitExceeded",
  });
});

describe("a Map Run is refused what its machine's role may not do", () => {
  const { csv } = MACHINES;
  test.each([
    { action: "states:StartExecution", resource: /:stateMachine:csv$/, error: "States.Permissions" },
    { action: "states:DescribeExecution", resource: /:execution:csv:/, error: "States.Permissions" },
    { action: "s3:GetObject", resource: new RegExp(`:::${BUCKET}/rows.csv$`), error: "States.ItemReaderFailed" },
    { action: "s3:PutObject", resource: new RegExp(`:::${BUCKET}/results`), error: "States.ResultWriterFailed" },
  ])("$action: $error", async ({ action, resource, error }) => {
    const asked: string[] = [];
    const refusing = await openEngine({
      machines: { csv },
      invoke,
      s3,
      mayMap: (machine, requests) => {
        asked.push(machine);
        const found = requests.find((request) => request.action === action);
        if (found === undefined) return;
        expect(found.resource).toMatch(resource);
        throw new Error(`${action} is not allowed`);
      },
    });
    try {
      const ended = await refusing.run("csv", { key: "rows.csv" });
      expect(ended).toMatchObject({
        status: "FAILED",
        error,
        cause: expect.stringContaining(`${action} is not allowed`),
      });
      expect(new Set(asked)).toEqual(new Set(["csv"]));
      expect(ran.count).toBeUndefined();
    } finally {
      await refusing.close();
    }
  });
});
