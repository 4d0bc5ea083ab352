/// <reference path="../.sst/platform/config.d.ts" />
import type { Stage } from "./stage.ts";

/** What the names of the stage's log groups start with; the key serves no others. */
const logGroupsOf = ({ place: { stage }, settings }: Stage): string[] => [
  `/aws/lambda/${stage}-`,
  `/aws/vendedlogs/states/${stage}-`,
  `/aws/vendedlogs/apis/${stage}-`,
  ...(settings.devices.setIotLogging ? ["AWSIotLogsV2", "/aws/greengrass/GreengrassSystemComponent/"] : []),
];

/** Whoever administers the account may manage a key and, unlike with AWS's default policy, not use it. */
export const keyAdministration = ({ place }: Stage, more: readonly string[] = []) => ({
  Sid: "Administration",
  Effect: "Allow",
  Principal: { AWS: `arn:${place.partition}:iam::${place.accountId}:root` },
  Action: [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    ...more,
  ],
  Resource: "*",
});

/**
 * The stage's key: for log groups, and for the topic of the alarms, which CloudWatch cannot publish to under AWS's own
 * key.
 * Tables, buckets and queues have AWS's keys: theirs would let nobody in whom IAM does not let in already, but would
 * make every role name the key, and lose the data with the key.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
 */
export const encryption = (stage: Stage): aws.kms.Key => {
  const { region, accountId } = stage.place;
  const ofAccount = { StringEquals: { "aws:SourceAccount": accountId } };
  const key = new aws.kms.Key("stage", {
    description: `Logs and alarms of Slipway's stage ${stage.place.stage}`,
    enableKeyRotation: true,
    deletionWindowInDays: stage.settings.kind === "personal" ? 7 : 30,
    policy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        keyAdministration(stage),
        {
          Sid: "Logs",
          Effect: "Allow",
          Principal: { Service: `logs.${region}.amazonaws.com` },
          Action: ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
          Resource: "*",
          Condition: {
            ArnLike: {
              "kms:EncryptionContext:aws:logs:arn": logGroupsOf(stage).map((prefix) =>
                stage.arn("logs", `log-group:${prefix}*`),
              ),
            },
          },
        },
        {
          Sid: "Alarms",
          Effect: "Allow",
          Principal: { Service: ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] },
          Action: ["kms:Decrypt", "kms:GenerateDataKey*"],
          Resource: "*",
          Condition: ofAccount,
        },
      ],
    }),
  });
  new aws.kms.Alias("stage", { name: `alias/${stage.place.stage}-slipway`, targetKeyId: key.keyId });
  return key;
};

/** A log group of the stage. @param name starts with one of {@link logGroupsOf} */
export const logGroup = (stage: Stage, key: aws.kms.Key, name: string): aws.cloudwatch.LogGroup => {
  if (!logGroupsOf(stage).some((prefix) => name.startsWith(prefix))) throw new Error(`the key does not serve ${name}`);
  return new aws.cloudwatch.LogGroup(name, {
    name,
    kmsKeyId: key.arn,
    retentionInDays: stage.settings.logs.retentionDays,
  });
};
