import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SendTaskSuccessCommand, StopExecutionCommand } from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Invoke } from "../../../local/invoke.ts";
import { openDatabase } from "../../../local/sqlite.ts";
import type { StatusChange } from "../../../local/step-functions.ts";
import { done, type Fields, one, task } from "../machines.ts";
import { until } from "../until.ts";
import { type Opened, openEngine, outputOf, typesOf } from "./engine.ts";

let dir: string;
let opened: Opened;
let calls: string[] = [];
let release: () => void = () => {};
let tokens: string[] = [];

const invoke: Invoke = async (name, payload) => {
  calls.push(name);
  if (name === "take" || name === "flaky") tokens.push((payload as { token: string }).token);
  if (name === "flaky" && ran(name) === 1) return { functionError: { errorType: "Busy", errorMessage: "not yet" } };
  if (name !== "hang") return { payload: name };
  await new Promise<void>((resolve) => {
    release = resolve;
  });
  return { payload: "late" };
};
const tokenTask = (name: string, rest: Fields = {}): Fields => ({
  Type: "Task",
  Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
  Parameters: { FunctionName: name, Payload: { "token.$": "$$.Task.Token" } },
  End: true,
  ...rest,
});
const retry = (IntervalSeconds: number): Fields => ({ Retry: [{ ErrorEquals: ["Busy"], IntervalSeconds }] });
const MACHINES = {
  steps: one(task("first", { OutputPath: "$", ResultPath: "$.first", Next: "Hang" }), {
    Hang: task(
      "hang",
      { OutputPath: "$", ResultPath: null, Next: "Last" },
      { "name.$": "$$.Execution.Name", "input.$": "$$.Execution.Input" },
    ),
    Last: task("last", { OutputPath: "$", ResultPath: "$.last", End: true }),
  }),
  waits: one({ Type: "Wait", Seconds: 50_000, Next: "After" }, { After: task("after") }),
  token: one(task("first", { Next: "Token" }), { Token: tokenTask("take") }),
  flaky: one(tokenTask("flaky", retry(1))),
  resting: one(tokenTask("flaky", retry(50_000))),
  branches: one({
    Type: "Parallel",
    Branches: [{ StartAt: "Token", States: { Token: tokenTask("flaky") } }],
    OutputPath: "$[0]",
    End: true,
    ...retry(1),
  }),
  long: one(
    { Type: "Pass", Next: "First task" },
    {
      "First task": task("first", { OutputPath: "$", ResultPath: null, Next: "Hang" }, {}),
      Hang: task("hang", { End: true }, {}),
    },
  ),
};
const open = async (
  machines: Record<string, object> = MACHINES,
  options: { publish?: (event: StatusChange) => void; timeoutSeconds?: number } = {},
) => {
  opened = await openEngine({ machines, invoke, dir, ...options });
};
const change = (sql: string) => {
  const database = openDatabase(join(dir, "step-functions.db"), "");
  database.prepare(sql).run();
  database.close();
};
const submissions = async (executionArn: string) =>
  typesOf(await opened.history(executionArn)).filter((type) => type === "TaskSubmitted").length;
const ran = (name: string) => calls.filter((call) => call === name).length;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "step-functions-restart-"));
  calls = [];
  tokens = [];
});
afterEach(async () => {
  release();
  await opened.stop();
  rmSync(dir, { recursive: true });
});

test("an execution goes on with the state that comes next, with its context and its history", async () => {
  await open();
  const arn = await opened.begin("steps", { a: 1 }, "kept");
  const { startDate } = await opened.describe(arn);
  await until(() => ran("hang") === 1, { what: "the second task" });
  await opened.stop();
  release();

  await open();
  await until(() => ran("hang") === 2, { what: "the second task, again" });
  expect(await opened.describe(arn)).toMatchObject({ status: "RUNNING", startDate });
  release();
  const execution = await opened.ended(arn);

  expect(execution.status).toBe("SUCCEEDED");
  expect([ran("first"), ran("hang"), ran("last")]).toEqual([1, 2, 1]);
  const events = await opened.history(arn);
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
  expect(typesOf(events).filter((type) => type === "TaskStateEntered")).toHaveLength(3);
  const scheduled = events.filter(({ type }) => type === "TaskScheduled")[1]?.taskScheduledEventDetails;
  expect(JSON.parse(scheduled?.parameters ?? "").Payload).toEqual({ name: "kept", input: { a: 1 } });
});

test("a history can be read in full while the execution runs, stored and unstored parts together", async () => {
  await open();
  const arn = await opened.begin("steps");
  await until(() => ran("hang") === 1, { what: "the second task" });
  const events = await opened.history(arn);

  expect(typesOf(events).slice(-4)).toEqual(["TaskStateExited", "TaskStateEntered", "TaskScheduled", "TaskStarted"]);
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
});

test("a definition that has lost the state that comes next runs from its start", async () => {
  await open();
  const arn = await opened.begin("steps");
  await until(() => ran("hang") === 1, { what: "the second task" });
  await opened.stop();
  release();

  await open({ steps: one(task("first", { Next: "Other" }), { Other: done }) });
  expect(await opened.ended(arn)).toMatchObject({ status: "SUCCEEDED", output: '"handled"' });
  expect(ran("first")).toBe(2);
  expect(typesOf(await opened.history(arn)).filter((type) => type === "ExecutionStarted")).toHaveLength(1);
});

