import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import {
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  RedriveExecutionCommand,
  SendTaskFailureCommand,
  SendTaskSuccessCommand,
  StopExecutionCommand,
} from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Invoke } from "../../../local/invoke.ts";
import { listen, shut } from "../../../local/listen.ts";
import { openDatabase } from "../../../local/sqlite.ts";
import { done, type Fields, machineArn, one, REGION, task } from "../machines.ts";
import { until } from "../until.ts";
import { type Opened, openEngine, outputOf, typesOf } from "./engine.ts";

const distributed = (Label: string, state: Fields, rest: Fields = {}, ExecutionType = "STANDARD"): Fields => ({
  Type: "Map",
  Label,
  ItemProcessor: {
    ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType },
    StartAt: Label,
    States: { [Label]: state },
  },
  End: true,
  ...rest,
});
const parallel = (...states: Fields[]): Fields => ({
  Type: "Parallel",
  Branches: states.map((state, index) => ({ StartAt: `Branch ${index}`, States: { [`Branch ${index}`]: state } })),
  End: true,
});
const retry = (error: string): Fields => ({ Retry: [{ ErrorEquals: [error], IntervalSeconds: 50_000 }] });
const reader: Fields = {
  ItemReader: {
    Resource: "arn:aws:states:::s3:getObject",
    ReaderConfig: { InputType: "JSON" },
    Parameters: { Bucket: "items", Key: "items.json" },
  },
};
const MACHINES = {
  aborted: one({ ...parallel(task("weak"), distributed("each", task("hold"), {}, "EXPRESS")), ...retry("Weak") }),
  read: one(distributed("each", task("hold"), reader)),
  "read-again": one(distributed("each", task("hold"), { ...reader, ...retry("States.ItemReaderFailed") })),
  tokens: one(
    distributed("each", {
      Type: "Task",
      Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
      Parameters: { FunctionName: "take", Payload: { "input.$": "$$.Task.Token" } },
      End: true,
    }),
  ),
  nested: one(
    distributed("outer", distributed("inner", task("weak"), { MaxConcurrency: 1 }), { ToleratedFailureCount: 1 }),
  ),
  both: one(parallel(distributed("left", task("weak")), distributed("right", task("weak")))),
  slow: one(distributed("each", task("weak"), { MaxConcurrency: 1, ToleratedFailureCount: 1 }, "EXPRESS")),
};

let dir: string;
let opened: Opened;
let s3: S3Client;
let s3Server: ReturnType<typeof createServer>;
let answer: (response: ServerResponse) => void;
let weak: boolean;
let holds: boolean;
let ran: Record<string, unknown[]>;
let releases: (() => void)[];

const invoke: Invoke = async (name, payload) => {
  const { input } = payload as { input: unknown };
  ran[name] = [...(ran[name] ?? []), input];
  if (name === "weak" && weak && input !== "fine") {
    await until(() => !holds || ran.hold !== undefined, { what: "the other branch" });
    return { functionError: { errorType: "Weak", errorMessage: "not yet" } };
  }
  if (holds && name !== "take") await new Promise<void>((release) => releases.push(release));
  return { payload: input };
};
const open = async (machines: Record<string, object> = MACHINES) => {
  opened = await openEngine({ machines, invoke, dir, s3 });
};
const change = (sql: string) => {
  const database = openDatabase(join(dir, "step-functions.db"), "");
  database.prepare(sql).run();
  database.close();
};
const runsOf = async (executionArn: string | undefined) => {
  const { mapRuns = [] } = await opened.client.send(new ListMapRunsCommand({ executionArn }));
  return Promise.all(mapRuns.map(({ mapRunArn }) => opened.client.send(new DescribeMapRunCommand({ mapRunArn }))));
};
const redrive = (executionArn: string) => opened.client.send(new RedriveExecutionCommand({ executionArn }));
const giveItems = (response: ServerResponse): void => void response.end('["a","b"]');

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "map-run-restart-"));
  [weak, holds, ran, releases] = [true, true, {}, []];
  answer = giveItems;
  s3Server = createServer((_, response) => answer(response));
  const endpoint = `http://127.0.0.1:${await listen("S3", s3Server, 0)}`;
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  s3 = new S3Client({ endpoint, region: REGION, forcePathStyle: true, maxAttempts: 1, credentials });
});
afterEach(async () => {
  for (const release of releases) release();
  await opened.stop();
  s3.destroy();
  await shut(s3Server, 0);
  rmSync(dir, { recursive: true });
});

