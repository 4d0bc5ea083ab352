import { describe, expect, test } from "vitest";
import { ACCOUNT, entry, REGION, rule, useWorld } from "./support.ts";

const { world, start, payloads } = useWorld();

describe("PutEvents", () => {
  test("delivers the envelope to the rule's function", async () => {
    const { events, put } = await start();
    const { Entries = [], FailedEntryCount } = await put(
      entry({ Resources: ["arn:x"], Time: new Date("2026-01-02T03:04:05.678Z") }),
    );
    await events.idle();

    expect(FailedEntryCount).toBe(0);
    expect(world.calls).toEqual([
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

    expect(world.calls.map(({ functionName }) => functionName).toSorted()).toEqual(["second", "work"]);
  });

  test("an event for a bus that does not exist is accepted, as on AWS, and the log tells", async () => {
    const told: unknown[] = [];
    const { events, put } = await start([rule()], { log: (message, details) => told.push({ message, ...details }) });
    expect(await put(entry({ EventBusName: "nowhere" }))).toMatchObject({ FailedEntryCount: 0 });
    await events.idle();

    expect(world.calls).toEqual([]);
    expect(told).toEqual([{ message: expect.stringContaining("does not exist"), bus: "nowhere" }]);
  });

  test("a bus needs no rule to exist", async () => {
    const told: unknown[] = [];
    const { events, put } = await start([rule()], { buses: ["quiet"], log: (message) => told.push(message) });
    expect(await put(entry({ EventBusName: "quiet" }))).toMatchObject({ FailedEntryCount: 0 });
    await events.idle();

    expect(told).toEqual([]);
  });

  test("an event that no rule matches is accepted", async () => {
    const { events, put } = await start();
    const { Entries = [] } = await put(entry({ Source: "elsewhere" }));
    await events.idle();

    expect(Entries[0]?.EventId).toMatch(/^[0-9a-f-]{36}$/);
    expect(world.calls).toEqual([]);
  });

  test.each([
    { EventBusName: "orders", note: "by name" },
    { EventBusName: `arn:aws:events:${REGION}:${ACCOUNT}:event-bus/orders`, note: "by ARN" },
  ])("reaches the rules of its bus only, $note", async ({ EventBusName }) => {
    const { events, put } = await start([rule(), rule({ name: "custom", bus: "orders", functionName: "custom" })]);
    await put(entry({ EventBusName }));
    await events.idle();

    expect(world.calls.map(({ functionName }) => functionName)).toEqual(["custom"]);
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
    expect(world.calls).toEqual([]);
  });

  test("meets an armed fault once", async () => {
    const { put } = await start();
    world.faults.arm({
      kind: "error",
      operation: "events:PutEvents",
      code: "ThrottlingException",
      status: 400,
      times: 1,
    });
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
