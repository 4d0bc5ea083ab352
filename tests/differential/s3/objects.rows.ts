import { createHash } from "node:crypto";
import {
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { expect } from "vitest";
import { api, bucket, ERRORS, FOREIGN, guide, md5, object, read, type S3Row, unique, type World } from "./world.ts";

const STORED = {
  ContentType: "text/plain",
  ContentEncoding: "gzip",
  ContentLanguage: "de",
  CacheControl: "max-age=60",
  ContentDisposition: 'attachment; filename="a b"',
  Metadata: { one: "1", two: "a  b" },
};

const put = (
  when: string,
  input: Partial<PutObjectCommandInput>,
  status: number,
  rest: { readonly code?: string; readonly fields?: Record<string, unknown> } = {},
  source = api("PutObject"),
): S3Row => ({
  operation: "PutObject",
  when,
  send: async (world) =>
    world.s3.send(new PutObjectCommand({ Bucket: await bucket(world), Key: "key", Body: "body", ...input })),
  expect: { status, ...rest },
  source,
});

const puts: readonly S3Row[] = [
  put("nothing is there yet", {}, 200, {
    fields: { ETag: `"${md5("body").toString("hex")}"`, ServerSideEncryption: "AES256" },
  }),
  put("the key has 1024 bytes", { Key: "é".repeat(512) }, 200, {}, guide("object-keys")),
  put("the key has 1025 bytes", { Key: `${"é".repeat(512)}a` }, 400, { code: "KeyTooLongError" }, ERRORS),
  put("there is no such bucket", { Bucket: "no-such-bucket" }, 404, { code: "NoSuchBucket" }, ERRORS),
  put("another account has the bucket", { Bucket: FOREIGN }, 403, { code: "AccessDenied" }, ERRORS),
  put("metadata has 2 KB", { Metadata: { a: "x".repeat(2047) } }, 200, {}, guide("UsingMetadata")),
  put("metadata has more than 2 KB", { Metadata: { a: "x".repeat(2048) } }, 400, { code: "MetadataTooLarge" }, ERRORS),
  {
    operation: "PutObject",
    when: "an object is there, and is replaced with all that it carried",
    send: async (world) => {
      const { ETag: _, ...place } = await object(world, "old", { Metadata: { a: "1" }, Tagging: "a=b" });
      await world.s3.send(new PutObjectCommand({ ...place, Body: "new" }));
      return read(world, place);
    },
    expect: { status: 200, fields: { text: "new", Metadata: {}, TagCount: undefined } },
    source: api("PutObject"),
  },
];

const reads: readonly S3Row[] = [
  {
    operation: "GetObject",
    when: "it carries headers and metadata",
    send: async (world) => {
      const { Bucket, Key } = await object(world, "hello", STORED);
      return read(world, { Bucket, Key });
    },
    expect: {
      status: 200,
      fields: {
        ...STORED,
        text: "hello",
        ETag: `"${md5("hello").toString("hex")}"`,
        ContentLength: 5,
        AcceptRanges: "bytes",
        LastModified: expect.any(Date),
        ServerSideEncryption: "AES256",
      },
    },
    source: api("GetObject"),
  },
  {
    operation: "GetObject",
    when: "no type was given",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return read(world, { Bucket, Key });
    },
    expect: { status: 200, fields: { ContentType: "application/octet-stream", Metadata: {} } },
    source: "model:GetObjectOutput",
  },
  {
    operation: "GetObject",
    when: "it is empty",
    send: async (world) => {
      const { Bucket, Key } = await object(world, "");
      return read(world, { Bucket, Key });
    },
    expect: { status: 200, fields: { text: "", ContentLength: 0, ETag: `"${md5("").toString("hex")}"` } },
    source: api("GetObject"),
  },
  {
    operation: "GetObject",
    when: "there is no such key",
    send: async (world) => world.s3.send(new GetObjectCommand({ Bucket: await bucket(world), Key: "none" })),
    expect: { status: 404, code: "NoSuchKey", fields: { Key: "none" } },
    source: ERRORS,
  },
  {
    operation: "GetObject",
    when: "there is no such bucket",
    send: ({ s3 }) => s3.send(new GetObjectCommand({ Bucket: unique(), Key: "key" })),
    expect: { status: 404, code: "NoSuchBucket" },
    source: ERRORS,
  },
  {
    operation: "GetObject",
    when: "another account has the bucket",
    send: ({ s3 }) => s3.send(new GetObjectCommand({ Bucket: FOREIGN, Key: "key" })),
    expect: { status: 403, code: "AccessDenied" },
    source: ERRORS,
  },
  {
    operation: "GetObject",
    when: "a version is asked for that no bucket gives",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return world.s3.send(new GetObjectCommand({ Bucket, Key, VersionId: "no-version" }));
    },
    expect: { status: 400, code: "InvalidArgument" },
    source: ERRORS,
  },
  {
    operation: "GetObject",
    when: "the null version is asked for",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return read(world, { Bucket, Key, VersionId: "null" });
    },
    expect: { status: 200, fields: { text: "0123456789" } },
    source: guide("Versioning"),
  },
  {
    operation: "GetObject",
    when: "the answer's headers are overridden",
    send: async (world) => {
      const { Bucket, Key } = await object(world, "a", STORED);
      return read(world, {
        Bucket,
        Key,
        ResponseContentType: "text/html",
        ResponseContentDisposition: "inline",
        ResponseCacheControl: "no-store",
        ResponseContentLanguage: "fr",
        ResponseContentEncoding: "identity",
      });
    },
    expect: {
      status: 200,
      fields: {
        ContentType: "text/html",
        ContentDisposition: "inline",
        CacheControl: "no-store",
        ContentLanguage: "fr",
        ContentEncoding: "identity",
      },
    },
    source: api("GetObject"),
  },
  {
    operation: "HeadObject",
    when: "it carries headers and metadata",
    send: async (world) => {
      const { Bucket, Key } = await object(world, "hello", STORED);
      return world.s3.send(new HeadObjectCommand({ Bucket, Key }));
    },
    expect: { status: 200, fields: { ...STORED, ContentLength: 5, ETag: `"${md5("hello").toString("hex")}"` } },
    source: api("HeadObject"),
  },
  {
    operation: "HeadObject",
    when: "there is no such key",
    send: async (world) => world.s3.send(new HeadObjectCommand({ Bucket: await bucket(world), Key: "none" })),
    expect: { status: 404, code: "NotFound" },
    source: api("HeadObject"),
  },
  {
    operation: "GetObjectAttributes",
    when: "all are asked for of an object that came as a whole",
    send: async (world) => {
      const { Bucket, Key } = await object(world, "hello", { ChecksumAlgorithm: "SHA256" });
      return world.s3.send(
        new GetObjectAttributesCommand({
          Bucket,
          Key,
          ObjectAttributes: ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"],
        }),
      );
    },
    expect: {
      status: 200,
      fields: {
        ETag: md5("hello").toString("hex"),
        Checksum: {
          ChecksumSHA256: createHash("sha256").update("hello").digest("base64"),
          ChecksumType: "FULL_OBJECT",
        },
        StorageClass: "STANDARD",
        ObjectSize: 5,
        ObjectParts: undefined,
        LastModified: expect.any(Date),
      },
    },
    source: api("GetObjectAttributes"),
  },
  {
    operation: "GetObjectAttributes",
    when: "one is asked for: no other is told",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return world.s3.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ["ObjectSize"] }));
    },
    expect: { status: 200, fields: { ObjectSize: 10, ETag: undefined, Checksum: undefined } },
    source: api("GetObjectAttributes"),
  },
  {
    operation: "GetObjectAttributes",
    when: "there is no such attribute",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return world.s3.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes: ["Colour" as "ETag"] }));
    },
    expect: { status: 400, code: "InvalidArgument" },
    source: ERRORS,
  },
  {
    operation: "GetObjectAttributes",
    when: "there is no such key",
    send: async (world) =>
      world.s3.send(
        new GetObjectAttributesCommand({ Bucket: await bucket(world), Key: "none", ObjectAttributes: ["ETag"] }),
      ),
    expect: { status: 404, code: "NoSuchKey" },
    source: api("GetObjectAttributes"),
  },
];

