import { expect, test } from "vitest";
import { type Route, routes } from "../../../shared/declared/routes.ts";
import { ASKABLE, CreateEventRule } from "../../../shared/event-rule/event-rule.ts";
import { isRole } from "../../../shared/workspace/access.ts";

test("events may ask for every operation of a workspace that makes an intent, and for no other", () => {
  const making = Object.entries<Route>(routes).filter(([, { status, access }]) => status === 202 && isRole(access));
  expect([...ASKABLE].sort()).toEqual(making.map(([name]) => name).sort());
});

test.each([
  ["com.example.ci", true],
  ["slipwayish", true],
  ["slipway", false],
  ["slipway.push", false],
  ["aws.s3", false],
  ["", false],
  ["a b", false],
])("a rule for the source %j is taken: %s", (source, taken) => {
  expect(CreateEventRule.safeParse({ source, operations: ["deleteNode"] }).success).toBe(taken);
});
