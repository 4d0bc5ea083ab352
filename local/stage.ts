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
import { SNAPSHOT_KEPT_DAYS, SNAPSHOTS } from "../shared/ota/snapshot.ts";
import { ARCHIVES, KEPT_DAYS } from "../shared/ota/stored-archive.ts";

const unlessThere = async (work: Promise<unknown>, ...there: readonly (new (...args: never[]) => Error)[]) => {
  try {
    await work;
  } catch (error) {
    if (!there.some((kind) => error instanceof kind)) throw error;
  }
};

interface BucketOfStage {
  readonly name: string;
  /** What web pages may do with a presigned URL. */
  readonly methods: readonly string[];
  readonly expiries: readonly { readonly id: string; readonly prefix: string; readonly days: number }[];
}

/** Closed to the public, encrypted, open to web pages with a presigned URL, and rid of what has had its time. */
const makeBucket = async (
  s3: S3Client,
  { name: Bucket, methods, expiries }: BucketOfStage,
  origins: readonly string[],
): Promise<void> => {
  await unlessThere(s3.send(new CreateBucketCommand({ Bucket })), BucketAlreadyOwnedByYou);
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
            AllowedOrigins: [...origins],
            AllowedMethods: [...methods],
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
          ...expiries.map(({ id, prefix, days }) => ({
            ID: id,
            Status: "Enabled" as const,
            Filter: { Prefix: prefix },
            Expiration: { Days: days },
          })),
        ],
      },
    }),
  );
};

const bucketsOf = (place: Place): readonly BucketOfStage[] => {
  const { otaBucket, importsBucket } = stageNames(place);
  return [
    // A binary leaves this place when its release is published.
    {
      name: otaBucket,
      methods: ["PUT"],
      expiries: [
        // A binary leaves this place when its release is published.
        { id: "unpublished-uploads", prefix: UPLOADS, days: 7 },
        { id: "stored-archives", prefix: ARCHIVES, days: KEPT_DAYS },
        { id: "old-snapshots", prefix: SNAPSHOTS, days: SNAPSHOT_KEPT_DAYS },
      ],
    },
    {
      name: importsBucket,
      methods: ["GET", "PUT"],
      expiries: [{ id: "old-imports", prefix: "", days: 7 }],
    },
  ];
};

/**
 * What the stacks make on AWS and no workflow does: buckets, the device and provisioning roles, the role alias,
 * the provisioning template. IAM itself is not emulated: the roles are kept as documents in `roles.json`.
 */
export const deployStage = async (
  place: Place,
  clients: { iot: IoTClient; s3: S3Client },
  options: { dir: string; origins: readonly string[] },
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
    ...bucketsOf(place).map((bucket) => makeBucket(clients.s3, bucket, options.origins)),
  ]);
};
