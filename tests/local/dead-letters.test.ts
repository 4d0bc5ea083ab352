import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startReplays, summaryOf } from "../../local/dead-letter-replays.ts";
import { type DeadLetters, openDeadLetters } from "../../local/dead-letters.ts";
import type { InvokeResult } from "../../local/invoke.ts";
import { until } from "./until.ts";

const DLQ = join(import.meta.dirname, "../../local/dlq.ts");

let dir: string;
let deadLetters: DeadLetters;
let running: { close(): void }[];
let calls: { functionName: string; payload: unknown }[];
let answer: () => InvokeResult | Promise<InvokeResult>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "dead-letters-"));
  deadLetters = openDeadLetters(dir);
  running = [];
  calls = [];
  answer = () => ({ payload: null });
});
afterEach(async () => {
  for (const replays of running) replays.close();
  deadLetters.close();
  await rm(dir, { recursive: true });
});

const RECORDS = [{ eventID: "1" }, { eventID: "2" }];
const failed = { errorType: "Conflict", errorMessage: "taken\nby another" };
const streamLetter = (queue = "stream") =>
  deadLetters.put(queue, {
    functionName: "work",
    requestContext: { condition: "RetryAttemptsExhausted" },
    responsePayload: failed,
    records: RECORDS,
  });
const eventLetter = (queue = "event") =>
  deadLetters.put(queue, {
    functionName: "hear",
    requestContext: { condition: "RetriesExhausted" },
    responsePayload: failed,
    requestPayload: { id: "an event" },
  });

/** What the embedded cloud does of it: it says where it is, and replays. */
const startCloud = async () => {
  await writeFile(join(dir, "endpoints.json"), JSON.stringify({ pid: process.pid }));
  const letters = openDeadLetters(dir);
  const replays = startReplays({
    deadLetters: letters,
    invoke: async (functionName, payload) => {
      calls.push({ functionName, payload });
      return answer();
    },
    log: () => undefined,
  });
  const close = () => {
    replays.close();
    letters.close();
  };
  running.push({ close });
  return {
    close: () => {
      running = [];
      close();
    },
  };
};

const dlq = async (...args: string[]) => {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", DLQ, "--data", dir, ...args]);
  const text = { out: "", err: "" };
  child.stdout.on("data", (chunk) => {
    text.out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    text.err += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...text };
};
const ids = () => deadLetters.list().map(({ messageId }) => messageId);

describe("listing", () => {
  test("gives a line of JSON each, oldest first, of one queue if it is named", async () => {
    const [first, second] = [streamLetter(), eventLetter()];
    const { code, out } = await dlq();
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { messageId: string });

    expect(code).toBe(0);
    expect(lines.map(({ messageId }) => messageId)).toEqual([first, second]);
    expect(JSON.parse((await dlq("list", "--queue", "event", "--json")).out)).toMatchObject({ messageId: second });
  });

  test("says in short what went wrong", () => {
    streamLetter();
    eventLetter();
    deadLetters.put("queue", "no message of ours");
    expect(deadLetters.list().map(summaryOf)).toEqual([
      { condition: "RetryAttemptsExhausted", functionName: "work", records: 2, error: "Conflict: taken" },
      { condition: "RetriesExhausted", functionName: "hear", records: 1, error: "Conflict: taken" },
      { condition: "", functionName: "", records: 1, error: "" },
    ]);
  });

  test("shows one message by the start of its id, and deletes it", async () => {
    const id = streamLetter();
    eventLetter();
    expect(JSON.parse((await dlq("show", id.slice(0, 8))).out)).toMatchObject({ messageId: id });
    expect(await dlq("delete", id)).toMatchObject({ code: 0, out: `${id} deleted\n` });
    expect(ids()).not.toContain(id);
    expect(await dlq("show", id)).toMatchObject({ code: 1, err: `there is no message ${id}\n` });
  });

  test.each([[["replay"]], [["show"]], [["delete"]], [["list", "x"]], [["explode"]], [["--nonsense"]]])(
    "%o is refused with the usage",
    async (args) => {
      const { code, err } = await dlq(...args);
      expect(code).toBe(2);
      expect(err).toContain("Usage:");
    },
  );
});

