import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, expect, test } from "vitest";
import { machineArn, REGION } from "../machines.ts";
import { until } from "../until.ts";

const SCRIPT = join(import.meta.dirname, "killed-engine.ts");
let dir: string;
let log: string;
let child: ChildProcess | undefined;
let client: SFNClient;

const boot = async (): Promise<void> => {
  const started = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", SCRIPT, join(dir, "data"), log], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child = started;
  const [endpoint] = (await once(createInterface({ input: started.stdout }), "line")) as [string];
  client = new SFNClient({ endpoint, region: REGION, credentials: { accessKeyId: "a", secretAccessKey: "b" } });
};
const kill = async (): Promise<void> => {
  client.destroy();
  const ended = once(child as ChildProcess, "exit");
  child?.kill("SIGKILL");
  await ended;
};
const lines = (): string[] => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
/** Kills the engine when so many more tasks have begun, or all of them, and boots it again. */
const killAfter = async (tasks: number, all: number): Promise<void> => {
  const awaited = Math.min(lines().length + tasks, all);
  await until(() => lines().length >= awaited, { what: `${tasks} more tasks`, deadlineMs: 20_000 });
  await kill();
  await boot();
};
const ended = (executionArn: string | undefined) =>
  until(
    async () => {
      const execution = await client.send(new DescribeExecutionCommand({ executionArn }));
      return execution.status === "RUNNING" ? undefined : execution;
    },
    { what: `the end of ${executionArn}`, deadlineMs: 30_000 },
  );

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "step-functions-killed-"));
  log = join(dir, "tasks");
  await boot();
});
afterEach(async () => {
  await kill();
  rmSync(dir, { recursive: true });
});

test("executions end whenever the process is killed, and no state that was completed runs again", async () => {
  const names = Array.from({ length: 30 }, (_, index) => `execution-${index}`);
  const arns = await Promise.all(
    names.map(async (name) => {
      const command = new StartExecutionCommand({ stateMachineArn: machineArn("steps"), name, input: '{"a":1}' });
      return (await client.send(command)).executionArn;
    }),
  );
  const kills = [7, 25, 12, 31];
  for (const tasks of kills) await killAfter(tasks, names.length * 5);

  for (const arn of arns) expect(await ended(arn)).toMatchObject({ status: "SUCCEEDED" });
  const ran = Map.groupBy(lines(), (line) => line.split(" ")[0]);
  for (const name of names) {
    const states = (ran.get(name) ?? []).map((line) => line.split(" ")[1] ?? "");
    // What began after a state was completed: never that state again.
    expect(states, name).toEqual([...states].sort());
    expect(new Set(states).size, name).toBe(5);
  }
  expect(lines().length).toBeLessThanOrEqual(names.length * (5 + kills.length));

  const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn: arns[0], maxResults: 100 }));
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
  expect(events.map(({ previousEventId }) => previousEventId)).toEqual([0, 0, ...events.slice(2).map((_, i) => i + 2)]);
  expect(events.filter(({ type }) => type === "TaskStateExited")).toHaveLength(5);
  expect(events.at(-1)?.type).toBe("ExecutionSucceeded");
});

test("a Map Run goes on with the children that are not done", async () => {
  const items = Array.from({ length: 80 }, (_, index) => index);
  const command = new StartExecutionCommand({
    stateMachineArn: machineArn("children"),
    input: JSON.stringify({ items }),
  });
  const { executionArn } = await client.send(command);
  const kills = [20, 35, 15];
  for (const tasks of kills) await killAfter(tasks, items.length * 2);

  const execution = await ended(executionArn);
  expect(execution.status).toBe("SUCCEEDED");
  expect(JSON.parse(execution.output ?? "")).toHaveLength(items.length);
  const ran = Map.groupBy(lines(), (line) => line.split(" ")[0]);
  for (const item of items) {
    const states = (ran.get(String(item)) ?? []).map((line) => line.split(" ")[1]);
    // A child, too, goes on behind the state that it has completed.
    expect(states.join(" "), `item ${item}`).toMatch(/^(Item ?)+(Again ?)+$/);
  }
  // Only the four that ran when the process was killed may have run once more.
  expect(lines().length).toBeLessThanOrEqual(items.length * 2 + kills.length * 4);
});
