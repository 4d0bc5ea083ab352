import {
  type CORSRule,
  DeleteBucketCorsCommand,
  DeleteBucketEncryptionCommand,
  DeleteBucketOwnershipControlsCommand,
  DeleteBucketPolicyCommand,
  DeleteBucketTaggingCommand,
  DeletePublicAccessBlockCommand,
  GetBucketCorsCommand,
  GetBucketEncryptionCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetBucketTaggingCommand,
  GetPublicAccessBlockCommand,
  PutBucketCorsCommand,
  PutBucketEncryptionCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutPublicAccessBlockCommand,
  type Tag,
} from "@aws-sdk/client-s3";
import { api, bucket, ERRORS, guide, type S3Row, unique, type World } from "./world.ts";

type Step = (Bucket: string, world: World) => Promise<object>;

/** The last of some steps on a new bucket. */
const row = (
  operation: string,
  when: string,
  steps: readonly Step[],
  status: number,
  rest: { readonly code?: string; readonly fields?: object } = {},
  source = api(operation),
): S3Row => ({
  operation,
  when,
  send: async (world) => {
    const Bucket = await bucket(world);
    let answer: object = {};
    for (const step of steps) answer = await step(Bucket, world);
    return answer;
  },
  expect: { status, ...rest } as S3Row["expect"],
  source,
});

const DEFAULT_ENCRYPTION = {
  ServerSideEncryptionConfiguration: {
    Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false }],
  },
};
const getEncryption: Step = (Bucket, { s3 }) => s3.send(new GetBucketEncryptionCommand({ Bucket }));
const encryption: readonly S3Row[] = [
  row("GetBucketEncryption", "the bucket is new", [getEncryption], 200, { fields: DEFAULT_ENCRYPTION }),
  row(
    "PutBucketEncryption",
    "it asks for SSE-S3",
    [
      (Bucket, { s3 }) =>
        s3.send(
          new PutBucketEncryptionCommand({
            Bucket,
            ServerSideEncryptionConfiguration: {
              Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
            },
          }),
        ),
    ],
    200,
  ),
  row(
    "PutBucketEncryption",
    "it names a key for SSE-S3",
    [
      (Bucket, { s3 }) =>
        s3.send(
          new PutBucketEncryptionCommand({
            Bucket,
            ServerSideEncryptionConfiguration: {
              Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256", KMSMasterKeyID: "key" } }],
            },
          }),
        ),
    ],
    400,
    { code: "InvalidArgument" },
    api("ServerSideEncryptionByDefault"),
  ),
  row(
    "DeleteBucketEncryption",
    "it is reset to SSE-S3",
    [(Bucket, { s3 }) => s3.send(new DeleteBucketEncryptionCommand({ Bucket }))],
    204,
  ),
  row(
    "GetBucketEncryption",
    "it was deleted",
    [(Bucket, { s3 }) => s3.send(new DeleteBucketEncryptionCommand({ Bucket })), getEncryption],
    200,
    { fields: DEFAULT_ENCRYPTION },
    api("DeleteBucketEncryption"),
  ),
];

const BLOCKS = {
  BlockPublicAcls: true,
  IgnorePublicAcls: false,
  BlockPublicPolicy: false,
  RestrictPublicBuckets: false,
};
const ALL_BLOCKED = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
};
const putBlocks: Step = (Bucket, { s3 }) =>
  s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: BLOCKS }));
const deleteBlocks: Step = (Bucket, { s3 }) => s3.send(new DeletePublicAccessBlockCommand({ Bucket }));
const getBlocks: Step = (Bucket, { s3 }) => s3.send(new GetPublicAccessBlockCommand({ Bucket }));
const publicAccess: readonly S3Row[] = [
  row("GetPublicAccessBlock", "the bucket is new: all is blocked", [getBlocks], 200, {
    fields: { PublicAccessBlockConfiguration: ALL_BLOCKED },
  }),
  row("PutPublicAccessBlock", "it opens some of it", [putBlocks], 200),
  row("GetPublicAccessBlock", "it was put", [putBlocks, getBlocks], 200, {
    fields: { PublicAccessBlockConfiguration: BLOCKS },
  }),
  row("DeletePublicAccessBlock", "it is there", [deleteBlocks], 204),
  row("GetPublicAccessBlock", "it was deleted", [deleteBlocks, getBlocks], 404, {
    code: "NoSuchPublicAccessBlockConfiguration",
  }),
];

