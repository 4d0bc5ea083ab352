import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Entry } from "../../../shared/ota/entry.ts";
import {
  countReport,
  faultOfRollout,
  Report,
  reportedEntry,
  requestPause,
  type StoredCounts,
  weightOf,
} from "../../../shared/ota/reports.ts";
import { AppError } from "../../../shared/problems.ts";
import { applied } from "../apply.ts";
import { theMoment } from "../moment.ts";
import { makeRelease } from "./releases.ts";

const entry = (more: Partial<Entry> = {}): Entry => ({
  ...makeRelease("App", "Prod", "1.0"),
  ...{ releaseId: "rel_1", path: "p", rollout: 50, pauseAbove: 20, publishedAt: "2030-01-01", ...more },
});
const report = (more: object = {}) => Report.parse({ app: "app", version: "1.0", outcome: "failed", ...more });
const moment = theMoment(new Date("2030-01-02T00:00:00Z"));
const counts = (installed: number, failed: number, rolledBack = 0) => ({ installed, failed, rolledBack });

describe("a report", () => {
  test("is of the release of that version that was published last, in any case of the names", () => {
    const all = [
      entry({ releaseId: "rel_2", publishedAt: "2029" }),
      entry(),
      entry({ version: "1.0.0", releaseId: "rel_3" }),
    ];
    expect(reportedEntry(report(), all).releaseId).toBe("rel_1");
    expect(reportedEntry(report(), all.toReversed()).releaseId).toBe("rel_1");
    expect(() => reportedEntry(report({ environment: "beta" }), all)).toThrow(AppError);
  });

  test.each([
    [{ outcome: "installed", reason: "x" }, { installed: 10 }],
    [
      { outcome: "failed", reason: "no space" },
      { failed: 10, lastReason: "no space" },
    ],
    [{ outcome: "rolled-back" }, { rolledBack: 10 }],
  ])("%j is counted with its weight: %j", (said, expected) => {
    const write = countReport(report(said), entry(), 10);
    expect(applied(undefined, write)).toMatchObject(expected);
    if (said.outcome === "installed") expect(applied(undefined, write)).not.toHaveProperty("lastReason");
  });

  test.each([{ reason: "x".repeat(201) }, { reason: "a\nb" }, { outcome: "exploded" }, { app: "" }, { more: 1 }])(
    "%j is refused",
    (said) => {
      expect(Report.safeParse({ app: "a", version: "1", outcome: "failed", ...said }).success).toBe(false);
    },
  );

  test.each([
    [0, 1],
    [999, 1],
    [1_000, 10],
    [9_999, 10],
    [10_000, 100],
    [5_000_000, 10_000],
  ])("after %d others is one of %d", (before, weight) => {
    expect(weightOf(counts(before, 0))).toBe(weight);
  });

  test("is counted right on average, and seldom", () => {
    let [installed, writes] = [0, 0];
    // The middle of each chance in turn, in place of random numbers.
    for (let one = 0; one < 100_000; one += 1) {
      const weight = weightOf(counts(installed, 0));
      if (one % weight === 0) [installed, writes] = [installed + weight, writes + 1];
    }
    expect(Math.abs(installed - 100_000)).toBeLessThan(1_000);
    expect(writes).toBeLessThan(3_000);
  });
});

describe("a rollout", () => {
  test.each([
    [counts(0, 19), 20, false, "too few reports"],
    [counts(0, 20), 20, true, "all of enough"],
    [counts(80, 20), 20, false, "just the threshold"],
    [counts(79, 20, 1), 20, true, "rolled back is failed"],
    [counts(0, 1_000), undefined, false, "no threshold"],
  ] as const)("with %j and threshold %s is to be paused: %s (%s)", (said, percent, expected, _note) => {
    expect(faultOfRollout(said, percent) !== undefined).toBe(expected);
  });

  test("is paused once for each publication, and only while it is one", () => {
    const bad: StoredCounts = { failed: 30 };
    const asked = requestPause("ws_1", entry(), bad, moment);
    expect(asked?.intent).toMatchObject({ kind: "release.pause", subject: { id: "rel_1" } });
    const [write] = asked?.writes ?? [];
    if (write?.do !== "update") throw new Error("nothing is written down");
    const stored = applied({ ...write.key, ...bad }, write);
    expect(requestPause("ws_1", entry(), stored as unknown as StoredCounts, moment)).toBeUndefined();
    expect(() => applied(stored, write)).toThrow("refused");
    expect(
      requestPause("ws_1", entry({ publishedAt: "2031" }), stored as unknown as StoredCounts, moment),
    ).toBeDefined();
    expect(requestPause("ws_1", entry({ rollout: 100 }), bad, moment)).toBeUndefined();
    expect(requestPause("ws_1", entry({ isPaused: true }), bad, moment)).toBeUndefined();
  });

  test("is never paused for fewer failures than its threshold", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), fc.integer({ min: 1, max: 100 }), (installed, failed, percent) => {
        if (faultOfRollout(counts(installed, failed), percent) === undefined) return;
        expect(failed / (installed + failed)).toBeGreaterThan(percent / 100);
      }),
    );
  });
});
