import { beforeAll, describe, expect, test } from "vitest";
import { type Policy, resourcePolicies } from "./policies.ts";
import { ofType, only, STAGES, type Synthesis, synthesiseAll } from "./stages.ts";
import { ACCOUNT } from "./synthesise.ts";

let all: Synthesis[];
beforeAll(async () => {
  all = await synthesiseAll();
});

describe.each(STAGES)("webhooks of stage %s", (stage) => {
  test("have a key that the functions which sign for them may use alone, and under its own alias", () => {
    const it = all.find((synthesis) => synthesis.stage === stage) as Synthesis;
    const { inputs, retained } = only(ofType(it, "kms/key:Key").filter(({ name }) => name === "webhooks"));
    expect(inputs).toMatchObject({ keyUsage: "GENERATE_VERIFY_MAC", customerMasterKeySpec: "HMAC_256" });
    expect(retained).toBe(stage !== "dev");
    const alias = only(ofType(it, "kms/alias:Alias").filter(({ name }) => name === "webhooks"));
    expect(alias.inputs).toMatchObject({ name: `alias/${stage}-slipway-webhooks`, targetKeyId: "webhooks-key-id" });
    const { statements } = resourcePolicies(it).find(({ of }) => of === "aws:kms/key:Key webhooks") as Policy;
    const [use, ...others] = statements.filter(({ Action }) => Action.includes("kms:GenerateMac"));
    expect(others).toEqual([]);
    expect(use?.Condition).toEqual({
      ArnEquals: {
        "aws:PrincipalArn": [
          "api-create-webhook",
          "api-rotate-webhook-secret",
          "api-test-webhook",
          "send-webhooks",
          "deliver-webhook",
        ].map((name) => `arn:aws:iam::${ACCOUNT}:role/${stage}-${name}`),
      },
      StringEquals: { "kms:RequestAlias": `alias/${stage}-slipway-webhooks` },
    });
  });
});