const getOwnership: Step = (Bucket, { s3 }) => s3.send(new GetBucketOwnershipControlsCommand({ Bucket }));
const putOwnership: Step = (Bucket, { s3 }) =>
  s3.send(
    new PutBucketOwnershipControlsCommand({
      Bucket,
      OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerPreferred" }] },
    }),
  );
const deleteOwnership: Step = (Bucket, { s3 }) => s3.send(new DeleteBucketOwnershipControlsCommand({ Bucket }));
const ownership: readonly S3Row[] = [
  row(
    "GetBucketOwnershipControls",
    "the bucket is new: ACLs are disabled",
    [getOwnership],
    200,
    { fields: { OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerEnforced" }] } } },
    guide("about-object-ownership"),
  ),
  row("PutBucketOwnershipControls", "it is one of the three", [putOwnership], 200),
  row("GetBucketOwnershipControls", "it was put", [putOwnership, getOwnership], 200, {
    fields: { OwnershipControls: { Rules: [{ ObjectOwnership: "BucketOwnerPreferred" }] } },
  }),
  row("DeleteBucketOwnershipControls", "it is there", [deleteOwnership], 204),
  row(
    "GetBucketOwnershipControls",
    "it was deleted",
    [deleteOwnership, getOwnership],
    404,
    { code: "OwnershipControlsNotFoundError" },
    ERRORS,
  ),
];

const RULE: CORSRule = {
  ID: "one",
  AllowedOrigins: ["https://*.example.com"],
  AllowedMethods: ["GET", "PUT"],
  AllowedHeaders: ["*"],
  ExposeHeaders: ["ETag"],
  MaxAgeSeconds: 60,
};
const putCors =
  (...CORSRules: CORSRule[]): Step =>
  (Bucket, { s3 }) =>
    s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
const getCors: Step = (Bucket, { s3 }) => s3.send(new GetBucketCorsCommand({ Bucket }));
const deleteCors: Step = (Bucket, { s3 }) => s3.send(new DeleteBucketCorsCommand({ Bucket }));
const cors: readonly S3Row[] = [
  row("GetBucketCors", "there is none", [getCors], 404, { code: "NoSuchCORSConfiguration" }, ERRORS),
  row("PutBucketCors", "it has one rule", [putCors(RULE)], 200),
  row("GetBucketCors", "it was put", [putCors(RULE), getCors], 200, { fields: { CORSRules: [RULE] } }),
  row("PutBucketCors", "a method is none that S3 allows", [putCors({ ...RULE, AllowedMethods: ["PATCH"] })], 400, {
    // The schema lists the methods, and what it does not allow is malformed.
    code: "MalformedXML",
  }),
  row(
    "PutBucketCors",
    "an origin has two wildcards",
    [putCors({ ...RULE, AllowedOrigins: ["https://*.*"] })],
    400,
    { code: "InvalidRequest" },
    guide("ManageCorsUsing"),
  ),
  row("PutBucketCors", "it has 100 rules", [putCors(...Array<CORSRule>(100).fill(RULE))], 200),
  row("PutBucketCors", "it has 101 rules", [putCors(...Array<CORSRule>(101).fill(RULE))], 400, {
    code: "MalformedXML",
  }),
  row("DeleteBucketCors", "it is there", [putCors(RULE), deleteCors], 204),
  row("DeleteBucketCors", "there is none", [deleteCors], 204),
  row("GetBucketCors", "it was deleted", [putCors(RULE), deleteCors, getCors], 404, {
    code: "NoSuchCORSConfiguration",
  }),
];

const tagBucket =
  (TagSet: Tag[]): Step =>
  (Bucket, { s3 }) =>
    s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
const getTags: Step = (Bucket, { s3 }) => s3.send(new GetBucketTaggingCommand({ Bucket }));
const untag: Step = (Bucket, { s3 }) => s3.send(new DeleteBucketTaggingCommand({ Bucket }));
const tags = (count: number): Tag[] => Array.from({ length: count }, (_, n) => ({ Key: `k${n}`, Value: `v${n}` }));
const tagging: readonly S3Row[] = [
  row("GetBucketTagging", "there is none", [getTags], 404, { code: "NoSuchTagSet" }),
  row("PutBucketTagging", "it has 50 tags", [tagBucket(tags(50))], 204),
  row(
    "PutBucketTagging",
    "it has 51 tags",
    [tagBucket(tags(51))],
    400,
    { code: "BadRequest" },
    guide("CostAllocTagging"),
  ),
  row(
    "PutBucketTagging",
    "a key comes twice",
    [
      tagBucket([
        { Key: "a", Value: "1" },
        { Key: "a", Value: "2" },
      ]),
    ],
    400,
    { code: "InvalidTag" },
  ),
  row("PutBucketTagging", "a key is AWS's own", [tagBucket([{ Key: "aws:a", Value: "1" }])], 400, {
    code: "InvalidTag",
  }),
  row("GetBucketTagging", "it was put", [tagBucket([{ Key: "a", Value: "é" }]), getTags], 200, {
    fields: { TagSet: [{ Key: "a", Value: "é" }] },
  }),
  row("DeleteBucketTagging", "it is there", [tagBucket(tags(1)), untag], 204),
  row("GetBucketTagging", "it was deleted", [tagBucket(tags(1)), untag, getTags], 404, { code: "NoSuchTagSet" }),
];

const getNotification: Step = (Bucket, { s3 }) => s3.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
const putNotification: Step = (Bucket, { s3 }) =>
  s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket,
      NotificationConfiguration: { EventBridgeConfiguration: {} },
    }),
  );
