import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DeviceFacts, type Installed, unknownDevice } from "../../../shared/ota/choose.ts";
import { type CurrentRelease, parseQuery, select } from "../../../shared/ota/select.ts";
import { compareVersions } from "../../../shared/ota/versions.ts";
import { makeRelease } from "./releases.ts";

const NOW = new Date("2030-01-01T00:00:00Z");
const PAST = "2029-12-31T23:59:59.000Z";
const FUTURE = "2030-01-01T00:00:01.000Z";

const app = (version: string, more: Partial<CurrentRelease> = {}, environment = "prod") =>
  makeRelease("app", environment, version, [], more);
const device = (more: Partial<DeviceFacts> = {}): DeviceFacts => ({ ...unknownDevice(NOW), ...more });
/** A device that has the binary of a version, whether or not that one is still offered. */
const having = (version: string, more: Partial<DeviceFacts> = {}, environment = "prod") => {
  const { sha256 } = app(version, {}, environment);
  return device({ hashes: new Set([sha256]), installed: [{ app: "app", environment, version }], ...more });
};

const chosen = (releases: readonly CurrentRelease[], facts: DeviceFacts, query = "cpuArch=x&app=prod") =>
  select(parseQuery(query), releases, facts).map(({ version, isKept = false }) => version + (isKept ? " kept" : ""))[0];

describe("of an app's releases, a device is to have", () => {
  const steps = [app("1.0"), app("2.0", { minimumVersion: "1.0" }), app("3.0", { minimumVersion: "2.0" })];
  const rows: readonly (readonly [string, readonly CurrentRelease[], DeviceFacts, string | undefined])[] = [
    ["the newest", [app("1.9"), app("1.10")], device(), "1.10"],
    [
      "what was published last, of equal versions",
      [app("1.0", { publishedAt: "2" }), app("1.0.0", { publishedAt: "3" })],
      device(),
      "1.0.0",
    ],
    ["the newest that needs no other, when it says nothing", steps, device(), "1.0"],
    ["the next stepping stone", steps, having("1.0"), "2.0"],
    ["the newest, after the last stepping stone", steps, having("2.0"), "3.0"],
    ["what it has, when that is the newest", steps, having("3.0"), "3.0"],
    ["the stepping stone for a version that is no longer offered", steps, having("1.5"), "2.0"],
    ["a stepping stone for a version of another environment", steps, having("1.0", {}, "beta"), "2.0"],
    ["nothing, when each needs another", steps.slice(1), device(), undefined],
    [
      "what is for its hardware, before what is for all",
      [app("2.0"), app("1.0", { hardware: ["Rev-B"] })],
      device({ hardware: new Set(["rev-b"]) }),
      "1.0",
    ],
    [
      "nothing that is for other hardware",
      [app("1.0", { hardware: ["rev-b"] })],
      device({ hardware: new Set(["rev-a"]) }),
      undefined,
    ],
    [
      "nothing that is for some hardware, when it states none",
      [app("1.0", { hardware: ["rev-b"] })],
      device(),
      undefined,
    ],
    ["the new one, within a rollout", [app("1.0"), app("2.0", { rollout: 10 })], device({ bucket: 9 }), "2.0"],
    ["the old one, outside of it", [app("1.0"), app("2.0", { rollout: 10 })], device({ bucket: 10 }), "1.0"],
    ["the old one, when it states no id", [app("1.0"), app("2.0", { rollout: 99 })], device(), "1.0"],
    [
      "the new one, when it has it, though outside the rollout",
      [app("1.0"), app("2.0", { rollout: 0 })],
      having("2.0", { bucket: 50 }),
      "2.0",
    ],
    ["nothing before its time", [app("1.0", { notBefore: FUTURE })], device(), undefined],
    ["what is due", [app("1.0"), app("2.0", { notBefore: PAST })], device(), "2.0"],
    ["not what is paused", [app("1.0"), app("2.0", { isPaused: true })], device(), "1.0"],
    [
      "what is paused, when it has it",
      [app("1.0", { allowDowngrade: true }), app("2.0", { isPaused: true })],
      having("2.0"),
      "2.0",
    ],
    ["no older one in place of one that was withdrawn", [app("1.0")], having("2.0"), "1.0 kept"],
    ["… unless that one allows it", [app("1.0", { allowDowngrade: true })], having("2.0"), "1.0"],
    ["an older one of another environment than it came from", [app("1.0")], having("2.0", {}, "beta"), "1.0"],
  ];
  test.each(rows)("%s", (_note, releases, facts, expected) => {
    expect(chosen(releases, facts)).toBe(expected);
  });
});

