/// <reference path="../.sst/platform/config.d.ts" />
import { functions as declaredFunctions } from "../functions/declared.ts";
import { functionRoles } from "../functions/roles.ts";
import { keyAdministration } from "./encryption.ts";
import type { Stage } from "./stage.ts";

/** The roles of the functions that sign for webhooks. */
const signers = ({ place }: Stage): string[] => {
  const roles = functionRoles(place);
  return Object.entries(declaredFunctions).flatMap(([name, { permissions }]) => {
    const role = roles[name];
    if (role === undefined || !permissions.includes("webhook-key:GenerateMac")) return [];
    return [`arn:${place.partition}:iam::${place.accountId}:role/${role.name}`];
  });
};

/**
 * The key from which webhooks' secrets are derived (docs/adr/0027-webhooks-secrets-are-derived.md). It is kept with the tables:
 * without it, every receiver would need another secret. Those who administer it may not use it.
 */
export const webhookKey = (stage: Stage): void => {
  const alias = stage.names.webhookKey;
  const key = new aws.kms.Key(
    "webhooks",
    {
      description: `Secrets of webhooks of Slipway's stage ${stage.place.stage}`,
      customerMasterKeySpec: "HMAC_256",
      keyUsage: "GENERATE_VERIFY_MAC",
      deletionWindowInDays: 30,
      policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          keyAdministration(stage),
          {
            Sid: "Secrets",
            Effect: "Allow",
            Principal: { AWS: `arn:${stage.place.partition}:iam::${stage.place.accountId}:root` },
            Action: ["kms:GenerateMac"],
            Resource: "*",
            Condition: {
              ArnEquals: { "aws:PrincipalArn": signers(stage) },
              StringEquals: { "kms:RequestAlias": alias },
            },
          },
        ],
      }),
    },
    { retainOnDelete: stage.settings.retain },
  );
  new aws.kms.Alias("webhooks", { name: alias, targetKeyId: key.keyId });
};
