import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { costsDocument, pollCosts } from "../../stacks/costs/document.ts";
import { happyPath } from "../../stacks/costs/path.ts";
import { costOf, type Price, prices, type RegionPrice } from "../../stacks/costs/prices.ts";
import { quotas } from "../../stacks/costs/quotas.ts";
import {
  ACCESS_LOG_MONTHS,
  ASSUMED,
  anonymous,
  FLEETS,
  idle,
  LOG_MONTHS,
  managed,
  missesOf,
} from "../../stacks/costs/usage.ts";
import { settingsFrom } from "../../stacks/settings.ts";
import { readInventory } from "./inventory.ts";

const all = Object.entries(prices) as [string, Price][];

test("docs/COSTS.md is what the command prints (npm run costs -- --write renews it)", () => {
  expect(readFileSync(join(import.meta.dirname, "../../docs/COSTS.md"), "utf8")).toBe(costsDocument());
});

describe("a price", () => {
  const tiered: RegionPrice = {
    tiers: [
      [100, 2],
      [300, 1],
      [Number.POSITIVE_INFINITY, undefined],
    ],
    source: { url: "https://example.com" },
  };

  test.each([
    { quantity: 0, usd: 0, unpriced: 0 },
    { quantity: 50, usd: 10, unpriced: 0 },
    { quantity: 100, usd: 20, unpriced: 0 },
    { quantity: 200, usd: 30, unpriced: 0 },
    { quantity: 450, usd: 40, unpriced: 150 },
  ])("makes of $quantity units, 10 at a time, $usd USD and leaves $unpriced out", ({ quantity, usd, unpriced }) => {
    expect(costOf(tiered, 10, quantity)).toEqual({ usd, unpriced });
  });

  test.each(all)("of %s has a source and rising tiers that end nowhere", (_, { per, usEast1, euWest1 }) => {
    expect(per).toBeGreaterThan(0);
    for (const { tiers, source } of [usEast1, ...(euWest1 === undefined ? [] : [euWest1])]) {
      expect(new URL(source.url).protocol).toBe("https:");
      const ends = tiers.map(([upTo]) => upTo);
      expect(ends).toEqual([...new Set(ends)].sort((a, b) => a - b));
      expect(ends.at(-1)).toBe(Number.POSITIVE_INFINITY);
      expect(tiers[0]?.[1]).toBeGreaterThan(0);
    }
  });

  test.each(all.map(([name]) => name))("%s is of something that a stage or a device uses", (name) => {
    expect({ ...idle(), ...managed(1_000), ...anonymous(1_000) }).toHaveProperty(name);
  });
});

describe("a million polls", () => {
  const sums = (): number[] =>
    pollCosts().reduce<number[]>((all, [, row]) => row.map((cost, column) => (all[column] ?? 0) + cost), []);

  test("from the cache cost what CloudFront, its functions, WAF and the access log take, and nothing of Lambda", () => {
    // Requests, two functions each, WAF, 1 GB to the devices, 3.6 GB of log kept.
    expect(sums()[0]).toBeCloseTo(1 + 0.2 + 0.6 + 0.085 + 3.6 * 0.023, 6);
    for (const [what, [cached = 0]] of pollCosts()) if (/Lambda|DynamoDB|X-Ray/.test(what)) expect(cached).toBe(0);
  });

  test("cost the less the larger the fleet, between the cache's price and the function's", () => {
    const [cached = 0, computed = 0, ...fleets] = sums();
    expect(fleets).toHaveLength(FLEETS.length);
    const falling = [computed, ...fleets, cached];
    expect(falling).toEqual([...falling].sort((a, b) => b - a));
  });
});

describe("a workflow's steps when nothing goes wrong", () => {
  test("are those of its definition, those of a Map for each cell", () => {
    expect(happyPath("workspace.create", 2)).toEqual({
      transitions: 6,
      tasks: [
        "start-intent",
        "create-bucket",
        "secure-bucket",
        "create-device-policy",
        "create-thing-type",
        "finish-workspace",
      ],
    });
    const [none, two] = [happyPath("deployment.apply", 0), happyPath("deployment.apply", 2)];
    expect(none.tasks).toEqual(["start-intent", "list-cells-of-deployment", "finish-deployment"]);
    expect(none.transitions).toBe(5);
    expect(two.tasks.length).toBe(3 + 2 * 2);
    expect(two.transitions).toBe(5 + 2 * 4);
  });

  test("leave its loops when what they wait for is there", () => {
    expect(happyPath("component-version.publish", 0).tasks).not.toContain("fail-intent");
    expect(happyPath("component-version.publish", 0).transitions).toBe(11);
  });
});

describe("the use of a fleet", () => {
  test.each([
    { kind: "managed", of: managed },
    { kind: "anonymous", of: anonymous },
  ])("of $kind devices grows with it, and with nothing is nothing", ({ of }) => {
    for (const used of Object.values(of(0))) expect(used).toBe(0);
    const sizes = FLEETS.map(of) as Record<string, number>[];
    for (const [index, larger] of sizes.slice(1).entries()) {
      for (const [name, used] of Object.entries(larger)) expect(used, name).toBeGreaterThan(sizes[index]?.[name] ?? 0);
    }
  });

  test("reaches the origin with every poll when they are few, and at most as often as answers go stale", () => {
    expect(missesOf(1_000)).toBeCloseTo(1_000, -1);
    const seconds = (365 / 12) * 86_400;
    const most = (ASSUMED.questions.value * ASSUMED.edgeCaches.value * seconds) / 100;
    expect(missesOf(1e12)).toBeCloseTo(most, 0);
  });
});

test.each(quotas)("the quota $what has a source, and is needed the more the more devices there are", (quota) => {
  expect(new URL(quota.url).hostname).toBe("docs.aws.amazon.com");
  expect(quota.limit).toBeGreaterThan(0);
  const needs = FLEETS.map(quota.need);
  expect([...needs].sort((a, b) => a - b)).toEqual(needs);
  expect(needs[0]).toBeGreaterThan(0);
  // A stage of 1,000 devices fits into a new account.
  expect(needs[0]).toBeLessThan(quota.limit);
});

test("logs are kept as long as production keeps them", () => {
  const said = { uploads: { origins: ["https://console.example.com"] }, alarms: { email: "ops@example.com" } };
  const { retentionDays, accessLogDays } = settingsFrom("production", said).logs;
  expect(Math.round(retentionDays / (365 / 12))).toBe(LOG_MONTHS);
  expect(Math.round(accessLogDays / (365 / 12))).toBe(ACCESS_LOG_MONTHS);
});

test("a stage without devices is paid for as the stacks make it", () => {
  const inventory = readInventory();
  const made = (type: string) =>
    Object.entries(inventory).flatMap(([key, inputs]) => (key.startsWith(`${type} `) ? [inputs] : []));
  const watched = made("cloudwatch.MetricAlarm").map(({ metricQueries }) =>
    metricQueries === undefined ? 1 : (metricQueries as { metric?: object }[]).filter(({ metric }) => metric).length,
  );
  const rules = made("wafv2.WebAcl").map(
    (acl) => (acl.rules as { "by stage": { dev: unknown[] } })["by stage"].dev.length,
  );
  expect(idle()).toMatchObject({
    alarms: watched.reduce((sum, count) => sum + count, 0),
    dashboards: made("cloudwatch.Dashboard").length,
    keys: made("kms.Key").length,
    wafAcls: made("wafv2.WebAcl").length,
    wafRules: rules.reduce((sum, count) => sum + count, 0),
  });
});
