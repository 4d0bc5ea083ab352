import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { configurationOf, type DatedUpdate, valueAt, withUpdate } from "../../../local/device/configuration.ts";

const update = (at: number, of: Partial<DatedUpdate>): DatedUpdate => ({ target: "thinggroup/g", at, ...of });

test.each([
  ["", { a: { "b/c": [1, { "~": 2 }] } }],
  ["/a/b~1c/1/~0", 2],
  ["/a/b~1c/0", 1],
  ["/a/x", undefined],
  ["/a/b~1c/9", undefined],
  ["/constructor", undefined],
])("%s points to %o", (pointer, expected) => {
  expect(valueAt({ a: { "b/c": [1, { "~": 2 }] } }, pointer)).toEqual(expected);
});

describe("a configuration", () => {
  const defaults = { port: 80, log: { level: "info", file: "a" }, list: [1, 2] };

  test.each<[string, DatedUpdate[], unknown]>([
    ["is the defaults without an update", [], defaults],
    [
      "has what is merged",
      [update(1, { merge: { log: { level: "debug" } } })],
      { ...defaults, log: { level: "debug", file: "a" } },
    ],
    ["loses what is merged as null", [update(1, { merge: { log: null } })], { port: 80, list: [1, 2] }],
    ["has lists replaced whole", [update(1, { merge: { list: [3] } })], { ...defaults, list: [3] }],
    [
      "is reset before it is merged",
      [update(1, { merge: { port: 1, extra: true } }), update(2, { reset: ["/port", "/extra"], merge: { new: 1 } })],
      { ...defaults, new: 1 },
    ],
    ["is reset whole by the empty pointer", [update(1, { merge: { port: 1 } }), update(2, { reset: [""] })], defaults],
    [
      "keeps a list that a reset points into",
      [update(1, { merge: { list: [9] } }), update(2, { reset: ["/list/0"] })],
      { ...defaults, list: [9] },
    ],
    [
      "has the newest, whichever came last",
      [update(5, { merge: { port: 5 } }), update(3, { merge: { port: 3 } })],
      { ...defaults, port: 5 },
    ],
  ])("%s", (_what, updates, expected) => {
    expect(configurationOf(defaults, updates)).toEqual(expected);
  });

  test("is an empty object for a component that has none", () => {
    expect(configurationOf(undefined, [])).toEqual({});
    expect(configurationOf(undefined, [update(1, { reset: [""] })])).toEqual({});
  });

  const leaf = fc.constantFrom<unknown>(1, 2, null, [1]);
  const name = fc.constantFrom("a", "b");
  const value = fc.dictionary(name, fc.oneof(leaf, fc.dictionary(name, leaf)));
  const pointer = fc.constantFrom("", "/a", "/b", "/a/b", "/b/a");
  const updates = fc.uniqueArray(
    fc.record(
      {
        target: fc.constantFrom("thinggroup/1", "thinggroup/2"),
        at: fc.nat(6),
        reset: fc.array(pointer, { maxLength: 2 }),
        merge: value,
      },
      { requiredKeys: ["target", "at"] },
    ),
    { selector: ({ target, at }) => `${target} ${at}`, maxLength: 6 },
  );

  const orders = updates.chain((list) =>
    fc.record({ list: fc.constant(list), shuffled: fc.shuffledSubarray(list, { minLength: list.length }) }),
  );

  test("does not depend on the order in which updates come, nor on what is dropped of them", () => {
    fc.assert(
      fc.property(value, orders, (base, { list, shuffled }) => {
        const kept = shuffled.reduce<DatedUpdate[]>(withUpdate, []);
        expect(configurationOf(base, kept)).toEqual(configurationOf(base, list));
      }),
      { numRuns: 3_000 },
    );
  });

  test("takes the same update twice as once, and keeps no more of it", () => {
    const one = update(1, { merge: { a: 1 } });
    const again = update(2, { merge: { a: 1 } });
    expect(withUpdate(withUpdate([], one), one)).toEqual([one]);
    expect(withUpdate(withUpdate([], one), again)).toEqual([again]);
    expect(withUpdate([again], one)).toEqual([again]);
    expect(withUpdate([one], update(3, { reset: [""] }))).toHaveLength(1);
  });
});
