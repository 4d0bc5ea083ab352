import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  GetBucketLocationCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
} from "@aws-sdk/client-s3";
import { expect } from "vitest";
import { ACCOUNT, api, bucket, ERRORS, FOREIGN, guide, object, REGION, type S3Row, unique } from "./world.ts";

const names: readonly S3Row[] = [
  ["two characters", "ab"],
  ["64 characters", "a".repeat(64)],
  ["capitals", "Upper-Case"],
  ["an underscore", "under_score"],
  ["a dash at its start", "-dash"],
  ["a dash at its end", "dash-"],
  ["two dots side by side", "two..dots"],
  ["the form of an IP address", "192.168.5.4"],
  ["the prefix xn--", "xn--name"],
  ["the prefix sthree-", "sthree-name"],
  ["the suffix -s3alias", "name-s3alias"],
  ["the suffix --ol-s3", "name--ol-s3"],
].map(([what, Bucket]) => ({
  operation: "CreateBucket",
  when: `the name has ${what}`,
  send: ({ s3 }) => s3.send(new CreateBucketCommand({ Bucket })),
  expect: { status: 400, code: "InvalidBucketName" },
  source: guide("bucketnamingrules"),
}));

export const bucketRows: readonly S3Row[] = [
  ...names,
  {
    operation: "CreateBucket",
    when: "the name is free",
    send: async ({ s3 }) => {
      const Bucket = unique();
      const answer = await s3.send(new CreateBucketCommand({ Bucket }));
      return { ...answer, same: answer.Location === `/${Bucket}`, arn: answer.BucketArn === `arn:aws:s3:::${Bucket}` };
    },
    expect: { status: 200, fields: { same: true, arn: true } },
    source: api("CreateBucket"),
  },
  {
    operation: "CreateBucket",
    when: "the caller has it already, outside of us-east-1",
    send: async (world) => world.s3.send(new CreateBucketCommand({ Bucket: await bucket(world) })),
    expect: { status: 409, code: "BucketAlreadyOwnedByYou" },
    source: api("CreateBucket"),
  },
  {
    operation: "CreateBucket",
    when: "another account has it",
    send: ({ s3 }) => s3.send(new CreateBucketCommand({ Bucket: FOREIGN })),
    expect: { status: 409, code: "BucketAlreadyExists" },
    source: api("CreateBucket"),
  },
  {
    operation: "CreateBucket",
    when: "the location is not the endpoint's region",
    send: ({ s3 }) =>
      s3.send(
        new CreateBucketCommand({
          Bucket: unique(),
          CreateBucketConfiguration: { LocationConstraint: "eu-central-1" },
        }),
      ),
    expect: { status: 400, code: "IllegalLocationConstraintException" },
    source: ERRORS,
  },
  {
    operation: "HeadBucket",
    when: "it is there",
    send: async (world) => world.s3.send(new HeadBucketCommand({ Bucket: await bucket(world) })),
    expect: { status: 200, fields: { BucketRegion: REGION, AccessPointAlias: false } },
    source: api("HeadBucket"),
  },
  {
    operation: "HeadBucket",
    when: "there is none",
    send: ({ s3 }) => s3.send(new HeadBucketCommand({ Bucket: unique() })),
    expect: { status: 404, code: "NotFound" },
    source: api("HeadBucket"),
  },
  {
    operation: "HeadBucket",
    when: "another account has it: 403 without a document, so that the client knows no code",
    send: ({ s3 }) => s3.send(new HeadBucketCommand({ Bucket: FOREIGN })),
    expect: { status: 403, code: "Unknown" },
    source: api("HeadBucket"),
  },
  {
    operation: "HeadBucket",
    when: "the expected owner is the owner",
    send: async (world) =>
      world.s3.send(new HeadBucketCommand({ Bucket: await bucket(world), ExpectedBucketOwner: ACCOUNT })),
    expect: { status: 200 },
    source: guide("bucket-owner-condition"),
  },
  {
    operation: "ListObjectsV2",
    when: "the expected owner is not the owner",
    send: async (world) =>
      world.s3.send(new ListObjectsV2Command({ Bucket: await bucket(world), ExpectedBucketOwner: "111111111111" })),
    expect: { status: 403, code: "AccessDenied" },
    source: guide("bucket-owner-condition"),
  },
  {
    operation: "GetBucketLocation",
    when: "it is not in us-east-1",
    send: async (world) => world.s3.send(new GetBucketLocationCommand({ Bucket: await bucket(world) })),
    expect: { status: 200, fields: { LocationConstraint: REGION } },
    source: api("GetBucketLocation"),
  },
  {
    operation: "GetBucketLocation",
    when: "there is no such bucket",
    send: ({ s3 }) => s3.send(new GetBucketLocationCommand({ Bucket: unique() })),
    expect: { status: 404, code: "NoSuchBucket" },
    source: ERRORS,
  },
  {
    operation: "DeleteBucket",
    when: "it is empty, and unfinished uploads do not count",
    send: async (world) => {
      const Bucket = await bucket(world);
      await world.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "key" }));
      return world.s3.send(new DeleteBucketCommand({ Bucket }));
    },
    expect: { status: 204 },
    source: api("DeleteBucket"),
  },
  {
    operation: "DeleteBucket",
    when: "it holds an object",
    send: async (world) => {
      const { Bucket } = await object(world);
      return world.s3.send(new DeleteBucketCommand({ Bucket }));
    },
    expect: { status: 409, code: "BucketNotEmpty" },
    source: ERRORS,
  },
  {
    operation: "DeleteBucket",
    when: "there is none",
    send: ({ s3 }) => s3.send(new DeleteBucketCommand({ Bucket: unique() })),
    expect: { status: 404, code: "NoSuchBucket" },
    source: ERRORS,
  },
  {
    operation: "DeleteBucket",
    when: "another account has it",
    send: ({ s3 }) => s3.send(new DeleteBucketCommand({ Bucket: FOREIGN })),
    expect: { status: 403, code: "AccessDenied" },
    source: ERRORS,
  },
  {
    operation: "ListBuckets",
    when: "a page is asked for: names in order, and a token for the rest",
    send: async ({ s3 }) => {
      const Prefix = `${unique("l")}-`;
      for (const end of ["c", "a", "b"]) await s3.send(new CreateBucketCommand({ Bucket: `${Prefix}${end}` }));
      const first = await s3.send(new ListBucketsCommand({ Prefix, MaxBuckets: 2 }));
      const rest = await s3.send(
        new ListBucketsCommand({ Prefix, ContinuationToken: first.ContinuationToken, MaxBuckets: 2 }),
      );
      const ends = [first, rest].map(({ Buckets = [] }) => Buckets.map(({ Name }) => Name?.slice(Prefix.length)));
      return { ...rest, ends, created: first.Buckets?.[0]?.CreationDate, region: first.Buckets?.[0]?.BucketRegion };
    },
    expect: {
      status: 200,
      fields: {
        ends: [["a", "b"], ["c"]],
        ContinuationToken: undefined,
        created: expect.any(Date),
        region: REGION,
        Owner: { ID: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    },
    source: api("ListBuckets"),
  },
  {
    operation: "ListBuckets",
    when: "another account's buckets are not among them",
    send: ({ s3 }) => s3.send(new ListBucketsCommand({ Prefix: FOREIGN })),
    expect: { status: 200, fields: { Buckets: [] } },
    source: api("ListBuckets"),
  },
  {
    operation: "ListBuckets",
    when: "more than 10,000 are asked for",
    send: ({ s3 }) => s3.send(new ListBucketsCommand({ MaxBuckets: 10_001 })),
    expect: { status: 400, code: "InvalidArgument" },
    source: api("ListBuckets"),
  },
];
