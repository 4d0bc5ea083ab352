import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  PublishStateMachineVersionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from "@aws-sdk/client-sfn";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Faults } from "../../local/faults.ts";
import type { InvokeResult } from "../../local/invoke.ts";
import { type Machine, type StatusChange, type StepFunctions, startStepFunctions } from "../../local/step-functions.ts";
import { ACCOUNT, done, MACHINES, machineArn, machines, one, REGION, task } from "./machines.ts";
import { until } from "./until.ts";

let dir: string;
let engine: StepFunctions;
let client: SFNClient;
let calls: { functionName: string; payload: unknown }[] = [];
let hanging: ((result: InvokeResult) => void)[] = [];
let flaky = 0;
const faults = new Faults();
const published: StatusChange[] = [];

const invoke = async (functionName: string, payload: unknown): Promise<InvokeResult> => {
  calls.push({ functionName, payload });
  switch (functionName) {
    case "echo":
      return { payload };
    case "fail":
      return { functionError: { errorType: "Conflict", errorMessage: "taken" } };
    case "flaky":
      flaky += 1;
      return flaky < 3 ? { functionError: { errorType: "Conflict", errorMessage: "taken" } } : { payload: flaky };
    case "hang":
      return new Promise((resolve) => hanging.push(resolve));
    case "large":
      return { payload: "x".repeat(300_000) };
    default:
      throw Object.assign(new Error(`Function not found: ${functionName}`), { name: "ResourceNotFoundException" });
  }
};

const start = async (folder: string, given: readonly Machine[] = machines) =>
  startStepFunctions({
    dir: folder,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    machines: given,
    invoke,
    publish: (event) => published.push(event),
    faults,
    retryScale: 0.01,
    log: (message, details) => console.error(message, details),
  });
const clientOf = (url: string) =>
  new SFNClient({
    endpoint: url,
    region: REGION,
    maxAttempts: 1,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });

const begin = (machine: string, input: unknown = {}, name?: string) =>
  client.send(
    new StartExecutionCommand({
      stateMachineArn: machineArn(machine),
      input: JSON.stringify(input),
      ...(name ? { name } : {}),
    }),
  );
const describeExecution = (executionArn: string | undefined) =>
  client.send(new DescribeExecutionCommand({ executionArn }));
const ended = (executionArn: string | undefined) =>
  until(
    async () => {
      const execution = await describeExecution(executionArn);
      return execution.status === "RUNNING" ? undefined : execution;
    },
    { what: "the execution to end" },
  );
const run = async (machine: string, input: unknown = {}) => ended((await begin(machine, input)).executionArn);
const outputOf = (execution: { output?: string | undefined }) => JSON.parse(execution.output ?? "null");
const callsOf = (functionName: string) => calls.filter((call) => call.functionName === functionName);
const release = () => {
  for (const resolve of hanging) resolve({ payload: "late" });
  hanging = [];
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "step-functions-"));
  engine = await start(dir);
  client = clientOf(engine.url);
});
afterAll(async () => {
  release();
  client.destroy();
  await engine.close();
  await rm(dir, { recursive: true });
});

