/// <reference path="../.sst/platform/config.d.ts" />
import { tables } from "../shared/declared/tables.ts";
import { UPLOADS } from "../shared/ota/release.ts";
import { SNAPSHOT_KEPT_DAYS, SNAPSHOTS } from "../shared/ota/snapshot.ts";
import { ARCHIVES, KEPT_DAYS } from "../shared/ota/stored-archive.ts";
import type { TableName } from "../shared/writes.ts";
import type { Stage } from "./stage.ts";

export interface Storage {
  readonly tables: Readonly<Record<TableName, aws.dynamodb.Table>>;
  /** Without a policy: `ota.ts` makes it, which knows the distribution that may read. */
  readonly otaBucket: aws.s3.Bucket;
  readonly importsBucket: aws.s3.Bucket;
  /** Takes access logs of buckets, below `s3/`, and of distributions, below `AWSLogs/`. */
  readonly logBucket: aws.s3.Bucket;
  readonly logBucketPolicy: aws.s3.BucketPolicy;
}

/**
 * A table as declared, paid by request. Its key is AWS's own for DynamoDB in this account: its use is on record, and
 * there is none to lose. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html
 */
const makeTable = ({ names, settings: { data, retain } }: Stage, name: TableName): aws.dynamodb.Table => {
  const { stream, ttl, indexes } = tables[name];
  const keys = new Set(["pk", "sk", ...indexes.flatMap(({ pk, sk }) => [pk, sk])]);
  return new aws.dynamodb.Table(
    name,
    {
      name: names.table(name),
      billingMode: "PAY_PER_REQUEST",
      hashKey: "pk",
      rangeKey: "sk",
      attributes: [...keys].sort().map((attribute) => ({ name: attribute, type: "S" })),
      globalSecondaryIndexes: indexes.map((index) => ({
        name: index.name,
        hashKey: index.pk,
        rangeKey: index.sk,
        projectionType: "ALL",
      })),
      ttl: { attributeName: ttl, enabled: true },
      ...(stream && { streamEnabled: true, streamViewType: "NEW_AND_OLD_IMAGES" }),
      pointInTimeRecovery: { enabled: true, recoveryPeriodInDays: data.recoveryDays },
      serverSideEncryption: { enabled: true },
      deletionProtectionEnabled: retain,
    },
    { retainOnDelete: retain },
  );
};

/** A statement by which a bucket refuses all that comes without TLS 1.2 or newer. */
const tlsOnly = (bucketArn: string) => {
  const deny = { Effect: "Deny", Principal: "*", Action: "s3:*", Resource: [bucketArn, `${bucketArn}/*`] };
  return [
    { Sid: "TlsOnly", ...deny, Condition: { Bool: { "aws:SecureTransport": "false" } } },
    { Sid: "Tls12OrNewer", ...deny, Condition: { NumericLessThan: { "s3:TlsVersion": "1.2" } } },
  ];
};

/** The policy of a bucket, which has one: what else may be done with it, and only over TLS 1.2 or newer. */
export const bucketPolicy = (
  name: string,
  bucket: aws.s3.Bucket,
  statements: $util.Input<readonly object[]>,
): aws.s3.BucketPolicy =>
  new aws.s3.BucketPolicy(name, {
    bucket: bucket.bucket,
    policy: $util.jsonStringify({
      Version: "2012-10-17",
      Statement: $util.all([bucket.arn, statements]).apply(([arn, more]) => [...tlsOnly(arn), ...more]),
    }),
  });

