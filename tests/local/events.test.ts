import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListRulesCommand,
  PutEventsCommand,
  type PutEventsRequestEntry,
  PutRuleCommand,
} from "@aws-sdk/client-eventbridge";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DeadLetters, openDeadLetters } from "../../local/dead-letters.ts";
import { parseSchedule } from "../../local/events/schedule.ts";
import { type Events, type EventsOptions, type Rule, startEvents } from "../../local/events.ts";
import { Faults } from "../../local/faults.ts";
import type { InvokeResult } from "../../local/invoke.ts";
import { until } from "./until.ts";

const REGION = "eu-central-1";
const ACCOUNT = "123456789012";

let dir: string;
let deadLetters: DeadLetters;
let running: { events: Events; client: EventBridgeClient }[];
let calls: { functionName: string; payload: unknown }[];
let answer: (functionName: string) => InvokeResult | Promise<InvokeResult>;
const faults = new Faults();

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "events-"));
  deadLetters = openDeadLetters(dir);
  running = [];
  calls = [];
  answer = () => ({ payload: null });
});
afterEach(async () => {
  for (const { events, client } of running) {
    client.destroy();
    await events.close();
  }
  deadLetters.close();
  await rm(dir, { recursive: true });
});

const rule = (rest: Partial<Rule> = {}): Rule => ({
  name: "ordered",
  bus: "default",
  functionName: "work",
  ...(rest.schedule === undefined ? { pattern: { source: ["shop"] } } : {}),
  ...rest,
});

