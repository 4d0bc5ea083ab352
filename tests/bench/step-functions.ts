import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import { Faults } from "../../local/faults.ts";
import type { Invoke } from "../../local/invoke.ts";
import { startStepFunctions } from "../../local/step-functions.ts";
import { percentile, type Row } from "./report.ts";

const REGION = "eu-central-1";
const ACCOUNT = "123456789012";
const TASKS = ["One", "Two", "Three", "Four", "Five"];

const definition = {
  StartAt: "One",
  States: Object.fromEntries(
    TASKS.map((name, index) => [
      name,
      {
        Type: "Task",
        Resource: "arn:aws:states:::lambda:invoke",
        Parameters: { FunctionName: name, Payload: { "id.$": "$.id" } },
        ResultSelector: { "value.$": "$.Payload" },
        ResultPath: "$.result",
        ...(index + 1 < TASKS.length ? { Next: TASKS[index + 1] } : { End: true }),
      },
    ]),
  ),
};

const invoke: Invoke = async (_, payload) => {
  await setImmediate();
  return { payload };
};

/** The engine alone: executions of five tasks that do nothing, beside the same calls in a bare loop. */
export const benchStepFunctions = async (count: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const engine = await startStepFunctions({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    machines: [{ name: "five", definition }],
    invoke,
    publish: () => {},
    faults: new Faults(),
    log: (message, details) => process.stderr.write(`${message} ${JSON.stringify(details)}\n`),
  });
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new SFNClient({ endpoint: engine.url, region: REGION, credentials });
  const stateMachineArn = `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:five`;
  const start = async (id: number): Promise<string> => {
    const { executionArn = "" } = await client.send(
      new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ id }) }),
    );
    return executionArn;
  };
  const lane = async (ids: Iterator<number>): Promise<void> => {
    for (let next = ids.next(); !next.done; next = ids.next()) await start(next.value);
  };
  try {
    for (let warm = 0; warm < 100; warm += 1) await start(warm);
    await engine.idle();

    const alone: number[] = [];
    for (let id = 0; id < count / 4; id += 1) {
      const from = performance.now();
      const executionArn = await start(id);
      await engine.idle();
      alone.push(performance.now() - from);
      const { status } = await client.send(new DescribeExecutionCommand({ executionArn }));
      if (status !== "SUCCEEDED") throw new Error(`${executionArn} is ${status}`);
    }

    const before = performance.now();
    const ids = Array.from({ length: count }, (_, id) => id).values();
    await Promise.all(Array.from({ length: 32 }, () => lane(ids)));
    await engine.idle();
    const seconds = (performance.now() - before) / 1_000;

    const bare = performance.now();
    const loop = async () => {
      for (const name of TASKS) await invoke(name, {});
    };
    for (let done = 0; done < count; done += 32) await Promise.all(Array.from({ length: 32 }, loop));
    const bareSeconds = (performance.now() - bare) / 1_000;
    return [
      { name: "Step Functions: start to SUCCEEDED, 5 tasks, p50", value: percentile(alone, 0.5), unit: "ms" },
      { name: "Step Functions: executions of 5 tasks, concurrency 32", value: count / seconds, unit: "/s" },
      { name: "the same 5 calls in a bare loop", value: count / bareSeconds, unit: "/s" },
    ];
  } finally {
    client.destroy();
    await engine.close();
    rmSync(dir, { recursive: true, force: true });
  }
};
