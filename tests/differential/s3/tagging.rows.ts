import {
  CreateMultipartUploadCommand,
  DeleteObjectTaggingCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type Tag,
} from "@aws-sdk/client-s3";
import { api, bucket, ERRORS, guide, object, read, type S3Row, unique } from "./world.ts";

const RULES = guide("object-tagging");
const tags = (count: number): Tag[] => Array.from({ length: count }, (_, n) => ({ Key: `k${n}`, Value: `v${n}` }));

const put = (when: string, TagSet: Tag[], status: number, code?: string): S3Row => ({
  operation: "PutObjectTagging",
  when,
  send: async (world) => {
    const { Bucket, Key } = await object(world);
    return world.s3.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet } }));
  },
  expect: code === undefined ? { status } : { status, code },
  source: RULES,
});

const header = (when: string, Tagging: string, status: number, code?: string): S3Row => ({
  operation: "PutObject",
  when,
  send: async (world) =>
    world.s3.send(new PutObjectCommand({ Bucket: await bucket(world), Key: "key", Body: "a", Tagging })),
  expect: code === undefined ? { status } : { status, code },
  source: RULES,
});

export const taggingRows: readonly S3Row[] = [
  put("it has ten tags", tags(10), 200),
  put("it has eleven tags", tags(11), 400, "BadRequest"),
  put("a key has 128 characters and its value 256", [{ Key: "k".repeat(128), Value: "v".repeat(256) }], 200),
  put("a key has 129 characters", [{ Key: "k".repeat(129), Value: "" }], 400, "InvalidTag"),
  put("a value has 257 characters", [{ Key: "k", Value: "v".repeat(257) }], 400, "InvalidTag"),
  put("a key is empty", [{ Key: "", Value: "v" }], 400, "InvalidTag"),
  put("a value is empty", [{ Key: "k", Value: "" }], 200),
  put("all characters that are allowed", [{ Key: "Ä1 +-=._:/@", Value: "日本 +-=._:/@" }], 200),
  put("a character is not allowed", [{ Key: "a#b", Value: "" }], 400, "InvalidTag"),
  put(
    "a key comes twice",
    [
      { Key: "a", Value: "1" },
      { Key: "a", Value: "2" },
    ],
    400,
    "InvalidTag",
  ),
  put("a key is AWS's own", [{ Key: "aws:a", Value: "" }], 400, "InvalidTag"),
  {
    operation: "PutObjectTagging",
    when: "there is no such key",
    send: async (world) =>
      world.s3.send(
        new PutObjectTaggingCommand({ Bucket: await bucket(world), Key: "none", Tagging: { TagSet: tags(1) } }),
      ),
    expect: { status: 404, code: "NoSuchKey" },
    source: ERRORS,
  },
  {
    operation: "GetObjectTagging",
    when: "tags were put: they replace all that there were",
    send: async (world) => {
      const { Bucket, Key } = await object(world, "a", { Tagging: "old=1" });
      await world.s3.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet: tags(2) } }));
      return world.s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
    },
    expect: { status: 200, fields: { TagSet: tags(2) } },
    source: api("GetObjectTagging"),
  },
  {
    operation: "GetObjectTagging",
    when: "there are no tags",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return world.s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
    },
    expect: { status: 200, fields: { TagSet: [] } },
    source: api("GetObjectTagging"),
  },
  {
    operation: "GetObjectTagging",
    when: "there is no such bucket",
    send: ({ s3 }) => s3.send(new GetObjectTaggingCommand({ Bucket: unique(), Key: "key" })),
    expect: { status: 404, code: "NoSuchBucket" },
    source: ERRORS,
  },
  {
    operation: "DeleteObjectTagging",
    when: "there are tags: none is left, and the object is as it was",
    send: async (world) => {
      const { Bucket, Key, ETag } = await object(world, "a", { Tagging: "a=1", Metadata: { m: "1" } });
      const answer = await world.s3.send(new DeleteObjectTaggingCommand({ Bucket, Key }));
      const { TagSet } = await world.s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
      const { Metadata, ETag: after } = await read(world, { Bucket, Key });
      return { ...answer, TagSet, Metadata, same: after === ETag };
    },
    expect: { status: 204, fields: { TagSet: [], Metadata: { m: "1" }, same: true } },
    source: api("DeleteObjectTagging"),
  },
  {
    operation: "DeleteObjectTagging",
    when: "there is no such key",
    send: async (world) => world.s3.send(new DeleteObjectTaggingCommand({ Bucket: await bucket(world), Key: "none" })),
    expect: { status: 404, code: "NoSuchKey" },
    source: ERRORS,
  },
  header("x-amz-tagging has two tags", "a=1&b=%C3%A9+x", 200),
  header("x-amz-tagging names a key twice", "a=1&a=2", 400, "InvalidArgument"),
  header("x-amz-tagging is not UTF-8", "a=%ff", 400, "InvalidArgument"),
  header("x-amz-tagging has a key that is too long", `${"k".repeat(129)}=1`, 400, "InvalidTag"),
  header(
    "x-amz-tagging has eleven tags",
    tags(11)
      .map(({ Key, Value }) => `${Key}=${Value}`)
      .join("&"),
    400,
    "BadRequest",
  ),
  {
    operation: "HeadObject",
    when: "it has two tags: their number is told",
    send: async (world) => {
      const { Bucket, Key } = await object(world, "a", { Tagging: "a=1&b=2" });
      return world.s3.send(new HeadObjectCommand({ Bucket, Key }));
    },
    expect: { status: 200, fields: { TagCount: 2 } },
    source: api("HeadObject"),
  },
  {
    operation: "CreateMultipartUpload",
    when: "x-amz-tagging names a key twice",
    send: async (world) =>
      world.s3.send(new CreateMultipartUploadCommand({ Bucket: await bucket(world), Key: "key", Tagging: "a=1&a=2" })),
    expect: { status: 400, code: "InvalidArgument" },
    source: RULES,
  },
];
