import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Faults } from "../../local/faults.ts";
import { withinLimits } from "../../local/lambda/limits.ts";
import { type Lambda, type LambdaOptions, startLambda } from "../../local/lambda.ts";
import { until } from "./until.ts";

const MB = 1024 ** 2;
const REQUEST = "RequestId: [0-9a-f-]{36} Error:";

const declared = (name: string, module: string, variables: Record<string, string>, timeoutSeconds = 20) => ({
  name,
  module: `tests/local/handlers/${module}`,
  environment: [],
  timeoutSeconds,
  memoryMb: 128,
  variables,
});
const FUNCTIONS = [
  declared("first", "tell", { STAGE: "first" }),
  declared("second", "tell", { STAGE: "second" }),
  declared("slow", "tell", {}, 1),
  declared("counts", "count", {}),
  declared("misbehaves", "misbehave", {}),
  declared("streams", "stream", { STAGE: "streaming" }),
  declared("streams-briefly", "stream", {}, 1),
];

describe.each([{ cold: false }, { cold: true }])("cold: $cold", ({ cold }) => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-lambda-"));
  const faults = new Faults();
  let lambda: Lambda;

  const start = (more: Partial<LambdaOptions> = {}) =>
    startLambda({
      region: "eu-west-1",
      accountId: "123456789012",
      logFile: join(dir, "functions.jsonl"),
      faults,
      functions: FUNCTIONS,
      cold,
      ...more,
    });
  beforeAll(() => {
    lambda = start();
  });
  afterAll(async () => {
    await lambda.close();
    rmSync(dir, { recursive: true });
  });

  const tell = async (name: string, event: object) => {
    const result = await lambda.invoke(name, event);
    return "payload" in result ? result.payload : result.functionError;
  };
  const printed = (text: string) =>
    until(() => readFileSync(join(dir, "functions.jsonl"), "utf8").includes(text), { what: `${text} in the log` });
  /** The lines that are not in the log when all is closed. */
  const lostOf = async (lines: readonly string[]): Promise<string[]> => {
    await lambda.close();
    lambda = start();
    const log = readFileSync(join(dir, "functions.jsonl"), "utf8");
    return lines.filter((line) => !log.includes(`${line}\n`));
  };
  const readAll = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
    let read = "";
    for await (const chunk of body) read += Buffer.from(chunk).toString().replaceAll(".", "");
    return read;
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

    test("finds its modules as it left them if warm, and new ones if cold", async () => {
      const counts = [await tell("counts", {}), await tell("counts", {}), await tell("counts", {})];
      expect(counts).toEqual(cold ? [1, 1, 1] : [1, 2, 3]);
    });

    test("is called by name or ARN, with JSON in and out", async () => {
      const arn = "arn:aws:lambda:eu-west-1:123456789012:function:first";
      expect(await tell(arn, { echo: { when: new Date(0), nothing: undefined } })).toEqual({
        when: "1970-01-01T00:00:00.000Z",
      });
      expect(await tell("first", {})).toBeNull();
    });

    test("that does not exist is not found", async () => {
      await expect(lambda.invoke("nobody", {})).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    });

    test("reports an error by its name, message and stack", async () => {
      expect(await tell("first", { fail: "Throttled" })).toMatchObject({
        errorType: "Throttled",
        errorMessage: "failed",
        trace: expect.arrayContaining([expect.stringContaining("tell.ts")]),
      });
      expect(await tell("misbehaves", { how: "text" })).toEqual({
        errorType: "string",
        errorMessage: "only text",
        trace: [],
      });
    });

    test("is cut off when its time is over", async () => {
      expect(await tell("slow", { hang: true })).toMatchObject({
        errorType: "Sandbox.Timedout",
        errorMessage: expect.stringMatching(`^${REQUEST} Task timed out after 1.00 seconds$`),
      });
    });

    test.each([
      { how: "rejection", errorType: "Runtime.UnhandledPromiseRejection", says: "^Error: nobody looks$" },
      { how: "exception", errorType: "TypeError", says: "^thrown by a timer$" },
      { how: "exit", errorType: "Runtime.ExitError", says: `^${REQUEST} Runtime exited with error: exit status 3$` },
      {
        how: "exit later",
        errorType: "Runtime.ExitError",
        says: `^${REQUEST} Runtime exited without providing a reason$`,
      },
    ])("that ends its process ($how) fails alone", async ({ how, errorType, says }) => {
      const [failed, other] = await Promise.all([tell("misbehaves", { how }), tell("misbehaves", {})]);
      expect(failed).toMatchObject({ errorType, errorMessage: expect.stringMatching(says) });
      expect(other).toBe("well behaved");
    });

    test("may fail after its answer, to no one's harm", async () => {
      expect(await tell("misbehaves", { how: "late rejection" })).toBe("done");
      if (!cold) await printed("too late to matter");
      expect(await tell("first", { echo: 1 })).toBe(1);
    });

    test.runIf(cold)("that takes more memory than it has is killed alone", async () => {
      expect(await tell("misbehaves", { how: "memory" })).toMatchObject({
        errorType: "Runtime.ExitError",
        errorMessage: expect.stringMatching(`^${REQUEST} Runtime exited with error: signal: killed$`),
      });
    });

    test("may take and give 6 MB, counted in bytes, and no more", async () => {
      // Two bytes each, in half as many characters.
      const most = Math.floor((6 * MB - JSON.stringify({ echo: "" }).length) / 2);
      expect(await tell("first", { echo: "ä".repeat(most) })).toHaveLength(most);
      await expect(lambda.invoke("first", { echo: "ä".repeat(most + 1) })).rejects.toMatchObject({
        name: "RequestTooLargeException",
      });
      expect(await tell("first", { give: 6_291_554 })).toHaveLength(6_291_554);
      expect(await tell("first", { give: 6_291_555 })).toMatchObject({
        errorType: "Function.ResponseSizeTooLarge",
        errorMessage: expect.stringContaining("6291556"),
      });
    });

    test("prints to the functions' log and not to the terminal", async () => {
      await tell("first", { print: ["a line of its own"] });
      await printed("a line of its own");
    });

    test.each(["succeeds", "fails"])("that %s has all that it printed in the log", async (how) => {
      const print = Array.from({ length: 20 }, (_, i) => `line ${i} of one that ${how}`);
      await tell("first", { print, ...(how === "fails" && { fail: "Told" }) });
      expect(await lostOf(print)).toEqual([]);
    });

    test.each(["rejection", "exception", "exit"])(
      "that ends its process (%s) has all that it printed in the log",
      async (how) => {
        const print = Array.from({ length: 20 }, (_, i) => `line ${i} before the ${how}`);
        await tell("misbehaves", { how, print });
        expect(await lostOf(print)).toEqual([]);
      },
    );

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

    test("fails as a whole before its head, and breaks off after it", async () => {
      const failing = (fail: string) => lambda.invokeStreaming("streams", { pieces: 2, fail });
      await expect(failing("before")).rejects.toMatchObject({ name: "RangeError", message: "failed before" });
      const { status, body } = await failing("within");
      expect(status).toBe(206);
      await expect(readAll(body)).rejects.toThrow();
    });

    test("breaks off when its time is over", async () => {
      const { body } = await lambda.invokeStreaming("streams-briefly", { pieces: 2, hang: true });
      await expect(readAll(body)).rejects.toThrow("Task timed out after 1.00 seconds");
    });

    test("whose answer nobody reads is let go", async () => {
      const { body } = await lambda.invokeStreaming("streams", { pieces: 1_000 });
      for await (const _ of body) break;
      expect(await tell("first", { echo: 1 })).toBe(1);
    });

    test("breaks off after as many bytes as it may stream", async () => {
      await lambda.close();
      lambda = start({ streamingLimits: { burstBytes: MB, bytesPerSecond: MB, maxBytes: 300_000 } });
      const within = await lambda.invokeStreaming("streams", { pieces: 2 });
      expect(await readAll(within.body)).toBe("streaming".repeat(2));
      const beyond = await lambda.invokeStreaming("streams", { pieces: 3 });
      await expect(readAll(beyond.body)).rejects.toThrow("300000 bytes");
    });

    test("meets faults as others do", async () => {
      faults.arm({ kind: "throttling", operation: "lambda:streams", times: 1 });
      await expect(lambda.invokeStreaming("streams", { pieces: 1 })).rejects.toMatchObject({
        name: "TooManyRequestsException",
      });
    });
  });
});

