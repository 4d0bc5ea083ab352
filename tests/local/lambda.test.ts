import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Faults } from "../../local/faults.ts";
import { type Lambda, startLambda } from "../../local/lambda.ts";
import { until } from "./until.ts";

const dir = mkdtempSync(join(tmpdir(), "slipway-lambda-"));
const faults = new Faults();
let lambda: Lambda;

const declared = (name: string, module: string, variables: Record<string, string>, timeoutSeconds = 5) => ({
  name,
  module: `tests/local/handlers/${module}`,
  environment: [],
  timeoutSeconds,
  memoryMb: 128,
  variables,
});

beforeAll(() => {
  lambda = startLambda({
    region: "eu-west-1",
    accountId: "123456789012",
    logFile: join(dir, "functions.jsonl"),
    faults,
    functions: [
      declared("first", "tell", { STAGE: "first" }),
      declared("second", "tell", { STAGE: "second" }),
      declared("slow", "tell", {}, 0.05),
      declared("streams", "stream", { STAGE: "streaming" }),
    ],
  });
});

afterAll(async () => {
  await lambda.close();
  rmSync(dir, { recursive: true });
});

const tell = async (name: string, event: object) => {
  const result = await lambda.invoke(name, event);
  return "payload" in result ? result.payload : result.functionError;
};

describe("a function", () => {
  test("sees its own variables and no others, also while another one runs", async () => {
    const own = (name: string) => tell(name, { read: ["STAGE", "PATH"] });
    expect(await Promise.all([own("first"), own("second"), own("first")])).toEqual([
      { STAGE: "first" },
      { STAGE: "second" },
      { STAGE: "first" },
    ]);
    expect(process.env.STAGE).toBeUndefined();
  });

  test("is called by name or ARN, with JSON in and out", async () => {
    const arn = "arn:aws:lambda:eu-west-1:123456789012:function:first";
    expect(await tell(arn, { echo: { when: new Date(0), nothing: undefined } })).toEqual({
      when: "1970-01-01T00:00:00.000Z",
    });
  });

  test("that does not exist is not found", async () => {
    await expect(lambda.invoke("nobody", {})).rejects.toMatchObject({ name: "ResourceNotFoundException" });
  });

  test("reports an error by its name and message", async () => {
    expect(await tell("first", { fail: "Throttled" })).toMatchObject({
      errorType: "Throttled",
      errorMessage: "failed",
    });
  });

  test("is cut off when its time is over", async () => {
    expect(await tell("slow", { hang: true })).toMatchObject({
      errorType: "Sandbox.Timedout",
      errorMessage: "Task timed out after 0.05 seconds",
    });
  });

  test("may take and give 6 MB, and no more", async () => {
    await expect(lambda.invoke("first", { large: "x".repeat(6_300_000) })).rejects.toMatchObject({
      name: "RequestTooLargeException",
    });
    expect(await tell("first", { give: 6_300_000 })).toMatchObject({ errorType: "Function.ResponseSizeTooLarge" });
  });

  test("prints to the functions' log and not to the terminal", async () => {
    await tell("first", { print: "a line of its own" });
    const log = join(dir, "functions.jsonl");
    await until(() => readFileSync(log, "utf8").includes("a line of its own"), { what: "the line in the log" });
  });

  test("fails by an injected fault as often as was asked for", async () => {
    faults.arm({ kind: "error", operation: "lambda:second", code: "Busy", status: 500, times: 1 });
    expect(await tell("second", {})).toMatchObject({ errorType: "Busy" });
    expect(await tell("second", { echo: 1 })).toBe(1);
  });
});

describe("a function that streams", () => {
  test("sends status and headers with its first write, and stays in its environment while it is read", async () => {
    const { status, headers, body } = await lambda.invokeStreaming("streams", { pieces: 64 });
    expect([status, headers["content-type"]]).toEqual([206, "text/plain"]);
    let read = "";
    // A slow reader: the stream is full whenever it comes, and its reading is what lets the function go on.
    for await (const chunk of body) {
      await new Promise((resolve) => setImmediate(resolve));
      read += Buffer.from(chunk).toString().replaceAll(".", "");
    }
    expect(read).toBe("streaming".repeat(64));
  });

  test("that writes nothing has sent neither, as on AWS", async () => {
    const { status, headers } = await lambda.invokeStreaming("streams", { pieces: 0 });
    expect([status, headers["content-type"]]).toEqual([200, "application/octet-stream"]);
  });
});
