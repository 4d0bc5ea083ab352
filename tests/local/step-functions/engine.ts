import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  SFNClient,
  StartExecutionCommand,
} from "@aws-sdk/client-sfn";
import { Faults } from "../../../local/faults.ts";
import type { Invoke } from "../../../local/invoke.ts";
import {
  type Machine,
  type StatusChange,
  type StepFunctionsOptions,
  startStepFunctions,
} from "../../../local/step-functions.ts";
import { ACCOUNT, machineArn, REGION } from "../machines.ts";
import { until } from "../until.ts";

/** An engine on a folder, its real client, and what the tests ask of both all the time. */
export const openEngine = async (options: {
  machines: Readonly<Record<string, object>>;
  invoke: Invoke;
  dir?: string;
  s3?: S3Client;
  mayMap?: StepFunctionsOptions["mayMap"];
  publish?: (event: StatusChange) => void;
  faults?: Faults;
  timeoutSeconds?: number;
}) => {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "step-functions-"));
  const machines: Machine[] = Object.entries(options.machines).map(([name, definition]) => ({
    name,
    definition,
    ...(options.timeoutSeconds === undefined ? {} : { timeoutSeconds: options.timeoutSeconds }),
  }));
  const engine = await startStepFunctions({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    machines,
    invoke: options.invoke,
    publish: options.publish ?? (() => {}),
    faults: options.faults ?? new Faults(),
    retryScale: 0.01,
    log: (message, details) => console.error(message, details),
    ...(options.s3 === undefined ? {} : { s3: options.s3 }),
    mayMap: options.mayMap,
  });
  const client = new SFNClient({
    endpoint: engine.url,
    region: REGION,
    maxAttempts: 1,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });

  const begin = async (machine: string, input: unknown = {}, name?: string): Promise<string> => {
    const { executionArn = "" } = await client.send(
      new StartExecutionCommand({
        stateMachineArn: machineArn(machine),
        input: JSON.stringify(input),
        ...(name === undefined ? {} : { name }),
      }),
    );
    return executionArn;
  };
  const describe = (executionArn: string | undefined) => client.send(new DescribeExecutionCommand({ executionArn }));
  const ended = (executionArn: string | undefined, deadlineMs = 20_000) =>
    until(
      async () => {
        const execution = await describe(executionArn);
        return execution.status === "RUNNING" ? undefined : execution;
      },
      { what: `the end of ${executionArn}`, deadlineMs },
    );
  const run = async (machine: string, input: unknown = {}) => ended(await begin(machine, input));
  const history = async (executionArn: string | undefined): Promise<HistoryEvent[]> => {
    const events: HistoryEvent[] = [];
    let nextToken: string | undefined;
    do {
      const page = await client.send(new GetExecutionHistoryCommand({ executionArn, nextToken, maxResults: 1000 }));
      events.push(...(page.events ?? []));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return events;
  };
  /** Ends the engine; the folder stays, for the next one. */
  const stop = async () => {
    client.destroy();
    await engine.close();
  };
  const close = async () => {
    await stop();
    rmSync(dir, { recursive: true });
  };
  return { engine, client, dir, begin, describe, ended, run, history, stop, close };
};

export type Opened = Awaited<ReturnType<typeof openEngine>>;
export const outputOf = (execution: { output?: string | undefined }) => JSON.parse(execution.output ?? "null");
export const typesOf = (events: readonly HistoryEvent[]) => events.map(({ type }) => type);
