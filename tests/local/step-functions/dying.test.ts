import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from "@aws-sdk/client-sfn";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Invoke } from "../../../local/invoke.ts";
import { openDatabase } from "../../../local/sqlite.ts";
import { type Fields, machineArn, one, REGION, task } from "../machines.ts";
import { until } from "../until.ts";
import { type Opened, openEngine, outputOf } from "./engine.ts";

const SCRIPT = join(import.meta.dirname, "dying-engine.ts");
const distributed = (Label: string, state: Fields, rest: Fields = {}): Fields => ({
  Type: "Map",
  Label,
  ItemProcessor: {
    ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
    StartAt: Label,
    States: { [Label]: state },
  },
  End: true,
  ...rest,
});
const MACHINES = {
  nested: one(distributed("outer", distributed("inner", task("hold")))),
  retried: one({
    Type: "Parallel",
    Branches: [
      { StartAt: "Refuse", States: { Refuse: task("refuse") } },
      { StartAt: "Items", States: { Items: distributed("each", task("hold"), { MaxConcurrency: 2 }) } },
    ],
    OutputPath: "$[1]",
    Retry: [{ ErrorEquals: ["Refused"], IntervalSeconds: 1 }],
    End: true,
  }),
  token: one({
    Type: "Task",
    Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken",
    Parameters: { FunctionName: "hold", Payload: { "input.$": "$$.Task.Token" } },
    End: true,
  }),
};

interface Call {
  readonly name: string;
  readonly payload: { readonly input: unknown };
}

let dir: string;
let calls: Call[];
let opened: Opened | undefined;

/** Runs an execution until so many functions were called, and has the engine killed at the `write`-th write after that. */
const dieAt = async (
  write: number,
  { machine, input, awaited }: { machine: string; input: unknown; awaited: number },
  act: (client: SFNClient, executionArn: string | undefined, calls: readonly Call[]) => Promise<unknown>,
): Promise<string | undefined> => {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", SCRIPT, dir, JSON.stringify(MACHINES)],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const exit = once(child, "exit");
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  const called = (): Call[] => lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  try {
    const endpoint = await until(() => lines.find((line) => line.startsWith("http")), { what: "the engine" });
    const credentials = { accessKeyId: "a", secretAccessKey: "b" };
    const client = new SFNClient({ endpoint, region: REGION, maxAttempts: 1, credentials });
    const start = { stateMachineArn: machineArn(machine), input: JSON.stringify(input) };
    const { executionArn } = await client.send(new StartExecutionCommand(start));
    await until(() => called().length === awaited, { what: `${awaited} calls` });
    child.stdin.write(`${write}\n`);
    await until(() => lines.includes("armed"), { what: "the order to die" });
    // It may be cut off by the death, and it may be answered just before that.
    const [[, signal]] = await Promise.all([exit, act(client, executionArn, called()).catch(() => undefined)]);
    expect(signal, `write ${write}`).toBe("SIGKILL");
    client.destroy();
    return executionArn;
  } finally {
    child.kill("SIGKILL");
    await exit;
  }
};
const reopen = async (invoke: Invoke): Promise<Opened> => {
  opened = await openEngine({ machines: MACHINES, dir, invoke });
  return opened;
};
const hold: Invoke = async (name, payload) => {
  calls.push({ name, payload: payload as Call["payload"] });
  return new Promise(() => {});
};
const succeed: Invoke = async (name, payload) => {
  calls.push({ name, payload: payload as Call["payload"] });
  return { payload: (payload as Call["payload"]).input };
};
/** What would never end: children that run in a Map Run that is over, or were aborted in one that is not; and such runs. */
const contradictions = () => {
  const database = openDatabase(join(dir, "step-functions.db"), "");
  const rows = database
    .prepare(
      `SELECT m.status AS run, e.status AS child FROM map_runs m JOIN executions e ON e.map_run = m.position
       WHERE (e.status = 'RUNNING' AND m.status <> 'RUNNING') OR (e.status = 'ABORTED' AND m.status = 'RUNNING')
       UNION ALL
       SELECT m.status, e.status FROM map_runs m JOIN executions e ON e.position = m.execution
       WHERE m.status = 'RUNNING' AND e.status <> 'RUNNING'`,
    )
    .all();
  database.close();
  return rows;
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "step-functions-dying-"));
  calls = [];
});
afterEach(async () => {
  await opened?.stop();
  opened = undefined;
  rmSync(dir, { recursive: true });
});

// The first write is the note of the stop, the last one that its status is published.
test.each(Array.from({ length: 22 }, (_, index) => index + 1))(
  "an execution that was told to stop ends ABORTED with all that runs in it: killed at write %i",
  async (write) => {
    const arn = await dieAt(write, { machine: "nested", input: [["a"]], awaited: 1 }, (client, executionArn) =>
      client.send(new StopExecutionCommand({ executionArn, error: "Enough", cause: "said the test" })),
    );
    expect(contradictions()).toEqual([]);
    const { client, describe, ended } = await reopen(hold);
    if (write === 1) {
      // Nobody was told that it was stopped: it goes on.
      await until(() => calls.length === 1, { what: "the task, again" });
      expect(await describe(arn)).toMatchObject({ status: "RUNNING" });
      return;
    }
    expect(await ended(arn)).toMatchObject({ status: "ABORTED", error: "Enough", cause: "said the test" });
    expect(calls).toEqual([]);
    const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn: arn }));
    const { executions = [] } = await client.send(new ListExecutionsCommand({ mapRunArn: mapRuns[0]?.mapRunArn }));
    expect(executions.map(({ status }) => status)).toEqual(["ABORTED"]);
    expect(contradictions()).toEqual([]);
  },
);

// The first ten writes abort the Map Run, the others begin that of the next attempt.
test.each(Array.from({ length: 18 }, (_, index) => index + 1))(
  "a Map Run that is aborted with its state, to be retried, loses no child: killed at write %i",
  async (write) => {
    const items = ["done", "b", "c", "d"];
    const arn = await dieAt(write, { machine: "retried", input: items, awaited: 4 }, async () => {});
    expect(contradictions()).toEqual([]);
    const { ended, client } = await reopen(succeed);
    expect(outputOf(await ended(arn))).toEqual(items);
    const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn: arn }));
    const statuses = mapRuns.map(({ mapRunArn }) => client.send(new DescribeMapRunCommand({ mapRunArn })));
    expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual(
      mapRuns.length === 1 ? ["SUCCEEDED"] : ["SUCCEEDED", "ABORTED"],
    );
    const inputs = calls.filter(({ name }) => name === "hold").map(({ payload }) => payload.input);
    // What was done in the run that goes on is not done again.
    expect(inputs.sort()).toEqual(mapRuns.length === 1 ? ["b", "c", "d"] : items.sort());
    expect(contradictions()).toEqual([]);
  },
);

test.each([2, 3])(
  "a callback that came before its function had ended is not asked for again: killed at write %i",
  async (write) => {
    const arn = await dieAt(write, { machine: "token", input: {}, awaited: 1 }, (client, _, [call]) =>
      client.send(new SendTaskSuccessCommand({ taskToken: String(call?.payload.input), output: '"yes"' })),
    );
    const { ended } = await reopen(succeed);
    expect(outputOf(await ended(arn))).toBe("yes");
    expect(calls).toEqual([]);
  },
);
