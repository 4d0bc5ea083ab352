import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  changeAvailability,
  displacedBy,
  editRelease,
  entryWrites,
  makeCurrent,
} from "../../../shared/ota/availability.ts";
import { unknownDevice } from "../../../shared/ota/choose.ts";
import { type Entry, installedOf } from "../../../shared/ota/entry.ts";
import type { StoredRelease } from "../../../shared/ota/release.ts";
import { parseQuery, select } from "../../../shared/ota/select.ts";
import { AppError } from "../../../shared/problems.ts";
import { theMoment } from "../moment.ts";
import { makeRelease } from "./releases.ts";

const NOW = new Date("2030-01-01T00:00:00Z");
const moment = theMoment(NOW);
const segment = { key: "segments/ws_1/rel_1", size: 30, crc32: 7, length: 1024 };
const stored = (more: Partial<StoredRelease> = {}): StoredRelease => ({
  pk: "ws_1#release",
  sk: "rel_1",
  type: "release",
  id: "rel_1",
  workspaceId: "ws_1",
  workspaceName: "acme",
  app: "App",
  environment: "Prod",
  version: "1.0",
  attributes: [],
  cpuArch: [],
  hardware: [],
  rollout: 100,
  allowDowngrade: false,
  status: "published",
  availability: "offered",
  size: 1,
  sha256: "a".repeat(64),
  md5: "b".repeat(32),
  segment,
  uploadKey: "u",
  binaryKey: "b",
  segmentKey: "s",
  revision: 4,
  createdAt: NOW.toISOString(),
  updatedAt: NOW.toISOString(),
  ...more,
});
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return "";
};

describe("what devices see of a release", () => {
  test.each([
    [undefined, []],
    ["offered", ["put"]],
    ["paused", ["put"]],
    ["withdrawn", ["delete"]],
    ["superseded", ["delete"]],
  ] as const)("while it is %s: %j", (availability, expected) => {
    const { availability: _, ...never } = stored();
    const writes = entryWrites(availability === undefined ? never : stored({ availability }));
    expect(writes.map((write) => write.do)).toEqual(expected);
    for (const write of writes) {
      if (write.do === "put") expect(write.item.isPaused).toBe(availability === "paused");
    }
  });

  test.each([
    ["pause", "offered", "paused"],
    ["resume", "paused", "offered"],
    ["withdraw", "offered", "withdrawn"],
    ["withdraw", "paused", "withdrawn"],
    ["withdraw", "superseded", "withdrawn"],
    ["pause", "paused", "not-ready"],
    ["pause", "withdrawn", "not-ready"],
    ["resume", "offered", "not-ready"],
    ["withdraw", "withdrawn", "not-ready"],
    ["pause", undefined, "not-ready"],
  ] as const)("%s of what is %s → %s", (step, from, expected) => {
    const { availability: _, ...never } = stored();
    const release = from === undefined ? never : stored({ availability: from });
    const run = () => changeAvailability(release, step, { by: "olga", reason: "why" }, moment);
    if (expected === "not-ready") {
      expect(codeOf(run)).toBe(expected);
      return;
    }
    const { next, writes } = run();
    expect(next).toMatchObject({ availability: expected, revision: 5 });
    expect(writes.map((write) => write.do)).toEqual(["update", expected === "withdrawn" ? "delete" : "put", "create"]);
    expect(writes[0]).toMatchObject({ when: { revision: 4 } });
    expect(writes[2]).toMatchObject({ item: { by: "olga", reason: "why", at: NOW.toISOString() } });
  });

  test.each(["publishing", "deleting"] as const)("does not change while it is %s", (status) => {
    expect(codeOf(() => changeAvailability(stored({ status }), "pause", { by: "olga" }, moment))).toBe("not-ready");
    expect(codeOf(() => editRelease(stored({ status }), { rollout: 1 }, "olga", moment))).toBe("not-ready");
  });

  test("changes with its terms; null takes one away, and a draft's devices see nothing", () => {
    const { next, writes } = editRelease(
      stored({ minimumVersion: "0.9" }),
      { rollout: 20, minimumVersion: null, reason: "slowly" },
      "olga",
      moment,
    );
    expect(next).toMatchObject({ rollout: 20, revision: 5 });
    expect(next).not.toHaveProperty("minimumVersion");
    expect(next).not.toHaveProperty("reason");
    expect(writes[0]).toMatchObject({ do: "update", remove: ["minimumVersion"] });
    expect(writes[1]).toMatchObject({ do: "put", item: { rollout: 20 } });
    expect(writes[2]).toMatchObject({
      item: { action: "changed", reason: "slowly", changes: { rollout: 20, minimumVersion: null } },
    });
    const { availability: _, ...draft } = stored({ status: "draft" });
    expect(editRelease(draft, { rollout: 20 }, "olga", moment).writes.map((write) => write.do)).toEqual([
      "update",
      "create",
    ]);
  });
});

