import fc from "fast-check";
import compare from "semver/functions/compare.js";
import { describe, expect, test } from "vitest";
import { versionOrder } from "../../../shared/component/order.ts";
import { bestOf, type StoredVersionOrder, Version } from "../../../shared/component/version.ts";

const number = fc.oneof(fc.nat(12), fc.constantFrom(99, 100, 999_999));
const identifier = fc.oneof(
  fc.nat(120).map(String),
  fc.string({ unit: fc.constantFrom("a", "B", "z", "-", "0", "1", "9"), minLength: 1, maxLength: 4 }),
);
const versions = fc
  .tuple(number, number, number, fc.array(identifier, { maxLength: 4 }))
  .map(([major, minor, patch, pre]) => `${major}.${minor}.${patch}${pre.length > 0 ? `-${pre.join(".")}` : ""}`)
  .filter((version) => Version.safeParse(version).success);

describe("the text by which versions are ordered", () => {
  test("compares as semver does", () => {
    fc.assert(
      fc.property(versions, versions, (a, b) => {
        const [left, right] = [versionOrder(a), versionOrder(b)];
        expect(left < right ? -1 : left > right ? 1 : 0).toBe(compare(a, b));
      }),
      { numRuns: 5_000 },
    );
  });

  test("orders the example of the specification", () => {
    const ordered =
      "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1";
    const given = ordered.split(" ");
    expect([...given].reverse().sort((a, b) => (versionOrder(a) < versionOrder(b) ? -1 : 1))).toEqual(given);
  });

  test.each(["", "1", "latest", "1.0.0.0"])("there is none of %j", (text) => {
    expect(() => versionOrder(text)).toThrow(TypeError);
  });
});

describe("the best of a component's versions", () => {
  const order = (version: string, published?: number): StoredVersionOrder => ({
    pk: "p",
    sk: versionOrder(version),
    type: "version-order",
    id: `id-${version}`,
    version,
    ...(published !== undefined && { published }),
  });

  test("are the highest and the newest that are published", () => {
    const given = [order("1.9.0", 3), order("1.10.0", 2), order("2.0.0"), order("1.0.0", 1)];
    expect(bestOf(given)).toMatchObject({ highest: { version: "1.10.0" }, newest: { version: "1.9.0" } });
    expect(bestOf([order("2.0.0")])).toEqual({});
    expect(bestOf([])).toEqual({});
  });
});
