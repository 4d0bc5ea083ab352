import {
  CreateMultipartUploadCommand,
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  HeadObjectCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { expect } from "vitest";
import { api, bucket, ERRORS, guide, type S3Row, unique, type World } from "./world.ts";

const ELEMENTS = guide("intro-lifecycle-rules");
const RULE: LifecycleRule = {
  ID: "uploads",
  Status: "Enabled",
  Filter: { Prefix: "uploads/" },
  Expiration: { Days: 7 },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
};

const rules = async ({ s3 }: World, Bucket: string, ...Rules: LifecycleRule[]) =>
  s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));

const put = (when: string, Rules: LifecycleRule[], status: number, code?: string, source = ELEMENTS): S3Row => ({
  operation: "PutBucketLifecycleConfiguration",
  when,
  send: async (world) => rules(world, await bucket(world), ...Rules),
  expect: code === undefined ? { status } : { status, code },
  source,
});

const { Filter: _, ...UNFILTERED } = RULE;
const { AbortIncompleteMultipartUpload: __, ...EXPIRING } = RULE;

export const lifecycleRows: readonly S3Row[] = [
  put("it expires objects and aborts uploads", [RULE], 200),
  put("it is for all objects", [{ ...RULE, Filter: { Prefix: "" } }], 200),
  put("it has a prefix in the old form", [{ ...UNFILTERED, Prefix: "uploads/" }], 200),
  put(
    "it filters by tags and sizes",
    [
      {
        ...EXPIRING,
        Filter: {
          And: { Prefix: "a", Tags: [{ Key: "a", Value: "1" }], ObjectSizeGreaterThan: 1, ObjectSizeLessThan: 9 },
        },
      },
    ],
    200,
  ),
  put("it has no filter", [UNFILTERED], 400, "MalformedXML"),
  put("it has no rules", [], 400, "MalformedXML"),
  put(
    "it has 1001 rules",
    Array.from({ length: 1001 }, (_n, n) => ({ ...RULE, ID: `${n}` })),
    400,
    "MalformedXML",
  ),
  put("a status is none", [{ ...RULE, Status: "On" as "Enabled" }], 400, "MalformedXML"),
  put("a rule does nothing", [{ ID: "a", Status: "Enabled", Filter: { Prefix: "" } }], 400, "InvalidRequest"),
  put("objects expire after no days", [{ ...RULE, Expiration: { Days: 0 } }], 400, "InvalidArgument"),
  put(
    "uploads are aborted after no days",
    [{ ...RULE, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 0 } }],
    400,
    "InvalidArgument",
  ),
  put(
    "uploads are aborted by tags",
    [{ ...RULE, Filter: { Tag: { Key: "a", Value: "1" } } }],
    400,
    "InvalidRequest",
    guide("mpu-abort-incomplete-mpu-lifecycle-config"),
  ),
  put(
    "a date is not midnight",
    [{ ...RULE, Expiration: { Date: new Date("2030-01-01T12:00:00Z") } }],
    400,
    "InvalidArgument",
  ),
  put("a date is midnight", [{ ...RULE, Expiration: { Date: new Date("2030-01-01T00:00:00Z") } }], 200),
  put("days and a date", [{ ...RULE, Expiration: { Days: 1, Date: new Date("2030-01-01") } }], 400, "MalformedXML"),
  put("two rules have one ID", [RULE, RULE], 400, "InvalidArgument"),
  put("an ID has 256 characters", [{ ...RULE, ID: "i".repeat(256) }], 400, "InvalidArgument"),
  {
    operation: "PutBucketLifecycleConfiguration",
    when: "there is no such bucket",
    send: (world) => rules(world, unique(), RULE),
    expect: { status: 404, code: "NoSuchBucket" },
    source: ERRORS,
  },
  {
    operation: "GetBucketLifecycleConfiguration",
    when: "it was put",
    send: async (world) => {
      const Bucket = await bucket(world);
      await rules(world, Bucket, RULE);
      return world.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    },
    expect: { status: 200, fields: { Rules: [RULE] } },
    source: api("GetBucketLifecycleConfiguration"),
  },
  {
    operation: "GetBucketLifecycleConfiguration",
    when: "a rule had no ID: S3 gives it one",
    send: async (world) => {
      const Bucket = await bucket(world);
      const { ID: ___, ...unnamed } = RULE;
      await rules(world, Bucket, unnamed);
      return world.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    },
    expect: { status: 200, fields: { Rules: [{ ...RULE, ID: expect.stringMatching(/./) }] } },
    source: ELEMENTS,
  },
  {
    operation: "GetBucketLifecycleConfiguration",
    when: "there is none",
    send: async (world) => world.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: await bucket(world) })),
    expect: { status: 404, code: "NoSuchLifecycleConfiguration" },
    source: api("GetBucketLifecycleConfiguration"),
  },
  {
    operation: "DeleteBucketLifecycle",
    when: "it is there",
    send: async (world) => {
      const Bucket = await bucket(world);
      await rules(world, Bucket, RULE);
      const answer = await world.s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
      await expect(world.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).rejects.toMatchObject({
        name: "NoSuchLifecycleConfiguration",
      });
      return answer;
    },
    expect: { status: 204 },
    source: api("DeleteBucketLifecycle"),
  },
  {
    operation: "PutObject",
    when: "a rule is going to expire it: at the midnight after its days",
    send: async (world) => {
      const Bucket = await bucket(world);
      await rules(world, Bucket, RULE);
      return world.s3.send(new PutObjectCommand({ Bucket, Key: "uploads/a", Body: "a" }));
    },
    expect: {
      status: 200,
      fields: {
        Expiration: expect.stringMatching(/^expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="uploads"$/),
      },
    },
    source: guide("intro-lifecycle-rules"),
  },
  {
    operation: "HeadObject",
    when: "no rule is about it",
    send: async (world) => {
      const Bucket = await bucket(world);
      await rules(world, Bucket, RULE);
      await world.s3.send(new PutObjectCommand({ Bucket, Key: "other/a", Body: "a" }));
      return world.s3.send(new HeadObjectCommand({ Bucket, Key: "other/a" }));
    },
    expect: { status: 200, fields: { Expiration: undefined } },
    source: api("HeadObject"),
  },
  {
    operation: "CreateMultipartUpload",
    when: "a rule is going to abort it",
    send: async (world) => {
      const Bucket = await bucket(world);
      await rules(world, Bucket, RULE);
      return world.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "uploads/a" }));
    },
    expect: { status: 200, fields: { AbortDate: expect.any(Date), AbortRuleId: "uploads" } },
    source: api("CreateMultipartUpload"),
  },
];
