import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { theMoment } from "../../functions/moment.ts";
import { ID_PREFIXES, type IdKind, isId, makeId } from "../../shared/ids.ts";

const KINDS = Object.keys(ID_PREFIXES) as IdKind[];
const kind = fc.constantFrom(...KINDS);
const time = fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true });
const random = fc.uint8Array({ minLength: 8, maxLength: 8 });

describe("an id", () => {
  test("has its kind's prefix, a fixed length and letters that are not mistaken for digits", () => {
    fc.assert(
      fc.property(kind, time, random, (of, now, bytes) => {
        const id = makeId(of, now, bytes);
        expect(id).toMatch(new RegExp(`^${ID_PREFIXES[of]}_[0-9a-hjkmnp-tv-z]{20}$`));
        expect(isId(id)).toBe(true);
        for (const other of KINDS) expect(isId(id, other)).toBe(other === of);
      }),
    );
  });

  test("sorts by the time of creation", () => {
    fc.assert(
      fc.property(kind, time, time, random, random, (of, one, other, a, b) => {
        if (one.getTime() === other.getTime()) return;
        expect(makeId(of, one, a) < makeId(of, other, b)).toBe(one < other);
      }),
    );
  });

  test("differs by its randomness within one millisecond", () => {
    const now = new Date(0);
    const ids = Array.from({ length: 256 }, (_, byte) => makeId("node", now, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, byte)));
    expect(new Set(ids).size).toBe(256);
    const bits = Array.from({ length: 50 }, (_, bit) => {
      const bytes = new Uint8Array(8);
      bytes[7 - Math.floor(bit / 8)] = 1 << (bit % 8);
      return makeId("node", now, bytes);
    });
    expect(new Set(bits).size).toBe(50);
  });

  test("has a prefix of its own for each kind, none the beginning of another", () => {
    const prefixes = Object.values(ID_PREFIXES).map((prefix) => `${prefix}_`);
    for (const one of prefixes) expect(prefixes.filter((other) => other.startsWith(one))).toEqual([one]);
  });

  test("is new each time in a function", () => {
    const { newId, randomText } = theMoment();
    expect(new Set(Array.from({ length: 1_000 }, () => newId("intent"))).size).toBe(1_000);
    expect(randomText(32)).toMatch(/^[a-z0-9]{32}$/);
    expect(randomText(32)).not.toBe(randomText(32));
  });

  test.each([
    ["nod_0123456789abcdefghjk", true, "one like any"],
    ["nod_0123456789abcdefghj", false, "too short"],
    ["nod_0123456789abcdefghjkm", false, "too long"],
    ["nod_0123456789abcdefghji", false, "with an i"],
    ["nod_0123456789ABCDEFGHJK", false, "in capitals"],
    ["nod-0123456789abcdefghjk", false, "with a hyphen"],
    ["box_0123456789abcdefghjk", false, "of no kind"],
    ["nod_0123456789abcdefghjk\n", false, "with a line end"],
    [" nod_0123456789abcdefghjk", false, "with a blank"],
    ["", false, "empty"],
  ])("is recognised: %j %s, %s", (text, is) => {
    expect(isId(text)).toBe(is);
  });
});