test("an execution whose machine is gone fails", async () => {
  await open();
  const arn = await opened.begin("steps");
  await until(() => ran("hang") === 1, { what: "the second task" });
  await opened.stop();
  release();

  await open({ waits: MACHINES.waits });
  expect(await opened.describe(arn)).toMatchObject({ status: "FAILED", error: "States.Runtime" });
});

test("a Wait is counted from when it was entered, before the restart", async () => {
  await open();
  const arn = await opened.begin("waits");
  await opened.stop();
  change("UPDATE executions SET started_at = started_at - 600000");

  // The scale of the tests makes 500 seconds of the Wait, which are over.
  await open();
  expect(await opened.ended(arn)).toMatchObject({ status: "SUCCEEDED" });
});

test("a task token stays good, and its function is not invoked again", async () => {
  await open();
  const arn = await opened.begin("token");
  const history = await until(
    async () => {
      const events = await opened.history(arn);
      return typesOf(events).includes("TaskSubmitted") ? events : undefined;
    },
    { what: "the submission" },
  );
  expect(history).toHaveLength(10);
  await opened.stop();

  await open();
  await opened.client.send(new SendTaskSuccessCommand({ taskToken: tokens[0], output: '"yes"' }));
  expect(outputOf(await opened.ended(arn))).toBe("yes");
  expect([ran("first"), ran("take")]).toEqual([1, 1]);
});

test.each(["flaky", "branches"])("the token of a later attempt stays good, too: %s", async (machine) => {
  await open();
  const arn = await opened.begin(machine);
  await until(async () => (await submissions(arn)) === 1, { what: "the second attempt" });
  await opened.stop();

  await open();
  await opened.client.send(new SendTaskSuccessCommand({ taskToken: tokens[1], output: '"yes"' }));
  expect(outputOf(await opened.ended(arn))).toBe("yes");
  expect(ran("flaky")).toBe(2);
});

test("a task that was given up before its next attempt begins anew, with another token", async () => {
  await open();
  const arn = await opened.begin("resting");
  await until(async () => typesOf(await opened.history(arn)).includes("TaskFailed"), { what: "the failure" });
  await opened.stop();

  await open();
  await until(async () => (await submissions(arn)) === 1, { what: "the attempt after the restart" });
  const send = (taskToken: string | undefined, output: string) =>
    opened.client.send(new SendTaskSuccessCommand({ taskToken, output }));
  await expect(send(tokens[0], '"late"')).rejects.toMatchObject({ name: "TaskTimedOut" });
  await send(tokens[1], '"yes"');
  expect(outputOf(await opened.ended(arn))).toBe("yes");
  expect(ran("flaky")).toBe(2);
});

test("a state that was completed as a part of its history was stored is not run again", async () => {
  await open();
  // Four events with the input are more than a history keeps in memory: the last one is the exit of the task.
  const arn = await opened.begin("long", "x".repeat(250_000));
  await until(() => ran("hang") === 1, { what: "the task after it" });
  await opened.stop();
  release();

  await open();
  await until(() => ran("hang") === 2, { what: "the task after it, again" });
  release();
  expect(await opened.ended(arn)).toMatchObject({ status: "SUCCEEDED" });
  expect(ran("first")).toBe(1);
  const events = await opened.history(arn);
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
  expect(typesOf(events).filter((type) => type === "TaskStateEntered")).toHaveLength(2);
});

test("an execution whose time is over after the restart enters no state any more", async () => {
  await open(MACHINES, { timeoutSeconds: 600 });
  const arn = await opened.begin("steps");
  await until(() => ran("hang") === 1, { what: "the second task" });
  await opened.stop();
  release();
  change("UPDATE executions SET started_at = started_at - 600000");

  await open(MACHINES, { timeoutSeconds: 600 });
  expect(await opened.ended(arn)).toMatchObject({ status: "TIMED_OUT" });
  expect(ran("hang")).toBe(1);
});

test("status changes that were not published are published", async () => {
  await open(MACHINES, {
    publish: () => {
      throw new Error("the bus is gone");
    },
  });
  const arn = await opened.begin("token");
  await opened.client.send(new StopExecutionCommand({ executionArn: arn }));
  await opened.stop();

  const published: StatusChange[] = [];
  await open(MACHINES, { publish: (event) => published.push(event) });
  expect(published).toMatchObject([{ resources: [arn], detail: { status: "ABORTED" } }]);
});

test("a name is free again 90 days after its execution has ended, and not before", async () => {
  await open({ pass: one(done) });
  const arn = await opened.begin("pass", {}, "old");
  await opened.ended(arn);
  const age = (days: number) => change(`UPDATE executions SET stopped_at = ${Date.now() - days * 24 * 3_600_000}`);
  age(89.9);
  await expect(opened.begin("pass", {}, "old")).rejects.toMatchObject({ name: "ExecutionAlreadyExists" });
  age(90.1);
  expect(await opened.begin("pass", { again: true }, "old")).toBe(arn);
  await opened.ended(arn);
  expect(typesOf(await opened.history(arn))).toHaveLength(4);

  age(90.1);
  await opened.stop();
  await open({ pass: one(done) });
  await expect(opened.describe(arn)).rejects.toMatchObject({ name: "ExecutionDoesNotExist" });
});