test("what was aborted with a Map Run goes on after a restart, and its time begins anew", async () => {
  await open();
  const arn = await opened.begin("aborted", ["a", "b"]);
  const [aborted] = await until(
    async () => {
      const runs = await runsOf(arn);
      return runs[0]?.status === "ABORTED" ? runs : undefined;
    },
    { what: "the abortion" },
  );
  expect(aborted?.itemCounts).toMatchObject({ aborted: 2 });
  await opened.stop();
  // Their five minutes are over.
  change("UPDATE executions SET started_at = started_at - 400000 WHERE map_run IS NOT NULL");

  weak = false;
  await open();
  await until(() => ran.hold?.length === 4, { what: "the children, again" });
  expect(await runsOf(arn)).toMatchObject([{ mapRunArn: aborted?.mapRunArn, status: "RUNNING" }]);
  holds = false;
  await until(
    async () => {
      for (const release of releases.splice(0)) release();
      return (await opened.describe(arn)).status !== "RUNNING";
    },
    { what: "the end" },
  );
  expect(outputOf(await opened.describe(arn))).toEqual([
    ["a", "b"],
    ["a", "b"],
  ]);
});

test("a Map Run that its execution does not come to any more is ABORTED with its end", async () => {
  await open();
  weak = false;
  const arn = await opened.begin("nested", [["a"]]);
  await until(() => ran.weak?.length === 1, { what: "the grandchild" });
  await opened.stop();

  await open({ nested: one(done) });
  expect(await opened.ended(arn)).toMatchObject({ status: "SUCCEEDED" });
  const [outer] = await runsOf(arn);
  expect(outer).toMatchObject({ status: "ABORTED", itemCounts: { aborted: 1, running: 0 } });
  const { executions = [] } = await opened.client.send(new ListExecutionsCommand({ mapRunArn: outer?.mapRunArn }));
  expect(await runsOf(executions[0]?.executionArn)).toMatchObject([{ status: "ABORTED", itemCounts: { aborted: 1 } }]);
});

test("a Map Run whose items could not be read is RUNNING again while its children are", async () => {
  answer = (response) => response.writeHead(403).end();
  await open();
  const arn = await opened.begin("read-again");
  await until(async () => (await runsOf(arn))[0]?.status === "FAILED", { what: "the failure" });
  await opened.stop();

  answer = giveItems;
  await open();
  await until(() => ran.hold?.length === 2, { what: "the children" });
  expect(await runsOf(arn)).toMatchObject([{ status: "RUNNING", itemCounts: { running: 2 } }]);
});