const notification: readonly S3Row[] = [
  row("GetBucketNotificationConfiguration", "there is none", [getNotification], 200, {
    fields: { EventBridgeConfiguration: undefined },
  }),
  row("PutBucketNotificationConfiguration", "it turns EventBridge on", [putNotification], 200),
  row("GetBucketNotificationConfiguration", "it was put", [putNotification, getNotification], 200, {
    fields: { EventBridgeConfiguration: {} },
  }),
];

const statement = (Bucket: string, more: object = {}) => ({
  Effect: "Allow",
  Principal: { AWS: "arn:aws:iam::111122223333:root" },
  Action: "s3:GetObject",
  Resource: `arn:aws:s3:::${Bucket}/*`,
  ...more,
});
const policyOf = (...statements: object[]) => JSON.stringify({ Version: "2012-10-17", Statement: statements });
const putPolicy =
  (policy: (Bucket: string) => string): Step =>
  (Bucket, { s3 }) =>
    s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policy(Bucket) }));
const getPolicy: Step = (Bucket, { s3 }) => s3.send(new GetBucketPolicyCommand({ Bucket }));
const getStatus: Step = (Bucket, { s3 }) => s3.send(new GetBucketPolicyStatusCommand({ Bucket }));
const deletePolicy: Step = (Bucket, { s3 }) => s3.send(new DeleteBucketPolicyCommand({ Bucket }));
const forOne = (Bucket: string) => policyOf(statement(Bucket));
const forAll = (Bucket: string) => policyOf(statement(Bucket, { Principal: "*" }));
const forNetwork = (Bucket: string) =>
  policyOf(statement(Bucket, { Principal: "*", Condition: { StringEquals: { "aws:SourceVpc": "vpc-1" } } }));
