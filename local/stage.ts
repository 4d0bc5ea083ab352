import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CreateProvisioningTemplateCommand,
  CreateRoleAliasCommand,
  type IoTClient,
  ResourceAlreadyExistsException,
} from "@aws-sdk/client-iot";
import {
  BucketAlreadyOwnedByYou,
  CreateBucketCommand,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { awsNames, type Place, stageNames } from "../shared/names.ts";
import {
  DEVICE_CREDENTIAL_SECONDS,
  deviceRole,
  HOOK_PAYLOAD_VERSION,
  provisioningRole,
  provisioningTemplate,
} from "../shared/node/provisioning.ts";
import { UPLOADS } from "../shared/ota/release.ts";

const unlessThere = async (work: Promise<unknown>, ...there: readonly (new (...args: never[]) => Error)[]) => {
  try {
    await work;
  } catch (error) {
    if (!there.some((kind) => error instanceof kind)) throw error;
  }
};

/** Closed to the public, encrypted, open to uploads with a presigned URL from browsers, and rid of what none published. */
const secureOtaBucket = async (s3: S3Client, options: { otaBucket: string; origins: readonly string[] }) => {
  const Bucket = options.otaBucket;
  await s3.send(
    new PutPublicAccessBlockCommand({
      Bucket,
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    }),
  );
  await s3.send(
    new PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
      },
    }),
  );
  await s3.send(
    new PutBucketCorsCommand({
      Bucket,
      CORSConfiguration: {
        CORSRules: [
          {
            AllowedOrigins: [...options.origins],
            AllowedMethods: ["PUT"],
            AllowedHeaders: ["content-type", "x-amz-checksum-sha256"],
            ExposeHeaders: ["etag"],
          },
        ],
      },
    }),
  );
  await s3.send(
    new PutBucketLifecycleConfigurationCommand({
      Bucket,
      LifecycleConfiguration: {
        Rules: [
          {
            ID: "broken-off-uploads",
            Status: "Enabled",
            Filter: { Prefix: "" },
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
          },
          // A binary leaves this place when its release is published.
          { ID: "unpublished-uploads", Status: "Enabled", Filter: { Prefix: UPLOADS }, Expiration: { Days: 7 } },
        ],
      },
    }),
  );
};

/**
 * What the stacks make on AWS and no workflow does: the OTA bucket, the device and provisioning roles, the role alias,
 * the provisioning template. IAM itself is not emulated: the roles are kept as documents in `roles.json`.
 */
export const deployStage = async (
  place: Place,
  clients: { iot: IoTClient; s3: S3Client },
  options: { dir: string; otaBucket: string; origins: readonly string[] },
): Promise<void> => {
  const roles = [deviceRole(place), provisioningRole(place)];
  mkdirSync(options.dir, { recursive: true });
  writeFileSync(join(options.dir, "roles.json"), JSON.stringify(roles, null, 2));
  const roleArn = (name: string) => `arn:${place.partition}:iam::${place.accountId}:role/${name}`;
  const template = provisioningTemplate(place.stage);
  const hook = {
    payloadVersion: HOOK_PAYLOAD_VERSION,
    targetArn: `arn:${place.partition}:lambda:${place.region}:${place.accountId}:function:${stageNames(place).function("pre-provisioning")}`,
  };
  await Promise.all([
    unlessThere(
      clients.iot.send(
        new CreateRoleAliasCommand({
          roleAlias: awsNames.roleAlias(place.stage),
          roleArn: roleArn(awsNames.deviceRole(place.stage)),
          credentialDurationSeconds: DEVICE_CREDENTIAL_SECONDS,
        }),
      ),
      ResourceAlreadyExistsException,
    ),
    unlessThere(
      clients.iot.send(
        new CreateProvisioningTemplateCommand({
          templateName: template.name,
          templateBody: template.body,
          provisioningRoleArn: roleArn(awsNames.provisioningRole(place.stage)),
          enabled: true,
          preProvisioningHook: hook,
        }),
      ),
      ResourceAlreadyExistsException,
    ),
    unlessThere(clients.s3.send(new CreateBucketCommand({ Bucket: options.otaBucket })), BucketAlreadyOwnedByYou).then(
      () => secureOtaBucket(clients.s3, options),
    ),
  ]);
};