describe("a publication", () => {
  const prepared = { md5: "b".repeat(32), segment, signature: "c2ln", keyId: "c".repeat(64) };
  const entry = (id: number, version: string, more: Partial<Entry> = {}): Entry => ({
    ...makeRelease("app", "prod", version, [], { rollout: 100, publishedAt: `2029-01-0${id}`, ...more }),
    releaseId: `rel_${id}`,
    path: "p",
  });

  test("tells what its binary is, in that environment, by both hashes", () => {
    const writes = makeCurrent(stored(), prepared, [], moment);
    const known = writes.flatMap((write) => (write.do === "update" && write.key.pk === "ws_1#binary" ? [write] : []));
    expect(known.map(({ key }) => key.sk)).toEqual(["a".repeat(64), "b".repeat(32)]);
    for (const { set = {} } of known) {
      expect(installedOf([set])).toEqual([{ app: "app", environment: "prod", version: "1.0" }]);
    }
  });

  test("of a release that was published before withdraws what is newer, and of a new one nothing", () => {
    const others = [entry(1, "0.9"), entry(2, "2.0")];
    expect(displacedBy(entry(3, "1.0"), false, others, NOW)).toEqual([]);
    const displaced = displacedBy(entry(3, "1.0"), true, others, NOW);
    expect(displaced.map(({ entry, availability }) => [entry.releaseId, availability])).toEqual([
      ["rel_2", "withdrawn"],
    ]);
    const again = stored({ publishedAt: "2029-01-01", publishedBy: "olga" });
    const writes = makeCurrent(again, prepared, others, moment);
    expect(writes.filter((write) => write.do === "delete").map((write) => write.key.sk)).toEqual(["prod#app#rel_2"]);
  });

  test("takes away what no device could get any more, even if the two newest were withdrawn", () => {
    const others = ["1.0", "1.1", "1.2"].map((version, index) => entry(index + 1, version));
    expect(displacedBy(entry(4, "1.3"), false, others.slice(1), NOW)).toEqual([]);
    const displaced = displacedBy(entry(4, "1.3"), false, others, NOW);
    expect(displaced.map(({ entry, availability }) => [entry.version, availability])).toEqual([["1.0", "superseded"]]);
  });

  test("is refused where it would withdraw more than one transaction takes", () => {
    const others = Array.from({ length: 31 }, (_, index) => entry(index + 10, `2.${index}`));
    const again = stored({ publishedAt: "2029-01-01" });
    expect(codeOf(() => makeCurrent(again, prepared, others, moment))).toBe("not-ready");
  });

  test("never takes away what some device would get", () => {
    const some = fc
      .record({
        version: fc.constantFrom("1", "2", "3", "4", "5"),
        rollout: fc.constantFrom(50, 100, 100),
        hardware: fc.subarray(["a", "b"]),
        cpuArch: fc.subarray(["x", "y"]),
        attributes: fc.subarray(["p", "q"]),
        isPaused: fc.constantFrom(false, false, true),
        allowDowngrade: fc.boolean(),
        minimumVersion: fc.constantFrom(undefined, undefined, undefined, "2"),
        notBefore: fc.constantFrom(undefined, undefined, "2031-01-01T00:00:00Z"),
      })
      .map(({ version, minimumVersion, notBefore, ...more }) => ({
        version,
        more: { ...more, ...(minimumVersion && { minimumVersion }), ...(notBefore && { notBefore }) },
      }));
    const asks = fc.record({
      query: fc.constantFrom("cpuArch=x&app=prod", "cpuArch=y&attrP=prod", "cpuArch=z&attrQ=prod"),
      bucket: fc.constantFrom(undefined, 10, 90),
      hardware: fc.subarray(["a", "b"]),
      installed: fc.constantFrom(undefined, "1", "3", "9"),
    });
    fc.assert(
      fc.property(
        fc.array(some, { minLength: 5, maxLength: 9 }),
        asks,
        (all, { query, bucket, hardware, installed }) => {
          const entries = all.map(({ version, more }, index) => entry(index, version, more));
          const gone = displacedBy(entries.at(-1) as Entry, false, entries.slice(0, -1), NOW).map((one) => one.entry);
          const device = {
            ...unknownDevice(NOW),
            bucket,
            hardware: new Set(hardware),
            installed: installed === undefined ? [] : [{ app: "app", environment: "prod", version: installed }],
          };
          const left = entries.filter((one) => !gone.includes(one));
          const told = (from: Entry[]) =>
            select(parseQuery(query), from, device).map(({ sha256, isKept }) => [sha256, isKept]);
          expect(told(left)).toEqual(told(entries));
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