const BLOCK_PUBLIC = guide("access-control-block-public-access");
const policies: readonly S3Row[] = [
  row("GetBucketPolicy", "there is none", [getPolicy], 404, { code: "NoSuchBucketPolicy" }, ERRORS),
  row("PutBucketPolicy", "it lets another account in", [putPolicy(forOne)], 204),
  row(
    "GetBucketPolicy",
    "it was put: the text as it came",
    [
      putPolicy(forOne),
      async (Bucket, { s3 }) => {
        const answer = await s3.send(new GetBucketPolicyCommand({ Bucket }));
        return { ...answer, same: answer.Policy === forOne(Bucket) };
      },
    ],
    200,
    { fields: { same: true } },
  ),
  row("PutBucketPolicy", "it is no JSON", [putPolicy(() => "{")], 400, { code: "MalformedPolicy" }, ERRORS),
  row(
    "PutBucketPolicy",
    "it has no statement",
    [putPolicy(() => '{"Version":"2012-10-17"}')],
    400,
    { code: "MalformedPolicy" },
    ERRORS,
  ),
  row(
    "PutBucketPolicy",
    "it is about another bucket",
    [putPolicy(() => policyOf(statement("another")))],
    400,
    { code: "MalformedPolicy" },
    guide("bucket-policies"),
  ),
  row(
    "PutBucketPolicy",
    "it names nobody",
    [putPolicy((Bucket) => policyOf({ ...statement(Bucket), Principal: undefined }))],
    400,
    { code: "MalformedPolicy" },
    guide("bucket-policies"),
  ),
  row(
    "PutBucketPolicy",
    "it is for everyone, and public policies are blocked",
    [putPolicy(forAll)],
    403,
    { code: "AccessDenied" },
    BLOCK_PUBLIC,
  ),
  row("PutBucketPolicy", "it is for everyone, and they are not", [putBlocks, putPolicy(forAll)], 204, {}, BLOCK_PUBLIC),
  row(
    "PutBucketPolicy",
    "it is for everyone in one network, and public policies are blocked",
    [putPolicy(forNetwork)],
    204,
    {},
    BLOCK_PUBLIC,
  ),
  row("GetBucketPolicyStatus", "the policy is for one account", [putPolicy(forOne), getStatus], 200, {
    fields: { PolicyStatus: { IsPublic: false } },
  }),
  row("GetBucketPolicyStatus", "the policy is for everyone", [putBlocks, putPolicy(forAll), getStatus], 200, {
    fields: { PolicyStatus: { IsPublic: true } },
  }),
  row("GetBucketPolicyStatus", "there is no policy", [getStatus], 404, { code: "NoSuchBucketPolicy" }, ERRORS),
  row("DeleteBucketPolicy", "it is there", [putPolicy(forOne), deletePolicy], 204),
  row("DeleteBucketPolicy", "there is none", [deletePolicy], 204),
  row("GetBucketPolicy", "it was deleted", [putPolicy(forOne), deletePolicy, getPolicy], 404, {
    code: "NoSuchBucketPolicy",
  }),
];

/** No setting can be read or written of a bucket that is not there. */
const missing: readonly S3Row[] = Object.entries({
  GetBucketEncryption: getEncryption,
  GetPublicAccessBlock: getBlocks,
  GetBucketOwnershipControls: getOwnership,
  GetBucketCors: getCors,
  PutBucketCors: putCors(RULE),
  DeleteBucketCors: deleteCors,
  GetBucketTagging: getTags,
  PutBucketTagging: tagBucket(tags(1)),
  GetBucketNotificationConfiguration: getNotification,
  GetBucketPolicy: getPolicy,
  PutBucketPolicy: putPolicy(forOne),
  DeleteBucketPolicy: deletePolicy,
}).map(([operation, step]) => ({
  operation,
  when: "there is no such bucket",
  send: (world) => step(unique(), world),
  expect: { status: 404, code: "NoSuchBucket" },
  source: ERRORS,
}));

export const settingRows: readonly S3Row[] = [
  ...encryption,
  ...publicAccess,
  ...ownership,
  ...cors,
  ...tagging,
  ...notification,
  ...policies,
  ...missing,
];
