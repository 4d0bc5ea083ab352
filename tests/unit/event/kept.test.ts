import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchesPattern } from "../../../local/event-pattern.ts";
import { streams } from "../../../shared/declared/triggers.ts";
import {
  cursorValue,
  isInTime,
  keptEvent,
  placeOf,
  placeSince,
  placesAfter,
  SETTLED_MS,
} from "../../../shared/event/kept.ts";
import { AppError } from "../../../shared/problems.ts";

const NOW = new Date("2026-01-08T00:00:00.000Z");
const ago = (ms: number): string => new Date(NOW.getTime() - ms).toISOString();
const DAY = 86_400_000;

test("a kept event comes to no reader of the stream", () => {
  const event = { id: "evt_1", type: "slipway.intent.accepted", subject: "int_1", workspaceid: "ws_1", data: {} };
  const { type, eventType } = keptEvent(event as never, NOW) as unknown as Record<string, string>;
  const NewImage = { type: { S: type }, eventType: { S: eventType }, status: { S: "requested" } };
  const filters = Object.values(streams).flatMap(({ filters }) => filters);
  for (const record of [
    { eventName: "INSERT", dynamodb: { NewImage } },
    { eventName: "REMOVE", dynamodb: { OldImage: NewImage } },
  ]) {
    expect(filters.filter((filter) => matchesPattern(filter, record))).toEqual([]);
  }
  const intent = { eventName: "INSERT", dynamodb: { NewImage: { ...NewImage, type: { S: "intent" } } } };
  expect(filters.filter((filter) => matchesPattern(filter, intent))).toHaveLength(2);
});

describe("who has no cursor begins", () => {
  test.each([
    ["an hour ago", undefined, ago(3_600_000)],
    ["when it is said, in any zone", "2026-01-07T13:00:00+01:00", "2026-01-07T12:00:00.000Z"],
    ["at the oldest", "2020-01-01T00:00:00Z", ago(7 * DAY)],
    ["now, and never later", "2026-01-09T00:00:00Z", NOW.toISOString()],
  ])("%s", (_, since, after) => expect(placeSince(since === undefined ? {} : { since }, NOW)).toEqual({ after }));
});

describe("a cursor", () => {
  const id = `#evt_${"0".repeat(20)}`;
  test.each([
    { after: ago(1_000) },
    { after: `${ago(1_000)}${id}` },
    { after: `${ago(1_000)}${id}`, held: ago(2_000) },
    { after: ago(8 * DAY) },
  ])("%j comes back as it was", (place) => expect(placeOf(cursorValue(place), NOW)).toEqual(place));

  const refusalOf = (value: unknown): AppError => {
    try {
      placeOf(value, NOW);
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
    throw new Error("it is taken");
  };

  test.each([[undefined], ["x"], [[]], [[1]], [["x"]], [[`${ago(0)}#`]], [[`${ago(0)}#int_1`]], [[ago(0), "x"]]])(
    "is not %j",
    (value) => expect(refusalOf(value)).toMatchObject({ code: "invalid-cursor", findings: [] }),
  );

  test.each([[[ago(8 * DAY + 1)]], [[ago(0), ago(8 * DAY + 1)]]])("has expired as %j", (value) =>
    expect(refusalOf(value)).toMatchObject({ code: "invalid-cursor", findings: [{ rule: "expired" }] }),
  );
});

test("a write is in time while readers wait for it, with time to spare for clocks", () => {
  expect(isInTime(NOW, new Date(NOW.getTime() + SETTLED_MS / 2))).toBe(true);
  expect(isInTime(NOW, new Date(NOW.getTime() + SETTLED_MS / 2 + 1))).toBe(false);
});

describe("a reader", () => {
  const T0 = NOW.getTime();
  const key = (at: number, name: string) => `${new Date(T0 + at).toISOString()}#${name}`;
  /** Events that can be seen some time after the time that they are kept under, or before where a clock is ahead. */
  const written = fc.array(
    fc.record({ at: fc.integer({ min: 0, max: 40_000 }), late: fc.integer({ min: -5_000, max: SETTLED_MS }) }),
    { maxLength: 40 },
  );
  const looks = fc.array(
    fc.record({
      wait: fc.integer({ min: 0, max: 6_000 }),
      limit: fc.integer({ min: 1, max: 5 }),
      resume: fc.boolean(),
    }),
    { maxLength: 60 },
  );

  test("who follows pages, and begins again anywhere from a position, misses nothing", () => {
    fc.assert(
      fc.property(written, looks, (writes, looks) => {
        const events = writes.map(({ at, late }, index) => ({ sk: key(at, String(index)), seenFrom: at + late }));
        const had = new Set<string>();
        let place = placeSince({ since: NOW.toISOString() }, new Date(T0));
        let clock = 0;
        const look = (limit: number, resumes: boolean): boolean => {
          const visible = events.filter(({ sk, seenFrom }) => seenFrom <= clock && sk > place.after);
          const sorted = visible.map(({ sk }) => sk).sort();
          const page = sorted.slice(0, limit);
          for (const sk of page) had.add(sk);
          const reached = sorted.length > limit ? page.at(-1) : undefined;
          const { next, resume } = placesAfter(place, reached, new Date(T0 + clock));
          place = next === undefined || resumes ? resume : next;
          return next === undefined;
        };
        for (const { wait, limit, resume } of looks) {
          clock += wait;
          look(limit, resume);
        }
        clock += 60_000;
        for (let round = 0; round < 2; round += 1) while (!look(3, false)) clock += 1;
        expect(events.filter(({ sk }) => !had.has(sk))).toEqual([]);
        // All of it is settled by now, and comes no more.
        const { after } = place;
        expect(events.filter(({ sk }) => sk > after)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
