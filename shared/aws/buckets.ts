import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetBucketTaggingCommand,
  ListObjectsV2Command,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketTaggingCommand,
  PutPublicAccessBlockCommand,
} from "@aws-sdk/client-s3";
import { AppError } from "../problems.ts";
import { DROP, DROP_DAYS } from "../push/manifest.ts";
import { isAwsError } from "./aws-errors.ts";
import { s3Client } from "./objects.ts";

/** The tag by which a bucket says whose it is. */
const OWNER_TAG = "slipway:workspace";

/**
 * Makes the bucket, in this region, for an owner, or finds that it is the owner's already.
 * @returns false when the name belongs to another account, or to another owner in this one.
 */
export const createBucket = async (bucket: string, owner: string): Promise<boolean> => {
  const region = await s3Client().config.region();
  try {
    await s3Client().send(
      new CreateBucketCommand({
        Bucket: bucket,
        // us-east-1 is the one region that must not be named (S3 API reference, CreateBucket).
        ...(region !== "us-east-1" && { CreateBucketConfiguration: { LocationConstraint: region as "eu-west-1" } }),
      }),
    );
  } catch (error) {
    if (isAwsError(error, "BucketAlreadyExists")) return false;
    if (!isAwsError(error, "BucketAlreadyOwnedByYou")) throw error;
  }
  // In us-east-1 the account's own bucket is made "again": who it belongs to is asked either way.
  const current = await ownerOf(bucket);
  if (current !== undefined) return current === owner;
  const { Contents = [] } = await s3Client().send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 1 }));
  if (Contents.length > 0) return false; // of someone who does not tag
  await s3Client().send(
    new PutBucketTaggingCommand({ Bucket: bucket, Tagging: { TagSet: [{ Key: OWNER_TAG, Value: owner }] } }),
  );
  return true;
};

const ownerOf = async (bucket: string): Promise<string | undefined> => {
  try {
    const { TagSet = [] } = await s3Client().send(new GetBucketTaggingCommand({ Bucket: bucket }));
    return TagSet.find(({ Key }) => Key === OWNER_TAG)?.Value;
  } catch (error) {
    if (isAwsError(error, "NoSuchTagSet")) return undefined;
    throw error;
  }
};

/** Encrypted, closed to the public, open to uploads from `origins` with a presigned URL, events to EventBridge. */
export const secureBucket = async (bucket: string, origins: readonly string[]): Promise<void> => {
  const s3 = s3Client();
  await s3.send(
    new PutPublicAccessBlockCommand({
      Bucket: bucket,
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
      Bucket: bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
      },
    }),
  );
  await s3.send(
    new PutBucketCorsCommand({
      Bucket: bucket,
      CORSConfiguration: {
        CORSRules: [
          {
            AllowedOrigins: [...origins],
            AllowedMethods: ["GET", "PUT"],
            AllowedHeaders: ["content-type", "if-none-match", "x-amz-checksum-sha256"],
            ExposeHeaders: ["etag"],
            MaxAgeSeconds: 3_600,
          },
        ],
      },
    }),
  );
  await s3.send(
    new PutBucketLifecycleConfigurationCommand({
      Bucket: bucket,
      LifecycleConfiguration: {
        Rules: [
          {
            ID: "broken-off-uploads",
            Status: "Enabled",
            Filter: { Prefix: "" },
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
          },
          { ID: "old-drops", Status: "Enabled", Filter: { Prefix: DROP }, Expiration: { Days: DROP_DAYS } },
        ],
      },
    }),
  );
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: bucket,
      NotificationConfiguration: { EventBridgeConfiguration: {} },
    }),
  );
};

/**
 * Deletes objects below a prefix until none is left or the time is over.
 * @returns whether none is left; an absent bucket has none.
 */
export const emptyBucket = async (bucket: string, prefix: string, deadline: number): Promise<boolean> => {
  while (Date.now() < deadline) {
    try {
      const { Contents = [] } = await s3Client().send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1_000 }),
      );
      if (Contents.length === 0) return true;
      const { Errors = [] } = await s3Client().send(
        new DeleteObjectsCommand({
          Bucket: bucket,
          Delete: { Objects: Contents.map(({ Key }) => ({ Key: Key ?? "" })), Quiet: true },
        }),
      );
      const [refused] = Errors;
      if (refused) throw new AppError("unavailable", `S3 did not delete ${refused.Key}: ${refused.Code}`);
    } catch (error) {
      if (isAwsError(error, "NoSuchBucket")) return true;
      throw error;
    }
  }
  return false;
};

/** Idempotent. @throws AppError `busy` when a late upload has put something into it. */
export const deleteBucket = async (bucket: string): Promise<void> => {
  try {
    await s3Client().send(new DeleteBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if (isAwsError(error, "BucketNotEmpty")) {
      throw new AppError("busy", `something was put into ${bucket} after it was emptied`, { cause: error });
    }
    if (!isAwsError(error, "NoSuchBucket")) throw error;
  }
};
