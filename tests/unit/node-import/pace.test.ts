import fc from "fast-check";
import { expect, test } from "vitest";
import { paced } from "../../../shared/node-import/pace.ts";

test("the first turn is at once, and the next one when the calls before have had their time", () => {
  const turn = paced(10);
  expect(turn(2, 1_000)).toBe(0);
  expect(turn(1, 1_000)).toBe(200);
  expect(turn(1, 1_250)).toBe(50);
  expect(turn(1, 5_000)).toBe(0);
});

test("in no stretch of time are there more calls than its share, and the turns at its ends", () => {
  const asked = fc.array(fc.record({ calls: fc.integer({ min: 1, max: 10 }), pause: fc.nat(500) }), { minLength: 2 });
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 100 }), asked, (perSecond, turns) => {
      const turn = paced(perSecond);
      let now = 0;
      const made = turns.map(({ calls, pause }) => {
        now += pause;
        now += turn(calls, now); // who takes a turn waits for it
        return { at: now, calls };
      });
      for (const [first, from] of made.entries()) {
        for (const [last, to] of made.entries()) {
          if (last <= first) continue;
          const calls = made.slice(first, last).reduce((sum, one) => sum + one.calls, 0);
          expect(calls).toBeLessThanOrEqual(((to.at - from.at) * perSecond) / 1_000 + 1e-6);
        }
      }
    }),
  );
});