describe("an execution", () => {
  test.each([
    { machine: "echo", input: { a: 1 }, output: { input: { a: 1 } }, note: "invokes the function with the payload" },
    { machine: "function-arn", input: { a: 1 }, output: { a: 1 }, note: "a function's ARN as the resource" },
    {
      machine: "invoke-arn",
      input: 1,
      output: { StatusCode: 200, ExecutedVersion: "$LATEST", Payload: { input: 1 } },
      note: "the answer of lambda:invoke",
    },
    { machine: "caught", input: { a: 1 }, output: { a: 1, failure: expect.anything() }, note: "Catch by errorType" },
    { machine: "task-timeout", input: {}, output: "handled", note: "Catch of States.Timeout" },
    { machine: "waits", input: { pause: 4 }, output: { pause: 4 }, note: "scaled waits keep the input" },
    {
      machine: "map",
      input: { items: ["a", "b"] },
      output: [{ input: { index: 0, item: "a" } }, { input: { index: 1, item: "b" } }],
      note: "tasks within a Map",
    },
    {
      machine: "origin",
      input: { items: [1, 2], of: "both" },
      output: [
        { of: "both", item: 1 },
        { of: "both", item: 2 },
      ],
      note: "the execution's own input within a Map",
    },
    { machine: "map", input: { items: [] }, output: [], note: "a Map over nothing" },
    { machine: "absent", input: {}, output: "absent", note: "IsPresent: false" },
    { machine: "absent", input: { x: 1 }, output: "other", note: "IsNull: false and IsString: false" },
    { machine: "falsy", input: { x: 1 }, output: false, note: "a falsy Result, and ResultPath $" },
  ])("$machine: $note", async ({ machine, input, output }) => {
    const execution = await run(machine, input);

    expect(execution).toMatchObject({ status: "SUCCEEDED" });
    expect(outputOf(execution)).toEqual(output);
  });

  test.each([
    {
      machine: "fails",
      error: "Conflict",
      cause: JSON.stringify({ errorType: "Conflict", errorMessage: "taken" }),
      note: "a function's error",
    },
    {
      machine: "missing",
      error: "Lambda.ResourceNotFoundException",
      cause: "Function not found: no-such-function",
      note: "",
    },
    { machine: "fail-state", error: "Refused", cause: "because", note: "a Fail state" },
    { machine: "bare-fail", error: undefined, cause: undefined, note: "a Fail state without words" },
    {
      machine: "large",
      error: "States.DataLimitExceeded",
      cause: expect.any(String),
      note: "which States.ALL does not catch",
    },
    { machine: "no-path", error: "States.Runtime", cause: expect.any(String), note: "a path to nothing" },
  ])("$machine fails with $error $note", async ({ machine, error, cause }) => {
    const execution = await run(machine);

    expect(execution.status).toBe("FAILED");
    expect(execution.error).toEqual(error);
    expect(execution.cause).toEqual(cause);
    expect(execution.stopDate).toBeInstanceOf(Date);
  });

  test("is retried until its function succeeds", async () => {
    flaky = 0;
    expect(outputOf(await run("retry-ok"))).toBe(3);
  });

  test("is retried MaxAttempts times and then fails", async () => {
    calls = [];
    expect((await run("retry-out")).error).toBe("Conflict");
    expect(callsOf("fail")).toHaveLength(3);
  });

  test("gives a Parallel branch the execution's own input and name", async () => {
    const { executionArn } = await begin("parallel", { a: 1 }, "named");
    expect(outputOf(await ended(executionArn))).toEqual([{ input: { a: 1 } }, { origin: { a: 1 }, name: "named" }]);
  });

  test("knows its context", async () => {
    const { executionArn, startDate } = await begin("context", {}, "known");
    expect(outputOf(await ended(executionArn))).toEqual({
      id: executionArn,
      name: "known",
      start: startDate?.toISOString(),
      machine: "context",
      machineId: machineArn("context"),
    });
  });

  test("does not share its payload with the function", async () => {
    calls = [];
    await run("echo", { list: [1] });
    const [call] = calls;
    expect(call?.payload).toEqual({ input: { list: [1] } });
  });

  test("that exceeds the machine's time is TIMED_OUT and invokes nothing more", async () => {
    calls = [];
    const execution = await run("machine-timeout");
    release();
    await engine.idle();

    expect(execution.status).toBe("TIMED_OUT");
    expect(callsOf("echo")).toEqual([]);
  });
});

describe("StopExecution", () => {
  test("ends the execution as ABORTED with its error and cause, and invokes nothing more", async () => {
    calls = [];
    const { executionArn } = await begin("hang");
    await until(() => hanging.length > 0, { what: "the task to run" });
    const { stopDate } = await client.send(
      new StopExecutionCommand({ executionArn, error: "Enough", cause: "said so" }),
    );
    release();

    const execution = await describeExecution(executionArn);
    expect(execution).toMatchObject({ status: "ABORTED", error: "Enough", cause: "said so", stopDate });
    await engine.idle();
    expect(callsOf("echo")).toEqual([]);
  });

  test("during the pause of a retry does not fire the remaining attempts", async () => {
    calls = [];
    const { executionArn } = await begin("wait-retry");
    await until(() => callsOf("fail").length > 0, { what: "the first attempt" });
    await client.send(new StopExecutionCommand({ executionArn }));
    await engine.idle();

    expect((await describeExecution(executionArn)).status).toBe("ABORTED");
    expect(callsOf("fail")).toHaveLength(1);
  });

  test("of an ended execution changes nothing", async () => {
    const before = await run("echo");
    const { stopDate } = await client.send(new StopExecutionCommand({ executionArn: before.executionArn }));

    expect(stopDate).toEqual(before.stopDate);
    expect((await describeExecution(before.executionArn)).status).toBe("SUCCEEDED");
  });
});

describe("StartExecution", () => {
  test("of a running name with the same input answers the same", async () => {
    const first = await begin("hang", { a: 1 }, "twice");
    const second = await begin("hang", { a: 1 }, "twice");
    expect(second.executionArn).toBe(first.executionArn);
    expect(second.startDate).toEqual(first.startDate);
    await expect(begin("hang", { a: 2 }, "twice")).rejects.toMatchObject({ name: "ExecutionAlreadyExists" });
    await client.send(new StopExecutionCommand({ executionArn: first.executionArn }));
  });

  test("takes 80 characters, and no name and no input", async () => {
    await expect(begin("echo", {}, "x".repeat(80))).resolves.toBeDefined();
    const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn: machineArn("echo") }));
    expect(executionArn).toMatch(/:execution:echo:[0-9a-f-]{36}$/);
    expect((await ended(executionArn)).input).toBe("{}");
  });

  test("meets an armed fault once", async () => {
    faults.arm({
      kind: "error",
      operation: "states:StartExecution",
      code: "ThrottlingException",
      status: 400,
      times: 1,
    });
    await expect(begin("echo")).rejects.toMatchObject({ name: "ThrottlingException" });
    await expect(begin("echo")).resolves.toBeDefined();
  });
});