describe("the rate of a stream", () => {
  /** Time goes on only while someone waits. */
  const fakeClock = () => {
    let at = 0;
    return {
      now: () => at,
      pause: async (milliseconds: number) => {
        at += milliseconds;
      },
    };
  };
  async function* chunks(count: number, bytes: number) {
    for (let i = 0; i < count; i += 1) yield new Uint8Array(bytes);
  }

  test("is free for the first bytes and limited for those after", async () => {
    const clock = fakeClock();
    const limits = { burstBytes: 6 * MB, bytesPerSecond: 2 * MB, maxBytes: 200 * MB };
    const times: number[] = [];
    let bytes = 0;
    for await (const piece of withinLimits(chunks(10, MB), limits, clock)) {
      bytes += piece.length;
      if (bytes % MB === 0) times.push(clock.now());
    }
    expect(bytes).toBe(10 * MB);
    expect(times.map(Math.round)).toEqual([0, 0, 0, 0, 0, 0, 500, 1_000, 1_500, 2_000]);
  });

  test("makes a slow function no slower", async () => {
    const clock = fakeClock();
    async function* slow() {
      for (let i = 0; i < 4; i += 1) {
        await clock.pause(1_000);
        yield new Uint8Array(1_000);
      }
    }
    const limits = { burstBytes: 1_000, bytesPerSecond: 2_000, maxBytes: MB };
    for await (const _ of withinLimits(slow(), limits, clock)) {
      // Only the time it takes is of interest.
    }
    expect(clock.now()).toBe(4_500);
  });
});

describe("a function that AWS would refuse", () => {
  const base = declared("good", "tell", {});
  test.each([
    { note: "no time", wrong: { timeoutSeconds: 0 }, why: "time-out" },
    { note: "more than 15 minutes", wrong: { timeoutSeconds: 901 }, why: "time-out" },
    { note: "half a second", wrong: { timeoutSeconds: 0.5 }, why: "time-out" },
    { note: "64 MB", wrong: { memoryMb: 64 }, why: "memory" },
    { note: "11 GB", wrong: { memoryMb: 11_264 }, why: "memory" },
    { note: "a long name", wrong: { name: "x".repeat(65) }, why: "name" },
    { note: "a variable with a dash", wrong: { variables: { "A-B": "" } }, why: "A-B" },
    { note: "variables of more than 4 KB", wrong: { variables: { LARGE: "ä".repeat(2_048) } }, why: "4096" },
  ])("for $note is refused at the start", ({ wrong, why }) => {
    const starting = () =>
      startLambda({
        region: "eu-west-1",
        accountId: "123456789012",
        logFile: "/dev/null",
        faults: new Faults(),
        functions: [{ ...base, ...wrong }],
      });
    expect(starting).toThrow(RangeError);
    expect(starting).toThrow(why);
  });
});