const ranges: readonly S3Row[] = [
  ["the first four bytes", "bytes=0-3", 206, "0123", "bytes 0-3/10"],
  ["from the eighth on", "bytes=8-", 206, "89", "bytes 8-9/10"],
  ["the last three", "bytes=-3", 206, "789", "bytes 7-9/10"],
  ["an end behind the end", "bytes=5-100", 206, "56789", "bytes 5-9/10"],
  ["more of the last than there are", "bytes=-100", 206, "0123456789", "bytes 0-9/10"],
  ["one byte", "bytes=9-9", 206, "9", "bytes 9-9/10"],
  ["an end before the start: ignored", "bytes=3-1", 200, "0123456789", undefined],
  ["another unit: ignored", "lines=0-1", 200, "0123456789", undefined],
  ["several ranges, which S3 does not do: ignored", "bytes=0-1,3-4", 200, "0123456789", undefined],
].map(([what, Range, status, text, ContentRange]) => ({
  operation: "GetObject",
  when: `the range is ${what}`,
  send: async (world: World) => {
    const { Bucket, Key } = await object(world);
    return read(world, { Bucket, Key, Range: String(Range) });
  },
  expect: { status: Number(status), fields: { text, ContentRange, ContentLength: String(text).length } },
  source: "https://www.rfc-editor.org/rfc/rfc9110#section-14.2",
}));

const badRanges: readonly S3Row[] = [
  ["starts behind the end", "0123456789", "bytes=10-"],
  ["asks for the last none", "0123456789", "bytes=-0"],
  ["is of an empty object", "", "bytes=0-"],
].map(([what, body, Range]) => ({
  operation: "GetObject",
  when: `the range ${what}`,
  send: async (world: World) => {
    const { Bucket, Key } = await object(world, body);
    return world.s3.send(new GetObjectCommand({ Bucket, Key, Range }));
  },
  expect: { status: 416, code: "InvalidRange" },
  source: ERRORS,
}));

export const objectRows: readonly S3Row[] = [...puts, ...reads, ...ranges, ...badRanges];
