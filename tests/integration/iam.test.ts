import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { functionRoles, workflowRoles } from "../../functions/roles.ts";
import { compilePolicy } from "../../local/iam/evaluate.ts";
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
}, 300_000);
afterAll(() => cloud?.remove());

test("every request of the walk is signed by a role of the stage, and none but what its policy allows is done", () => {
  expect(new Set(decisions.map(({ role }) => role))).toEqual(new Set(roles.map(({ name }) => name)));
});

describe("without the statement, something that the product does is refused:", () => {
  test.each(statements)("$name/$Sid", ({ name, Sid, policy }) => {
    const rest = { ...policy, Statement: policy.Statement.filter((statement) => statement.Sid !== Sid) };
    const evaluate = compilePolicy(rest);
    const needed = decisions.filter(({ role, ...request }) => role === name && evaluate(request) !== "allowed");
    expect(needed).not.toEqual([]);
  });
});

/** Actions that the walk does without, by role and statement: what for they are there, and where that is tested. */
const BESIDE_THE_WALK: readonly (readonly [role: RegExp, actions: RegExp, reason: string])[] = [
  [/./, /^Traces |^LogDelivery /, "not emulated"],
  [/./, /^Logs logs:CreateLogStream$/, "Lambda's log streams are not emulated"],
  [
    /^local-api-(create|update|delete|publish|start|import|refresh|roll-back|replace|pause|resume|withdraw|promote|repair|adopt)-/,
    /^ControlTable dynamodb:(Get|Put|Update|Delete)Item$/,
    "an Idempotency-Key is claimed, taken over, answered and given up: api/idempotency.test.ts",
  ],
  [/^local-create-bucket$/, /^ControlTable dynamodb:UpdateItem$/, "another name where the bucket's is taken"],
  [/^local-create-device-policy$/, /^DevicePolicies iot:GetPolicy$/, "whether a policy that is there is the same"],
  [
    /^local-finish-(workspace|node-group|node|node-move|deployment|component-import)$/,
    /^ControlTable dynamodb:GetItem$/,
    "a repeated step",
  ],
  [
    /^local-(create|describe)-component-version$/,
    /^ComponentVersions greengrass:(Describe|Delete)Component$/,
    "what a failed publication left: components.test.ts",
  ],
  [
    /^local-(refresh|renew)-snapshots$/,
    /^SigningKeys kms:GetPublicKey$/,
    "a key that the stage has more than before: ota-signatures.test.ts",
  ],
  [
    /^local-(compress-release|check-node-import|finish-node-import|package-sources)$/,
    /^(OtaObjects|ImportWork|ImportResults|Artifacts) s3:AbortMultipartUpload$/,
    "what an upload that fails has sent so far",
  ],
  [
    /^local-accept-intent$/,
    /^(ControlTable dynamodb:DeleteItem|OtaTable dynamodb:(ConditionCheckItem|PutItem|Query))$/,
    "calls the handlers of many operations, each of which is walked through under its own role",
  ],
  [
    /^local-verify-artifacts$/,
    /^(Artifacts s3:DeleteObject|ControlTable dynamodb:DeleteItem)$/,
    "a package that was changed behind the API: publishing.test.ts",
  ],
  [
    /^local-repair-drift$/,
    /^ThingGroups iot:CreateJob$/,
    "a deployment of a node group's own thing group is taken back: truth.test.ts",
  ],
];

test("no action is in a policy for nothing", () => {
  const idle = roles.flatMap(({ name, policy }) =>
    policy.Statement.flatMap((statement) =>
      statement.Action.filter((action) => {
        const less = { ...statement, Action: statement.Action.filter((one) => one !== action) };
        const rest = { ...policy, Statement: policy.Statement.map((one) => (one === statement ? less : one)) };
        const evaluate = compilePolicy(rest);
        return !decisions.some(({ role, ...request }) => role === name && evaluate(request) !== "allowed");
      }).map((action) => ({ name, action: `${statement.Sid} ${action}` })),
    ),
  );
  const explains = ([role, actions]: (typeof BESIDE_THE_WALK)[number], { name, action }: (typeof idle)[number]) =>
    role.test(name) && actions.test(action);
  expect(idle.filter((one) => !BESIDE_THE_WALK.some((row) => explains(row, one)))).toEqual([]);
  expect(BESIDE_THE_WALK.filter((row) => !idle.some((one) => explains(row, one)))).toEqual([]);
});

test.each([
  "local-create-thing/Things",
  "local-api-create-workspace/OtaTable",
  "local-workspace-create-workflow/Tasks",
])("the walk itself stops without %s", async (statement) => {
  const lacking = await startTestCloud([
    "--test-mode",
    "--retry-scale",
    "0.02",
    "--webhooks-here",
    "--without-statement",
    statement,
  ]);
  try {
    await expect(walk(lacking)).rejects.toThrow();
  } finally {
    await lacking.remove();
  }
});
