import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { changes, type Inventory, inventoryOf, readInventory } from "./inventory.ts";
import { type Synthesis, synthesiseAll } from "./stages.ts";

test("the stacks have the types that SST and Pulumi ask for", async () => {
  const root = join(import.meta.dirname, "../..");
  const told = await promisify(execFile)("npx", ["--no-install", "tsc", "-p", "stacks"], { cwd: root }).then(
    () => "",
    ({ stdout, message }: { stdout: string; message: string }) => stdout || message,
  );
  expect(told).toBe("");
});

describe("the inventory", () => {
  let first: Synthesis[];
  let now: Inventory;
  beforeAll(async () => {
    first = await synthesiseAll();
    now = inventoryOf(first);
  });

  test("is as committed (npm run infra:check writes it)", () => {
    expect(changes(readInventory(), now)).toEqual([]);
    expect(now).toEqual(readInventory());
  });

  test("is the same each time", async () => {
    expect(inventoryOf(await synthesiseAll())).toEqual(now);
  });

  test("does not depend on the order in which resources are made", () => {
    const reversed = first.map((synthesis) => ({ ...synthesis, resources: [...synthesis.resources].reverse() }));
    expect(JSON.stringify(inventoryOf(reversed))).toBe(JSON.stringify(now));
  });

  test("has no path of this machine", () => {
    expect(JSON.stringify(now)).not.toContain(join(import.meta.dirname, "../.."));
  });
});

describe("changes are told", () => {
  const policy = (...sids: string[]) => ({ Statement: sids.map((Sid) => ({ Sid, Effect: "Allow" })) });
  const before: Inventory = {
    "lambda.Function a": { timeout: 30, environment: { variables: { STAGE: "{stage}" } } },
    "sqs.Queue b": { name: "{stage}-b" },
    "iam.RolePolicy c": policy("One", "Two"),
  };

  test("as nothing when there is none", () => {
    expect(changes(before, structuredClone(before))).toEqual([]);
  });

  test("by stage, where stages differ", () => {
    const days = { dev: 1, staging: 7 };
    const after = { "sqs.Queue b": { name: "{stage}-b", days: { "by stage": { ...days, staging: 9 } } } };
    expect(changes({ "sqs.Queue b": { name: "{stage}-b", days: { "by stage": days } } }, after)).toEqual([
      "~ sqs.Queue b.days (staging): 7 → 9",
    ]);
    expect(changes({ "sqs.Queue b": { name: "{stage}-b", days: 1 } }, after)).toEqual([
      "~ sqs.Queue b.days (staging): 1 → 9",
      "~ sqs.Queue b.days (production): no longer, was 1",
    ]);
  });

  test("by resource, member and item", () => {
    const after: Inventory = {
      "lambda.Function a": { timeout: 60, environment: { variables: { STAGE: "{stage}", EVENT_BUS: "bus" } } },
      "sns.Topic d": {},
      "iam.RolePolicy c": policy("Two", "Three"),
    };
    expect(changes(before, after)).toEqual([
      '~ iam.RolePolicy c.Statement.One: no longer, was {"Sid":"One","Effect":"Allow"}',
      '~ iam.RolePolicy c.Statement.Three: now {"Sid":"Three","Effect":"Allow"}',
      '~ lambda.Function a.environment.variables.EVENT_BUS: now "bus"',
      "~ lambda.Function a.timeout: 30 → 60",
      "+ sns.Topic d",
      "- sqs.Queue b",
    ]);
  });
});