/** A bucket of the stage's own: closed to the public, without access lists, encrypted. */
const makeBucket = ({ settings: { retain } }: Stage, name: string, bucketName: string): aws.s3.Bucket => {
  const made = new aws.s3.Bucket(name, { bucket: bucketName, forceDestroy: !retain }, { retainOnDelete: retain });
  const bucket = made.bucket;
  new aws.s3.BucketPublicAccessBlock(name, {
    bucket,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  new aws.s3.BucketOwnershipControls(name, { bucket, rule: { objectOwnership: "BucketOwnerEnforced" } });
  new aws.s3.BucketServerSideEncryptionConfiguration(name, {
    bucket,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
  });
  return made;
};

const ABORT_UPLOADS = {
  id: "broken-off-uploads",
  status: "Enabled",
  filter: { prefix: "" },
  abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
};

/** Access logs: written once by AWS, and gone after their time. */
const makeLogBucket = (stage: Stage): Pick<Storage, "logBucket" | "logBucketPolicy"> => {
  const { place, names, settings } = stage;
  const bucket = makeBucket(stage, "logs", `slipway-${place.stage}-logs-${place.accountId}`);
  new aws.s3.BucketLifecycleConfiguration("logs", {
    bucket: bucket.bucket,
    rules: [
      ABORT_UPLOADS,
      {
        id: "old-logs",
        status: "Enabled",
        filter: { prefix: "" },
        expiration: { days: settings.logs.accessLogDays },
      },
    ],
  });
  const account = { "aws:SourceAccount": place.accountId };
  const logBucketPolicy = bucketPolicy(
    "logs",
    bucket,
    bucket.arn.apply((arn) => [
      {
        Sid: "LogsOfBuckets",
        Effect: "Allow",
        Principal: { Service: "logging.s3.amazonaws.com" },
        Action: "s3:PutObject",
        Resource: `${arn}/s3/*`,
        Condition: {
          StringEquals: account,
          ArnEquals: {
            "aws:SourceArn": [names.otaBucket, names.importsBucket].map(
              (name) => `arn:${place.partition}:s3:::${name}`,
            ),
          },
        },
      },
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html
      {
        Sid: "LogsOfDistributions",
        Effect: "Allow",
        Principal: { Service: "delivery.logs.amazonaws.com" },
        Action: "s3:PutObject",
        Resource: `${arn}/AWSLogs/${place.accountId}/*`,
        Condition: {
          StringEquals: { ...account, "s3:x-amz-acl": "bucket-owner-full-control" },
          ArnLike: {
            "aws:SourceArn": `arn:${place.partition}:logs:us-east-1:${place.accountId}:delivery-source:${place.stage}-*`,
          },
        },
      },
    ]),
  );
  return { logBucket: bucket, logBucketPolicy };
};

/** Releases: open to uploads with a presigned URL from browsers, and rid of what none published. */
const makeOtaBucket = (
  stage: Stage,
  { logBucket, logBucketPolicy }: ReturnType<typeof makeLogBucket>,
): aws.s3.Bucket => {
  const { names, settings } = stage;
  const made = makeBucket(stage, "ota", names.otaBucket);
  const bucket = made.bucket;
  const versioning = new aws.s3.BucketVersioning("ota", { bucket, versioningConfiguration: { status: "Enabled" } });
  new aws.s3.BucketLifecycleConfiguration(
    "ota",
    {
      bucket,
      rules: [
        ABORT_UPLOADS,
        // A binary leaves this place when its release is published, and then stays as long as the release.
        { id: "unpublished-uploads", status: "Enabled", filter: { prefix: UPLOADS }, expiration: { days: 7 } },
        // A device that asks for it again gets it made again.
        { id: "stored-archives", status: "Enabled", filter: { prefix: ARCHIVES }, expiration: { days: KEPT_DAYS } },
        // By then nobody believes them.
        {
          id: "old-snapshots",
          status: "Enabled",
          filter: { prefix: SNAPSHOTS },
          expiration: { days: SNAPSHOT_KEPT_DAYS },
        },
        {
          id: "deleted-objects",
          status: "Enabled",
          filter: { prefix: "" },
          noncurrentVersionExpiration: { noncurrentDays: settings.data.noncurrentVersionDays },
          expiration: { expiredObjectDeleteMarker: true },
        },
      ],
    },
    { dependsOn: versioning },
  );
  new aws.s3.BucketCorsConfiguration("ota", {
    bucket,
    corsRules: [
      {
        allowedOrigins: settings.uploads.origins,
        allowedMethods: ["PUT"],
        allowedHeaders: ["content-type", "x-amz-checksum-sha256"],
        exposeHeaders: ["etag"],
      },
    ],
  });
  new aws.s3.BucketLogging(
    "ota",
    { bucket, targetBucket: logBucket.bucket, targetPrefix: "s3/ota/" },
    { dependsOn: [logBucketPolicy] },
  );
  return made;
};

/** What is imported, and what came of it: for a week, without a way to bring it back, since the results hold tokens. */
const makeImportsBucket = (
  stage: Stage,
  { logBucket, logBucketPolicy }: ReturnType<typeof makeLogBucket>,
): aws.s3.Bucket => {
  const { names, settings } = stage;
  const made = makeBucket(stage, "imports", names.importsBucket);
  const bucket = made.bucket;
  new aws.s3.BucketLifecycleConfiguration("imports", {
    bucket,
    rules: [ABORT_UPLOADS, { id: "old-imports", status: "Enabled", filter: { prefix: "" }, expiration: { days: 7 } }],
  });
  new aws.s3.BucketCorsConfiguration("imports", {
    bucket,
    corsRules: [
      {
        allowedOrigins: settings.uploads.origins,
        allowedMethods: ["GET", "PUT"],
        allowedHeaders: ["content-type", "x-amz-checksum-sha256"],
        exposeHeaders: ["etag"],
      },
    ],
  });
  new aws.s3.BucketLogging(
    "imports",
    { bucket, targetBucket: logBucket.bucket, targetPrefix: "s3/imports/" },
    { dependsOn: [logBucketPolicy] },
  );
  bucketPolicy("imports", made, []);
  return made;
};

/** Tables and buckets. Workspaces' own buckets are made by their workflow. */
export const storage = (stage: Stage): Storage => {
  const logs = makeLogBucket(stage);
  return {
    tables: { control: makeTable(stage, "control"), ota: makeTable(stage, "ota") },
    otaBucket: makeOtaBucket(stage, logs),
    importsBucket: makeImportsBucket(stage, logs),
    ...logs,
  };
};