const start = async (rules: readonly Rule[] = [rule()], more: Partial<EventsOptions> = {}) => {
  const events = await startEvents({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    rules,
    invoke: async (functionName, payload) => {
      calls.push({ functionName, payload });
      return answer(functionName);
    },
    faults,
    deadLetters,
    log: () => undefined,
    ...more,
  });
  const client = new EventBridgeClient({
    endpoint: events.url,
    region: REGION,
    maxAttempts: 1,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  running.push({ events, client });
  const put = (...Entries: PutEventsRequestEntry[]) => client.send(new PutEventsCommand({ Entries }));
  return { events, client, put };
};

const entry = (rest: Partial<PutEventsRequestEntry> = {}): PutEventsRequestEntry => ({
  Source: "shop",
  DetailType: "order.created",
  Detail: JSON.stringify({ id: 1 }),
  ...rest,
});
const payloads = () => calls.map(({ payload }) => payload as Record<string, unknown>);

describe("PutEvents", () => {
  test("delivers the envelope to the rule's function", async () => {
    const { events, put } = await start();
    const { Entries = [], FailedEntryCount } = await put(
      entry({ Resources: ["arn:x"], Time: new Date("2026-01-02T03:04:05.678Z") }),
    );
    await events.idle();

    expect(FailedEntryCount).toBe(0);
    expect(calls).toEqual([
      {
        functionName: "work",
        payload: {
          version: "0",
          id: Entries[0]?.EventId,
          "detail-type": "order.created",
          source: "shop",
          account: ACCOUNT,
          time: "2026-01-02T03:04:05Z",
          region: REGION,
          resources: ["arn:x"],
          detail: { id: 1 },
        },
      },
    ]);
  });

  test("delivers to every rule that matches, and to no other", async () => {
    const { events, put } = await start([
      rule(),
      rule({ name: "second", functionName: "second", pattern: { "detail-type": [{ prefix: "order." }] } }),
      rule({ name: "other", functionName: "other", pattern: { detail: { id: [2] } } }),
    ]);
    await put(entry());
    await events.idle();

    expect(calls.map(({ functionName }) => functionName).toSorted()).toEqual(["second", "work"]);
  });

  test("an event that no rule matches is accepted", async () => {
    const { events, put } = await start();
    const { Entries = [] } = await put(entry({ Source: "elsewhere" }));
    await events.idle();

    expect(Entries[0]?.EventId).toMatch(/^[0-9a-f-]{36}$/);
    expect(calls).toEqual([]);
  });

  test.each([
    { EventBusName: "orders", note: "by name" },
    { EventBusName: `arn:aws:events:${REGION}:${ACCOUNT}:event-bus/orders`, note: "by ARN" },
  ])("reaches the rules of its bus only, $note", async ({ EventBusName }) => {
    const { events, put } = await start([rule(), rule({ name: "custom", bus: "orders", functionName: "custom" })]);
    await put(entry({ EventBusName }));
    await events.idle();

    expect(calls.map(({ functionName }) => functionName)).toEqual(["custom"]);
  });

  test("gives the rule's input in the event's place", async () => {
    const { events, put } = await start([rule({ input: { fixed: true } })]);
    await put(entry());
    await events.idle();

    expect(payloads()).toEqual([{ fixed: true }]);
  });

  test.each([
    { note: "no source", rest: { Source: undefined }, code: "InvalidArgument" },
    { note: "no detail type", rest: { DetailType: undefined }, code: "InvalidArgument" },
    { note: "no detail", rest: { Detail: undefined }, code: "InvalidArgument" },
    { note: "a detail that is no JSON", rest: { Detail: "{" }, code: "MalformedDetail" },
    { note: "a detail that is no object", rest: { Detail: "[1]" }, code: "MalformedDetail" },
    { note: "a source of AWS", rest: { Source: "aws.iot" }, code: "NotAuthorizedForSourceException" },
  ])("an entry with $note fails alone", async ({ rest, code }) => {
    const { events, put } = await start();
    const { Entries, FailedEntryCount } = await put(entry(), { ...entry(), ...rest }, entry());
    await events.idle();

    expect(FailedEntryCount).toBe(1);
    expect(Entries).toEqual([
      { EventId: expect.any(String) },
      { ErrorCode: code, ErrorMessage: expect.any(String) },
      { EventId: expect.any(String) },
    ]);
    expect(payloads().map(({ id }) => id)).toEqual([Entries?.[0]?.EventId, Entries?.[2]?.EventId]);
  });

  test.each([
    { note: "no entries", entries: [] },
    { note: "eleven entries", entries: Array.from({ length: 11 }, () => entry()) },
    {
      note: "more than 1 MB",
      entries: Array.from({ length: 2 }, () => entry({ Detail: JSON.stringify({ x: "x".repeat(600_000) }) })),
    },
  ])("a request with $note is refused", async ({ entries }) => {
    const { put } = await start();
    await expect(put(...entries)).rejects.toMatchObject({ name: "ValidationException" });
    expect(calls).toEqual([]);
  });

  test("meets an armed fault once", async () => {
    const { put } = await start();
    faults.arm({ kind: "error", operation: "events:PutEvents", code: "ThrottlingException", status: 400, times: 1 });
    await expect(put(entry())).rejects.toMatchObject({ name: "ThrottlingException" });
    await expect(put(entry())).resolves.toMatchObject({ FailedEntryCount: 0 });
  });
});

describe("publish", () => {
  test("puts an AWS service's event on the default bus", async () => {
    const { events } = await start([rule({ pattern: { source: ["aws.states"] } })]);
    events.publish({
      source: "aws.states",
      "detail-type": "Changed",
      resources: ["arn:y"],
      detail: { status: "FAILED" },
    });
    await events.idle();

    expect(payloads()).toMatchObject([{ source: "aws.states", resources: ["arn:y"], detail: { status: "FAILED" } }]);
  });
});

describe("delivery", () => {
  test("is tried again after a failure, with the same event", async () => {
    let left = 2;
    answer = () => {
      left -= 1;
      if (left === 1) throw new Error("no capacity");
      return left >= 0 ? { functionError: { errorType: "Error", errorMessage: "no" } } : { payload: null };
    };
    const { events, put } = await start();
    await put(entry());
    await events.idle();

    expect(calls).toHaveLength(3);
    expect(new Set(payloads().map(({ id }) => id)).size).toBe(1);
    expect(deadLetters.list()).toEqual([]);
  });

  test("ends in the dead letter queue after three attempts", async () => {
    answer = () => ({ functionError: { errorType: "Conflict", errorMessage: "taken" } });
    const { events, put } = await start([rule({ deadLetterQueue: "dead" })]);
    const { Entries = [] } = await put(entry());
    await events.idle();

    expect(calls).toHaveLength(3);
    expect(deadLetters.list("dead").map(({ body }) => body)).toMatchObject([
      {
        requestContext: {
          functionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:work`,
          condition: "RetriesExhausted",
          approximateInvokeCount: 3,
        },
        requestPayload: { id: Entries[0]?.EventId },
        responsePayload: { errorType: "Conflict", errorMessage: "taken" },
      },
    ]);
  });

  test("that fails holds up no other", async () => {
    answer = (functionName) =>
      functionName === "bad" ? { functionError: { errorType: "Error", errorMessage: "no" } } : { payload: null };
    const { events, put } = await start([rule({ name: "bad", functionName: "bad" }), rule()]);
    await put(entry(), entry());
    await until(() => calls.filter(({ functionName }) => functionName === "work").length === 2, { what: "both" });
    await events.idle();

    expect(deadLetters.list("bad-dead-letters")).toHaveLength(2);
  });

  test("happens after a restart if it had not before", async () => {
    answer = () => new Promise(() => undefined);
    const first = await start();
    const { Entries = [] } = await first.put(entry());
    await until(() => calls.length === 1, { what: "the first try" });
    await first.events.close();
    calls = [];
    answer = () => ({ payload: null });
    const second = await start();
    await second.events.idle();
    await second.events.close();
    const third = await start();
    await third.events.idle();

    expect(payloads()).toMatchObject([{ id: Entries[0]?.EventId }]);
  });

  test("of 500 events loses none", async () => {
    const { events, put } = await start();
    const requests = Array.from({ length: 50 }, (_, i) =>
      put(...Array.from({ length: 10 }, (_, j) => entry({ Detail: JSON.stringify({ n: i * 10 + j }) }))),
    );
    await Promise.all(requests);
    await events.idle();

    expect(new Set(payloads().map(({ detail }) => JSON.stringify(detail))).size).toBe(500);
    expect(calls).toHaveLength(500);
  });
});

describe("rules", () => {
  test("are listed and described", async () => {
    const { client } = await start([rule(), rule({ name: "sweep", schedule: "rate(5 minutes)" })]);
    const { Rules = [] } = await client.send(new ListRulesCommand({}));
    const { Rules: prefixed = [] } = await client.send(new ListRulesCommand({ NamePrefix: "sw" }));
    const described = await client.send(new DescribeRuleCommand({ Name: "ordered" }));

    expect(Rules.map(({ Name }) => Name)).toEqual(["ordered", "sweep"]);
    expect(prefixed).toMatchObject([{ Name: "sweep", ScheduleExpression: "rate(5 minutes)", State: "ENABLED" }]);
    expect(JSON.parse(described.EventPattern ?? "")).toEqual({ source: ["shop"] });
    expect(described.Arn).toBe(`arn:aws:events:${REGION}:${ACCOUNT}:rule/ordered`);
  });

  test("that do not exist are not described, and none are made", async () => {
    const { client } = await start();
    await expect(client.send(new DescribeRuleCommand({ Name: "none" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    await expect(client.send(new PutRuleCommand({ Name: "new" }))).rejects.toMatchObject({
      name: "NotImplementedException",
      $metadata: { httpStatusCode: 501 },
    });
  });

  test.each([
    { note: "a malformed pattern", given: rule({ pattern: { source: "shop" } }) },
    { note: "a malformed schedule", given: rule({ schedule: "rate(1 minutes)" }) },
    { note: "a pattern and a schedule", given: rule({ schedule: "rate(1 minute)", pattern: {} }) },
  ])("with $note are refused at the start", async ({ given }) => {
    await expect(start([given])).rejects.toThrow();
  });
});

describe("a schedule", () => {
  const sweep = rule({ name: "sweep", functionName: "sweep", schedule: "rate(1 minute)" });
  const scheduleScale = 0.001;

  test("runs its function again and again with a Scheduled Event", async () => {
    await start([sweep], { scheduleScale });
    await until(() => calls.length >= 3, { what: "three runs" });

    expect(payloads()[0]).toMatchObject({
      source: "aws.events",
      "detail-type": "Scheduled Event",
      resources: [`arn:aws:events:${REGION}:${ACCOUNT}:rule/sweep`],
      detail: {},
    });
    expect(new Set(payloads().map(({ id }) => id)).size).toBe(calls.length);
  });

  test("never overlaps itself", async () => {
    const other = { ...sweep, name: "other", functionName: "other" };
    let release: () => void = () => undefined;
    answer = (functionName) =>
      functionName === "other"
        ? { payload: null }
        : new Promise((resolve) => {
            release = () => resolve({ payload: null });
          });
    await start([sweep, other], { scheduleScale });
    const runsOf = (name: string) => calls.filter(({ functionName }) => functionName === name).length;
    await until(() => runsOf("other") >= 4, { what: "the other schedule to go on" });

    expect(runsOf("sweep")).toBe(1);
    release();
    await until(() => runsOf("sweep") === 2, { what: "the next run" });
    release();
  });

  test.each([
    { schedule: "rate(1 minute)", after: "2026-01-01T00:00:30Z", next: "2026-01-01T00:01:30.000Z" },
    { schedule: "rate(2 days)", after: "2026-01-01T00:00:00Z", next: "2026-01-03T00:00:00.000Z" },
    { schedule: "cron(0 12 * * ? *)", after: "2026-01-01T11:59:59Z", next: "2026-01-01T12:00:00.000Z" },
    { schedule: "cron(0 12 * * ? *)", after: "2026-01-01T12:00:00Z", next: "2026-01-02T12:00:00.000Z" },
    { schedule: "cron(0/15 * * * ? *)", after: "2026-01-01T00:16:00Z", next: "2026-01-01T00:30:00.000Z" },
    { schedule: "cron(*/20 8-9 * * ? *)", after: "2026-01-01T09:41:00Z", next: "2026-01-02T08:00:00.000Z" },
    { schedule: "cron(30 6 ? * MON-FRI *)", after: "2026-01-02T07:00:00Z", next: "2026-01-05T06:30:00.000Z" },
    { schedule: "cron(0 0 1 JAN,JUL ? *)", after: "2026-01-01T00:00:00Z", next: "2026-07-01T00:00:00.000Z" },
    { schedule: "cron(0 0 29 2 ? *)", after: "2026-01-01T00:00:00Z", next: "2028-02-29T00:00:00.000Z" },
  ])("$schedule after $after is due at $next", ({ schedule, after, next }) => {
    expect(new Date(parseSchedule(schedule)(Date.parse(after))).toISOString()).toBe(next);
  });

  test("in the past is never due", () => {
    expect(parseSchedule("cron(0 0 1 1 ? 2020)")(Date.parse("2026-01-01T00:00:00Z"))).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    "every minute",
    "rate(0 minutes)",
    "rate(1 minutes)",
    "rate(5 minute)",
    "rate(1 second)",
    "cron(0 12 * * *)",
    "cron(0 12 * * * *)",
    "cron(60 12 * * ? *)",
    "cron(0 12 L * ? *)",
  ])("%s is refused", (schedule) => {
    expect(() => parseSchedule(schedule)).toThrow(expect.objectContaining({ name: "InvalidSchedule" }));
  });
});