describe("the other operations", () => {
  test("ListExecutions pages from the newest, and filters by status", async () => {
    const names = ["list-1", "list-2", "list-3"];
    for (const name of names) await ended((await begin("falsy", {}, name)).executionArn);
    const request = { stateMachineArn: machineArn("falsy"), maxResults: 2 };
    const first = await client.send(new ListExecutionsCommand(request));
    const second = await client.send(new ListExecutionsCommand({ ...request, nextToken: first.nextToken }));
    const failed = await client.send(new ListExecutionsCommand({ ...request, statusFilter: "FAILED" }));

    expect(first.executions?.map(({ name }) => name)).toEqual(["list-3", "list-2"]);
    expect(second.executions?.map(({ name }) => name)).toContain("list-1");
    expect(failed.executions).toEqual([]);
  });

  test("GetExecutionHistory tells the states in order, and backwards", async () => {
    const { executionArn } = await run("caught", { a: 1 });
    const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
    const back = await client.send(new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 1 }));

    expect(events.map(({ type }) => type)).toEqual([
      "ExecutionStarted",
      "TaskStateEntered",
      "TaskScheduled",
      "TaskStarted",
      "TaskFailed",
      "TaskStateExited",
      "PassStateEntered",
      "PassStateExited",
      "ExecutionSucceeded",
    ]);
    expect(events[4]?.taskFailedEventDetails).toMatchObject({ error: "Conflict" });
    expect(back.events?.map(({ type }) => type)).toEqual(["ExecutionSucceeded"]);
    expect(back.nextToken).toBeDefined();
  });

  test("DescribeStateMachine and ListStateMachines", async () => {
    const described = await client.send(new DescribeStateMachineCommand({ stateMachineArn: machineArn("echo") }));
    const listed = await client.send(new ListStateMachinesCommand({}));

    expect(JSON.parse(described.definition ?? "")).toEqual(MACHINES.echo);
    expect(listed.stateMachines).toHaveLength(machines.length);
  });

  test("what is not done here says so", async () => {
    const command = new PublishStateMachineVersionCommand({ stateMachineArn: machineArn("echo") });
    await expect(client.send(command)).rejects.toMatchObject({
      name: "NotImplementedException",
      $metadata: { httpStatusCode: 501 },
    });
  });

  test("status changes are published as EventBridge has them", async () => {
    const { executionArn } = await run("fail-state", { a: 1 });
    const changes = published.filter((event) => event.resources[0] === executionArn);

    expect(changes.map(({ detail }) => detail)).toMatchObject([
      { status: "RUNNING", stopDate: null, input: '{"a":1}', executionArn, stateMachineArn: machineArn("fail-state") },
      { status: "FAILED", error: "Refused", cause: "because", stopDate: expect.any(Number) },
    ]);
    expect(changes[0]).toMatchObject({ source: "aws.states", "detail-type": "Step Functions Execution Status Change" });
  });

  test("200 executions at once all end", async () => {
    const started = await Promise.all(Array.from({ length: 200 }, (_, i) => begin("map", { items: [i, i + 1] })));
    await engine.idle();
    const statuses = await Promise.all(
      started.map(async ({ executionArn }) => (await describeExecution(executionArn)).status),
    );
    expect(new Set(statuses)).toEqual(new Set(["SUCCEEDED"]));
  });
});

describe("a definition that would run differently than on AWS", () => {
  test.each([
    { note: "JSONata", definition: { ...one(done), QueryLanguage: "JSONata" } },
    { note: "variables", definition: one({ ...done, Assign: { x: 1 } }) },
    { note: "an ItemReader", definition: one({ Type: "Map", ItemReader: {}, ItemProcessor: one(done), End: true }) },
    {
      note: "another service",
      definition: one({ Type: "Task", Resource: "arn:aws:states:::sqs:sendMessage", End: true }),
    },
    {
      note: "a parameter of lambda:invoke that would change what it does",
      definition: one({
        Type: "Task",
        Resource: "arn:aws:states:::lambda:invoke",
        Parameters: { FunctionName: "echo", InvocationType: "Event" },
        End: true,
      }),
    },
    {
      note: "ToleratedFailureCount of an inline Map",
      definition: one({
        Type: "Map",
        ToleratedFailureCount: 1,
        ItemProcessor: { StartAt: "Each", States: { Each: done } },
        End: true,
      }),
    },
    {
      note: "a heartbeat as long as the timeout",
      definition: one(task("echo", { HeartbeatSeconds: 5, TimeoutSeconds: 5, End: true })),
    },
    { note: "what asl-validator finds", definition: one({ Type: "Pass", Next: "Nowhere" }) },
    { note: "a name twice", definition: one({ Type: "Map", ItemProcessor: one(done), End: true }) },
    { note: "no such start", definition: { StartAt: "None", States: { First: done } } },
  ])("is refused at the start: $note", async ({ definition }) => {
    await expect(start(dir, [{ name: "refused", definition }])).rejects.toMatchObject({
      name: "UnsupportedDefinition",
    });
  });
});