describe("replaying", () => {
  test("gives the function the records again, or the event, and removes what succeeded", async () => {
    await startCloud();
    const [first, second] = [streamLetter(), eventLetter()];
    expect(await dlq("replay", "--all")).toMatchObject({ code: 0, out: `${first} replayed\n${second} replayed\n` });

    expect(calls).toEqual([
      { functionName: "work", payload: { Records: RECORDS } },
      { functionName: "hear", payload: { id: "an event" } },
    ]);
    expect(ids()).toEqual([]);
  });

  test("takes just what was asked for", async () => {
    await startCloud();
    const [first, , third, fourth] = [streamLetter(), streamLetter(), eventLetter(), eventLetter()];
    await dlq("replay", first);
    await dlq("replay", "--queue", "event");

    expect(calls).toHaveLength(3);
    expect(ids()).toHaveLength(1);
    expect(ids()).not.toContain(third);
    expect(ids()).not.toContain(fourth);
  });

  test.each([
    { note: "fails again", result: { functionError: failed }, why: "Conflict: taken" },
    {
      note: "reports a record",
      result: { payload: { batchItemFailures: [{ itemIdentifier: "1" }] } },
      why: "1 of 2 records",
    },
    { note: "answers no report but text", result: { payload: "ok" }, why: "no report" },
    { note: "answers no report but a list", result: { payload: [] }, why: "no report" },
    { note: "reports no list", result: { payload: { batchItemFailures: "x" } }, why: "no report" },
    { note: "reports a record without its number", result: { payload: { batchItemFailures: [{}] } }, why: "no report" },
  ])("keeps what $note, and says why", async ({ result, why }) => {
    answer = () => result;
    await startCloud();
    const id = streamLetter();
    const { code, out } = await dlq("replay", id);

    expect(code).toBe(1);
    expect(out).toContain(why);
    expect(ids()).toEqual([id]);
    answer = () => ({ payload: { batchItemFailures: [] } });
    expect(await dlq("replay", id)).toMatchObject({ code: 0 });
    expect(ids()).toEqual([]);
  });

  test("takes any answer to an event for success", async () => {
    answer = () => ({ payload: "ok" });
    await startCloud();
    expect(await dlq("replay", eventLetter())).toMatchObject({ code: 0 });
    expect(ids()).toEqual([]);
  });

  test("leaves alone what is withdrawn or deleted before its turn comes", async () => {
    const [first, withdrawn, deleted, last] = [streamLetter(), streamLetter(), streamLetter(), eventLetter()];
    answer = () => {
      if (calls.length > 1) return { payload: null };
      deadLetters.withdrawReplay(withdrawn);
      deadLetters.remove(deleted);
      return { payload: null };
    };
    for (const id of [first, withdrawn, deleted, last]) deadLetters.requestReplay(id);
    await startCloud();
    await until(() => deadLetters.replayOf(last)?.state === "done", { what: "the last replay" });

    expect(calls.map(({ functionName }) => functionName)).toEqual(["work", "hear"]);
    expect(ids()).toEqual([withdrawn]);
    expect(deadLetters.replayOf(withdrawn)).toBeUndefined();
    expect(deadLetters.replayOf(deleted)).toBeUndefined();
  });

  test("begins only what is asked for and there, one that a killed process left behind as well", () => {
    const id = streamLetter();
    expect(deadLetters.beginReplay(id)).toBe(false);
    deadLetters.requestReplay(id);
    expect([deadLetters.beginReplay(id), deadLetters.beginReplay(id)]).toEqual([true, true]);
    deadLetters.remove(id);
    expect(deadLetters.beginReplay(id)).toBe(false);
  });

  test("goes on when it is asked for again, and begins anew once it has failed", () => {
    const id = streamLetter();
    deadLetters.requestReplay(id);
    deadLetters.beginReplay(id);
    deadLetters.requestReplay(id);
    expect(deadLetters.replayOf(id)).toMatchObject({ state: "running" });
    expect(deadLetters.withdrawReplay(id)).toBe(false);
    deadLetters.endReplay(id, "no");
    deadLetters.requestReplay(id);
    expect(deadLetters.replayOf(id)).toEqual({ state: "requested", error: null });
  });

  test("ends for who waits when another one takes the request back", async () => {
    await writeFile(join(dir, "endpoints.json"), JSON.stringify({ pid: process.pid }));
    const id = streamLetter();
    const waiting = dlq("replay", id);
    await until(() => deadLetters.withdrawReplay(id), { what: "the request" });

    expect(await waiting).toMatchObject({ code: 1, out: `${id} kept: the request was withdrawn\n` });
  });

  test("keeps what cannot be replayed", async () => {
    await startCloud();
    const id = deadLetters.put("queue", { unknown: true });
    expect(await dlq("replay", id)).toMatchObject({ code: 1, out: expect.stringContaining("which function") });
    expect(ids()).toEqual([id]);
  });

  test("needs a running cloud: none was started, or it was killed", async () => {
    const id = streamLetter();
    expect(await dlq("replay", id)).toMatchObject({ code: 1, err: expect.stringContaining("npm start") });
    const gone = spawn(process.execPath, ["-e", ""]);
    await new Promise((resolve) => gone.once("close", resolve));
    await writeFile(join(dir, "endpoints.json"), JSON.stringify({ pid: gone.pid }));
    expect(await dlq("replay", id)).toMatchObject({ code: 1, err: expect.stringContaining("npm start") });

    expect(deadLetters.replayOf(id)).toBeUndefined();
    expect(ids()).toEqual([id]);
  });

  test("that was under way when the cloud went is taken up by the next", async () => {
    answer = () => new Promise(() => undefined);
    const first = await startCloud();
    const id = streamLetter();
    deadLetters.requestReplay(id);
    await until(() => calls.length === 1, { what: "the replay to begin" });
    expect(deadLetters.withdrawReplay(id)).toBe(false);
    first.close();
    answer = () => ({ payload: null });
    await startCloud();
    await until(() => ids().length === 0, { what: "the replay to end" });

    expect(calls).toHaveLength(2);
    expect(deadLetters.replayOf(id)).toMatchObject({ state: "done" });
  });
});
