import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { functionRoles, workflowRoles } from "../../functions/roles.ts";
import { isAllowed } from "../../local/iam/evaluate.ts";
import type { Decision } from "../../local/iam/identities.ts";
import { startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { walk } from "./support/walk.ts";

const PLACE = { partition: "aws", region: "eu-west-1", accountId: "123456789012", stage: "local" };
const roles = [...Object.values(functionRoles(PLACE)), ...Object.values(workflowRoles(PLACE))];

/** What the embedded cloud has no stand-in for, so that no walk can need it; tests of the infrastructure hold these. */
const NOT_EMULATED = new Set(["Traces", "LogDelivery"]);

const statements = roles.flatMap(({ name, policy }) =>
  policy.Statement.filter(({ Sid }) => !NOT_EMULATED.has(Sid)).map(({ Sid }) => ({ name, Sid, policy })),
);

let cloud: TestCloud;
let decisions: readonly Decision[];

beforeAll(async () => {
  cloud = await startTestCloud();
  await walk(cloud);
  decisions = await controlOf(cloud.endpoints).decisions();
});
afterAll(() => cloud?.remove());

test("every request of the walk is signed by a role of the stage, and none but what its policy allows is done", () => {
  expect(new Set(decisions.map(({ role }) => role))).toEqual(new Set(roles.map(({ name }) => name)));
});

describe("without the statement, something that the product does is refused:", () => {
  test.each(statements)("$name/$Sid", ({ name, Sid, policy }) => {
    const rest = { ...policy, Statement: policy.Statement.filter((statement) => statement.Sid !== Sid) };
    const needed = decisions.filter(({ role, ...request }) => role === name && !isAllowed(rest, request));
    expect(needed).not.toEqual([]);
  });
});

test.each([
  ["local-create-thing/Things", "iot:CreateThing"],
  ["local-api-create-workspace/OtaTable", "dynamodb:PutItem"],
  ["local-workspace-create-workflow/Tasks", "lambda:InvokeFunction"],
])("the walk itself stops without %s", async (statement, action) => {
  const lacking = await startTestCloud(["--test-mode", "--retry-scale", "0.02", "--without-statement", statement]);
  try {
    await expect(walk(lacking)).rejects.toThrow();
    expect((await controlOf(lacking.endpoints).decisions()).map((decision) => decision.action)).not.toContain(action);
  } finally {
    await lacking.remove();
  }
});
