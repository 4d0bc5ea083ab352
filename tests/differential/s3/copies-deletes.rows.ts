import { createHash } from "node:crypto";
import {
  CopyObjectCommand,
  type CopyObjectCommandInput,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  type DeleteObjectsCommandInput,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { expect } from "vitest";
import { api, bucket, ERRORS, FOREIGN, guide, md5, object, read, type S3Row, unique } from "./world.ts";

const STORED = { ContentType: "text/plain", Metadata: { one: "1", two: "a  b" } };

const remove = (when: string, Objects: string[], Quiet: boolean, fields: Record<string, unknown>): S3Row => ({
  operation: "DeleteObjects",
  when,
  send: async (world) => {
    const { Bucket } = await object(world);
    return world.s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: Objects.map((Key) => ({ Key })), Quiet } }),
    );
  },
  expect: { status: 200, fields },
  source: api("DeleteObjects"),
});

const removeBad = (when: string, Delete: DeleteObjectsCommandInput["Delete"], code: string, source: string): S3Row => ({
  operation: "DeleteObjects",
  when,
  send: async (world) => world.s3.send(new DeleteObjectsCommand({ Bucket: await bucket(world), Delete })),
  expect: { status: 400, code },
  source,
});

const deletes: readonly S3Row[] = [
  {
    operation: "DeleteObject",
    when: "it is there: it is gone",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      const answer = await world.s3.send(new DeleteObjectCommand({ Bucket, Key }));
      await expect(read(world, { Bucket, Key })).rejects.toMatchObject({ name: "NoSuchKey" });
      return answer;
    },
    expect: { status: 204 },
    source: api("DeleteObject"),
  },
  {
    operation: "DeleteObject",
    when: "there is no such key",
    send: async (world) => world.s3.send(new DeleteObjectCommand({ Bucket: await bucket(world), Key: "none" })),
    expect: { status: 204 },
    source: api("DeleteObject"),
  },
  {
    operation: "DeleteObject",
    when: "there is no such bucket",
    send: ({ s3 }) => s3.send(new DeleteObjectCommand({ Bucket: unique(), Key: "key" })),
    expect: { status: 404, code: "NoSuchBucket" },
    source: ERRORS,
  },
  remove("one is there and one is not: both count as deleted", ["key", "none"], false, {
    Deleted: [{ Key: "key" }, { Key: "none" }],
    Errors: undefined,
  }),
  remove("it is quiet: nothing is told of what went well", ["key", "none"], true, {
    Deleted: undefined,
    Errors: undefined,
  }),
  {
    operation: "DeleteObjects",
    when: "an entry's ETag is not the object's: that one stays",
    send: async (world) => {
      const { Bucket, Key, ETag } = await object(world);
      await world.s3.send(new PutObjectCommand({ Bucket, Key: "other", Body: "a" }));
      const Objects = [
        { Key, ETag },
        { Key: "other", ETag },
      ];
      return world.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    },
    expect: {
      status: 200,
      fields: { Deleted: [{ Key: "key" }], Errors: [{ Key: "other", Code: "PreconditionFailed" }] },
    },
    source: guide("conditional-deletes"),
  },
  removeBad(
    "it has 1001 keys",
    { Objects: Array.from({ length: 1001 }, (_, n) => ({ Key: `${n}` })) },
    "MalformedXML",
    api("DeleteObjects"),
  ),
  removeBad("it has no keys", { Objects: [] }, "MalformedXML", ERRORS),
];

const copy = (
  when: string,
  input: Partial<CopyObjectCommandInput>,
  status: number,
  rest: { readonly code?: string; readonly fields?: Record<string, unknown> } = {},
): S3Row => ({
  operation: "CopyObject",
  when,
  send: async (world) => {
    const { Bucket } = await object(world, "copied", { ...STORED, Tagging: "a=1" });
    const target = { Bucket, Key: "copy" };
    const answer = await world.s3.send(new CopyObjectCommand({ ...target, CopySource: `${Bucket}/key`, ...input }));
    const { text, ContentType, Metadata, TagCount } = await read(world, { ...target, Key: input.Key ?? "copy" });
    return { ...answer, text, ContentType, Metadata, TagCount };
  },
  expect: { status, ...rest },
  source: status < 400 ? api("CopyObject") : ERRORS,
});

const copies: readonly S3Row[] = [
  copy("nothing else is said: bytes, metadata and tags come along", {}, 200, {
    fields: {
      text: "copied",
      ContentType: "text/plain",
      Metadata: STORED.Metadata,
      TagCount: 1,
      CopyObjectResult: {
        ETag: `"${md5("copied").toString("hex")}"`,
        LastModified: expect.any(Date),
        ChecksumCRC32: expect.any(String),
      },
    },
  }),
  copy("metadata is replaced", { MetadataDirective: "REPLACE", Metadata: { b: "2" }, ContentType: "text/html" }, 200, {
    fields: { text: "copied", ContentType: "text/html", Metadata: { b: "2" }, TagCount: 1 },
  }),
  copy("metadata is given, and not to be replaced", { Metadata: { b: "2" } }, 200, {
    fields: { Metadata: STORED.Metadata },
  }),
  copy("tags are replaced", { TaggingDirective: "REPLACE", Tagging: "b=2&c=3" }, 200, {
    fields: { TagCount: 2, Metadata: STORED.Metadata },
  }),
  copy("tags are replaced by none", { TaggingDirective: "REPLACE" }, 200, { fields: { TagCount: undefined } }),
  copy("another checksum is asked for", { ChecksumAlgorithm: "SHA256" }, 200, {
    fields: {
      CopyObjectResult: {
        ETag: `"${md5("copied").toString("hex")}"`,
        ChecksumSHA256: createHash("sha256").update("copied").digest("base64"),
        ChecksumType: "FULL_OBJECT",
      },
    },
  }),
  copy("it is onto itself and changes nothing", { Key: "key" }, 400, { code: "InvalidRequest" }),
  copy("it is onto itself with new metadata", { Key: "key", MetadataDirective: "REPLACE", Metadata: { c: "3" } }, 200, {
    fields: { text: "copied", Metadata: { c: "3" } },
  }),
  copy("it is onto itself with a storage class", { Key: "key", StorageClass: "STANDARD" }, 200, {
    fields: { text: "copied", Metadata: STORED.Metadata },
  }),
  copy("the directive is none", { MetadataDirective: "MERGE" as "COPY" }, 400, { code: "InvalidArgument" }),
  copy("the source has no key", { CopySource: "bucket" }, 400, { code: "InvalidArgument" }),
  copy("the source's bucket is not there", { CopySource: "no-such-bucket/key" }, 404, { code: "NoSuchBucket" }),
  copy("the source's bucket is another account's", { CopySource: `${FOREIGN}/key` }, 403, { code: "AccessDenied" }),
  copy("the source's bucket has another owner than expected", { ExpectedSourceBucketOwner: "111111111111" }, 403, {
    code: "AccessDenied",
  }),
  {
    operation: "CopyObject",
    when: "the source is not there",
    send: async (world) => {
      const Bucket = await bucket(world);
      return world.s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/none` }));
    },
    expect: { status: 404, code: "NoSuchKey" },
    source: ERRORS,
  },
];

export const copyDeleteRows: readonly S3Row[] = [...deletes, ...copies];