test.each([
  "that cannot be interrupted",
  "in which the process ends",
  "in which the process ends and its machine goes",
])("StopExecution in a state %s", async (how) => {
  let response: ServerResponse | undefined;
  answer = (given) => {
    response = given;
  };
  await open();
  const arn = await opened.begin("read");
  await until(() => response !== undefined, { what: "the reading" });
  const stopping = opened.client.send(new StopExecutionCommand({ executionArn: arn, error: "Enough", cause: "yes" }));
  const settled = stopping.catch(() => undefined);
  const noted = () => {
    const database = openDatabase(join(dir, "step-functions.db"), "");
    const row = database.prepare("SELECT stopped_at FROM executions").get();
    database.close();
    return row?.stopped_at ?? undefined;
  };
  const stoppedAt = await until(noted, { what: "the note of the stop" });
  const running = await opened.describe(arn);
  expect(running.status).toBe("RUNNING");
  expect([running.stopDate, running.error, running.cause]).toEqual([undefined, undefined, undefined]);
  const list = { stateMachineArn: machineArn("read") };
  const { executions } = await opened.client.send(new ListExecutionsCommand(list));
  expect(executions).toMatchObject([{ status: "RUNNING" }]);
  expect(executions?.[0]?.stopDate).toBeUndefined();

  if (how === "that cannot be interrupted") response?.writeHead(403).end();
  else {
    await opened.stop();
    await open(how === "in which the process ends" ? MACHINES : { slow: MACHINES.slow });
  }
  await settled;
  const ended = await opened.ended(arn);
  expect(ended).toMatchObject({ status: "ABORTED", error: "Enough", cause: "yes" });
  expect(ended.stopDate?.getTime()).toBe(stoppedAt);
  response?.end();
});

test("a child that is redriven gets a new task token", async () => {
  await open();
  const arn = await opened.begin("tokens", ["a"]);
  const tokenAt = (index: number) => until(() => ran.take?.[index] as string | undefined, { what: "a token" });
  const first = await tokenAt(0);
  await opened.client.send(new SendTaskFailureCommand({ taskToken: first, error: "No" }));
  expect(await opened.ended(arn)).toMatchObject({ status: "FAILED" });

  await redrive(arn);
  const second = await tokenAt(1);
  expect(second).not.toBe(first);
  await opened.client.send(new SendTaskSuccessCommand({ taskToken: second, output: '"yes"' }));
  expect(outputOf(await opened.ended(arn))).toEqual(["yes"]);
});

test("a redrive goes on in the Map Runs of the children, with what has not succeeded there", async () => {
  holds = false;
  await open();
  const arn = await opened.begin("nested", [
    ["fine", "b"],
    ["fine", "d"],
  ]);
  expect(await opened.ended(arn)).toMatchObject({ status: "FAILED" });
  expect(ran.weak?.sort()).toEqual(["b", "d", "fine", "fine"]);

  weak = false;
  ran = {};
  await redrive(arn);
  expect(outputOf(await opened.ended(arn))).toEqual([
    ["fine", "b"],
    ["fine", "d"],
  ]);
  expect(ran.weak?.sort()).toEqual(["b", "d"]);
  const [outer] = await runsOf(arn);
  const { executions = [] } = await opened.client.send(new ListExecutionsCommand({ mapRunArn: outer?.mapRunArn }));
  for (const { executionArn } of executions) {
    expect(await runsOf(executionArn)).toMatchObject([{ status: "SUCCEEDED", redriveCount: 1 }]);
    expect(typesOf(await opened.history(executionArn))).toContain("MapRunRedriven");
  }
});

test("a redrive goes on in each Map Run of a Parallel", async () => {
  holds = false;
  await open();
  const arn = await opened.begin("both", ["fine", "b"]);
  expect(await opened.ended(arn)).toMatchObject({ status: "FAILED" });

  weak = false;
  ran = {};
  await redrive(arn);
  expect(outputOf(await opened.ended(arn))).toEqual([
    ["fine", "b"],
    ["fine", "b"],
  ]);
  expect(await runsOf(arn)).toMatchObject([{ redriveCount: 1 }, { redriveCount: 1 }]);
});

test("the time of a child that is redriven counts from when it is started again", async () => {
  holds = false;
  await open();
  const arn = await opened.begin("slow", ["a", "b"]);
  expect(await opened.ended(arn)).toMatchObject({ status: "FAILED" });

  [weak, holds] = [false, true];
  await redrive(arn);
  await until(() => releases.length === 1, { what: "the first child" });
  // More than the five minutes that the second child has, while it awaits its turn.
  change("UPDATE executions SET redriven_at = redriven_at - 400000 WHERE status = 'PENDING'");
  holds = false;
  releases[0]?.();
  expect(outputOf(await opened.ended(arn))).toEqual(["a", "b"]);
});