// Small alphabets, so that what is generated collides.
const environment = fc.constantFrom("prod", "beta");
const version = fc.constantFrom("1.0", "2.0", "3.0");
const release = fc
  .record({
    environment,
    version,
    rollout: fc.constantFrom(0, 50, 100),
    minimumVersion: fc.constantFrom(undefined, undefined, "1.0", "2.0"),
    notBefore: fc.constantFrom(undefined, PAST, FUTURE),
    hardware: fc.subarray(["a", "b"]),
    cpuArch: fc.subarray(["X", "y"]),
    isPaused: fc.boolean(),
    allowDowngrade: fc.boolean(),
  })
  .map(({ environment, version, minimumVersion, notBefore, ...more }) =>
    app(version, { ...more, ...(minimumVersion && { minimumVersion }), ...(notBefore && { notBefore }) }, environment),
  );
const installed: fc.Arbitrary<Installed> = fc.record({ app: fc.constant("app"), environment, version });
const facts = fc
  .record({
    bucket: fc.constantFrom(undefined, 0, 49, 50, 99),
    hardware: fc.subarray(["a", "b", "c"]),
    installed: fc.uniqueArray(installed, { maxLength: 2, selector: (one) => JSON.stringify(one) }),
  })
  .map(({ bucket, hardware, installed }) =>
    device({
      bucket,
      hardware: new Set(hardware),
      installed,
      hashes: new Set(installed.map(({ environment, version }) => app(version, {}, environment).sha256)),
    }),
  );
const query = fc.constantFrom("cpuArch=x&app=prod", "cpuArch=x&app=beta", "cpuArch=z&app=prod");
/** As the table has them: one item a release. */
const releases = fc.uniqueArray(release, { maxLength: 8, selector: (one) => JSON.stringify(one) });

/** What may be given to a device, by the words of the documentation, one rule at a time. */
const mayGet = (one: CurrentRelease, facts: DeviceFacts): boolean => {
  if (facts.hashes.has(one.sha256)) return true;
  if (one.isPaused || one.notBefore === FUTURE) return false;
  if (one.rollout !== 100 && !(facts.bucket !== undefined && facts.bucket < (one.rollout ?? 100))) return false;
  const { minimumVersion } = one;
  if (minimumVersion && !facts.installed.some((has) => compareVersions(has.version, minimumVersion) >= 0)) return false;
  const newer = facts.installed.some((has) => has.environment === one.environment && has.version > one.version);
  return one.allowDowngrade === true || !newer;
};
const suits = (one: CurrentRelease, facts: DeviceFacts, asked: string): boolean => {
  const { cpuArch, wishes } = parseQuery(asked);
  const { hardware = [], cpuArch: archs = [] } = one;
  return (
    wishes.some((wish) => wish.name === "app" && wish.environment === one.environment) &&
    (archs.length === 0 || archs.some((arch) => arch.toLowerCase() === cpuArch)) &&
    (hardware.length === 0 || hardware.some((label) => facts.hardware.has(label)))
  );
};

describe("for any releases, any device and any question", () => {
  test("what it is given it may have, and nothing that it may have as well is better", () => {
    const specificity = ({ cpuArch = [], hardware = [] }: CurrentRelease) =>
      2 * Number(cpuArch.length > 0) + Number(hardware.length > 0);
    fc.assert(
      fc.property(releases, facts, query, (all, facts, asked) => {
        const [got] = select(parseQuery(asked), all, facts);
        const possible = all.filter((one) => suits(one, facts, asked) && mayGet(one, facts));
        if (got === undefined || got.isKept) {
          expect(possible).toEqual([]);
          return;
        }
        expect(possible).toContainEqual(got);
        for (const other of possible) {
          expect(specificity(other)).toBeLessThanOrEqual(specificity(got));
          if (specificity(other) === specificity(got)) {
            expect(compareVersions(other.version, got.version)).toBeLessThanOrEqual(0);
          }
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test("the order in which releases were read changes nothing", () => {
    fc.assert(
      fc.property(releases, facts, query, (all, facts, asked) => {
        expect(select(parseQuery(asked), all.toReversed(), facts)).toEqual(select(parseQuery(asked), all, facts));
      }),
    );
  });

  test("a rollout that grows takes nothing away from those who were in it", () => {
    fc.assert(
      fc.property(fc.nat(99), fc.nat(100), fc.nat(100), (bucket, one, other) => {
        const at = (rollout: number) => chosen([app("1.0"), app("2.0", { rollout })], device({ bucket }));
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        if (at(less) === "2.0") expect(at(more)).toBe("2.0");
        expect(at(less)).toBe(bucket < less ? "2.0" : "1.0");
      }),
    );
  });
});
