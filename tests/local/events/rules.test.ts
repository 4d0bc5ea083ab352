import { DescribeRuleCommand, ListRulesCommand, PutRuleCommand } from "@aws-sdk/client-eventbridge";
import { describe, expect, test } from "vitest";
import { parseSchedule } from "../../../local/events/schedule.ts";
import { until } from "../until.ts";
import { ACCOUNT, REGION, rule, useWorld } from "./support.ts";

const { world, start, payloads } = useWorld();

describe("rules", () => {
  test("are listed and described", async () => {
    const { client } = await start([rule(), rule({ name: "sweep", schedule: "rate(5 minutes)" })]);
    const { Rules = [] } = await client.send(new ListRulesCommand({}));
    const { Rules: prefixed = [] } = await client.send(new ListRulesCommand({ NamePrefix: "sw" }));
    const described = await client.send(new DescribeRuleCommand({ Name: "ordered" }));

    expect(Rules.map(({ Name }) => Name)).toEqual(["ordered", "sweep"]);
    expect(prefixed).toMatchObject([{ Name: "sweep", ScheduleExpression: "rate(5 minutes)", State: "ENABLED" }]);
    expect(JSON.parse(described.EventPattern ?? "")).toEqual({ source: ["shop"] });
    expect(described.Arn).toBe(`arn:aws:events:${REGION}:${ACCOUNT}:rule/ordered`);
  });

  test("that do not exist are not described, and none are made", async () => {
    const { client } = await start();
    await expect(client.send(new DescribeRuleCommand({ Name: "none" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    await expect(client.send(new PutRuleCommand({ Name: "new" }))).rejects.toMatchObject({
      name: "NotImplementedException",
      $metadata: { httpStatusCode: 501 },
    });
  });

  test.each([
    { note: "a malformed pattern", given: rule({ pattern: { source: "shop" } }) },
    { note: "a malformed schedule", given: rule({ schedule: "rate(1 minutes)" }) },
    { note: "a schedule on another bus", given: rule({ schedule: "rate(1 minute)", bus: "orders" }) },
    { note: "a pattern and a schedule", given: rule({ schedule: "rate(1 minute)", pattern: {} }) },
  ])("with $note are refused at the start", async ({ given }) => {
    await expect(start([given])).rejects.toThrow();
  });
});

describe("a schedule", () => {
  const sweep = rule({ name: "sweep", functionName: "sweep", schedule: "rate(1 minute)" });
  const scheduleScale = 0.001;

  test("runs its function again and again with a Scheduled Event", async () => {
    await start([sweep], { scheduleScale });
    await until(() => world.calls.length >= 3, { what: "three runs" });

    expect(payloads()[0]).toMatchObject({
      source: "aws.events",
      "detail-type": "Scheduled Event",
      resources: [`arn:aws:events:${REGION}:${ACCOUNT}:rule/sweep`],
      detail: {},
    });
    expect(new Set(payloads().map(({ id }) => id)).size).toBe(world.calls.length);
  });

  test("never overlaps itself", async () => {
    const other = { ...sweep, name: "other", functionName: "other" };
    let release: () => void = () => undefined;
    world.answer = (functionName) =>
      functionName === "other"
        ? { payload: null }
        : new Promise((resolve) => {
            release = () => resolve({ payload: null });
          });
    await start([sweep, other], { scheduleScale });
    const runsOf = (name: string) => world.calls.filter(({ functionName }) => functionName === name).length;
    await until(() => runsOf("other") >= 4, { what: "the other schedule to go on" });

    expect(runsOf("sweep")).toBe(1);
    release();
    await until(() => runsOf("sweep") === 2, { what: "the next run" });
    release();
  });

  test.each([
    { schedule: "rate(1 minute)", after: "2026-01-01T00:00:30Z", next: "2026-01-01T00:01:30.000Z" },
    { schedule: "rate(2 days)", after: "2026-01-01T00:00:00Z", next: "2026-01-03T00:00:00.000Z" },
    { schedule: "cron(0 12 * * ? *)", after: "2026-01-01T11:59:59Z", next: "2026-01-01T12:00:00.000Z" },
    { schedule: "cron(0 12 * * ? *)", after: "2026-01-01T12:00:00Z", next: "2026-01-02T12:00:00.000Z" },
    { schedule: "cron(0/15 * * * ? *)", after: "2026-01-01T00:16:00Z", next: "2026-01-01T00:30:00.000Z" },
    { schedule: "cron(*/20 8-9 * * ? *)", after: "2026-01-01T09:41:00Z", next: "2026-01-02T08:00:00.000Z" },
    { schedule: "cron(30 6 ? * MON-FRI *)", after: "2026-01-02T07:00:00Z", next: "2026-01-05T06:30:00.000Z" },
    { schedule: "cron(0 0 1 JAN,JUL ? *)", after: "2026-01-01T00:00:00Z", next: "2026-07-01T00:00:00.000Z" },
    { schedule: "cron(0 0 29 2 ? *)", after: "2026-01-01T00:00:00Z", next: "2028-02-29T00:00:00.000Z" },
  ])("$schedule after $after is due at $next", ({ schedule, after, next }) => {
    expect(new Date(parseSchedule(schedule)(Date.parse(after))).toISOString()).toBe(next);
  });

  test("in the past is never due", () => {
    expect(parseSchedule("cron(0 0 1 1 ? 2020)")(Date.parse("2026-01-01T00:00:00Z"))).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    "every minute",
    "rate(0 minutes)",
    "rate(1 minutes)",
    "rate(5 minute)",
    "rate(1 second)",
    "cron(0 12 * * *)",
    "cron(0 12 * * * *)",
    "cron(60 12 * * ? *)",
    "cron(0 12 L * ? *)",
  ])("%s is refused", (schedule) => {
    expect(() => parseSchedule(schedule)).toThrow(expect.objectContaining({ name: "InvalidSchedule" }));
  });
});
