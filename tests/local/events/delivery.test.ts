import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { until } from "../until.ts";
import { ACCOUNT, entry, REGION, rule, useWorld } from "./support.ts";

const { world, start, payloads } = useWorld();

describe("delivery", () => {
  test("is tried again after a failure, with the same event", async () => {
    let left = 2;
    world.answer = () => {
      left -= 1;
      if (left === 1) throw new Error("no capacity");
      return left >= 0 ? { functionError: { errorType: "Error", errorMessage: "no" } } : { payload: null };
    };
    const { events, put } = await start();
    await put(entry());
    await events.idle();

    expect(world.calls).toHaveLength(3);
    expect(new Set(payloads().map(({ id }) => id)).size).toBe(1);
    expect(world.deadLetters.list()).toEqual([]);
  });

  test("ends in the dead letter queue after three attempts", async () => {
    world.answer = () => ({ functionError: { errorType: "Conflict", errorMessage: "taken" } });
    const { events, put } = await start([rule({ deadLetterQueue: "dead" })]);
    const { Entries = [] } = await put(entry());
    await events.idle();

    expect(world.calls).toHaveLength(3);
    expect(world.deadLetters.list("dead").map(({ body }) => body)).toMatchObject([
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

  test("of a function that is throttled goes on, and counts no attempt", async () => {
    let left = 4;
    world.answer = () => {
      left -= 1;
      if (left >= 0) throw Object.assign(new Error("Rate exceeded"), { name: "TooManyRequestsException" });
      return { payload: null };
    };
    const { events, put } = await start();
    await put(entry());
    await events.idle();

    expect(world.calls).toHaveLength(5);
    expect(world.deadLetters.list()).toEqual([]);
  });

  test("of a function that is throttled ends after six hours", async () => {
    let now = Date.now();
    world.answer = () => {
      now += 3 * 3_600_000 + 1;
      throw Object.assign(new Error("Rate exceeded"), { name: "TooManyRequestsException" });
    };
    const { events, put } = await start([rule()], { now: () => now });
    await put(entry());
    await events.idle();

    expect(world.calls).toHaveLength(2);
    expect(world.deadLetters.list().map(({ body }) => body)).toMatchObject([
      {
        requestContext: { condition: "EventAgeExceeded", approximateInvokeCount: 0 },
        responsePayload: { errorType: "TooManyRequestsException" },
      },
    ]);
  });

  test("to a function that does not exist ends at once", async () => {
    world.answer = () => {
      throw Object.assign(new Error("Function not found: work"), { name: "ResourceNotFoundException" });
    };
    const { events, put } = await start();
    await put(entry());
    await events.idle();

    expect(world.calls).toHaveLength(1);
    expect(world.deadLetters.list()).toHaveLength(1);
  });

  test("of many that fail takes no place from others while they wait", async () => {
    const bad = { functionError: { errorType: "Error", errorMessage: "no" } };
    world.answer = (functionName) => (functionName === "bad" ? bad : { payload: null });
    const { put } = await start([
      rule({ name: "bad", functionName: "bad", pattern: { source: ["bad"] } }),
      rule({ name: "good", pattern: { source: ["good"] } }),
    ]);
    // More than are worked on at once.
    for (let i = 0; i < 5; i += 1) await put(...Array.from({ length: 10 }, () => entry({ Source: "bad" })));
    await put(entry({ Source: "good" }));
    await until(() => world.calls.some(({ functionName }) => functionName === "work"), { what: "the good one" });

    expect(world.deadLetters.list()).toEqual([]);
  });

  test("of an older data folder goes on", async () => {
    const older = new DatabaseSync(join(world.dir, "events.db"));
    older.exec(`CREATE TABLE deliveries (id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL,
      function_name TEXT NOT NULL, dead_letter_queue TEXT NOT NULL, payload TEXT NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0);
      INSERT INTO deliveries VALUES (1, 'ordered', 'work', 'dead', '{"old":true}', 0)`);
    older.close();
    const { events } = await start();
    await events.idle();

    expect(payloads()).toEqual([{ old: true }]);
  });

  test("that fails holds up no other", async () => {
    world.answer = (functionName) =>
      functionName === "bad" ? { functionError: { errorType: "Error", errorMessage: "no" } } : { payload: null };
    const { events, put } = await start([rule({ name: "bad", functionName: "bad" }), rule()]);
    await put(entry(), entry());
    await until(() => world.calls.filter(({ functionName }) => functionName === "work").length === 2, { what: "both" });
    await events.idle();

    expect(world.deadLetters.list("bad-dead-letters")).toHaveLength(2);
  });

  test("happens after a restart if it had not before", async () => {
    world.answer = () => new Promise(() => undefined);
    const first = await start();
    const { Entries = [] } = await first.put(entry());
    await until(() => world.calls.length === 1, { what: "the first try" });
    await first.events.close();
    world.calls = [];
    world.answer = () => ({ payload: null });
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
    expect(world.calls).toHaveLength(500);
  });
});
