import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareVersions } from "../../../shared/ota/versions.ts";

const version = fc
  .array(fc.constantFrom("0", "1", "2", "10", "01", "a", "B", "rc", ".", "-", "_", "+"), { minLength: 1, maxLength: 7 })
  .map((parts) => `0${parts.join("")}`);

describe("versions", () => {
  test.each([
    ["1.0.0", "1.0.1"],
    ["1.9", "1.10"],
    ["2", "10.0"],
    ["2.0-rc.1", "2.0"],
    ["2.0-rc.2", "2.0-rc.10"],
    ["2.0-1", "2.0-alpha"],
    ["1.0-a", "1.0-a.0"],
    ["99999999999999999998", "99999999999999999999"],
    ["2.0_a", "2.0_b"],
    ["1.0.0", "1.0.a"],
    ["b7f3", "f00d"],
  ])("%s is older than %s", (older, newer) => {
    expect(compareVersions(older, newer)).toBeLessThan(0);
    expect(compareVersions(newer, older)).toBeGreaterThan(0);
  });

  test.each([
    ["1.0", "1.0.0"],
    ["1.0+a", "1.0+b"],
    ["1.0-RC1", "1.0-rc1"],
    ["1_0", "1.0"],
    ["01.2", "1.02"],
  ])("%s is as new as %s", (one, other) => {
    expect(compareVersions(one, other)).toBe(0);
  });

  test("are in one order, whatever they are", () => {
    fc.assert(
      fc.property(version, version, version, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
