import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { api, bucket, guide, object, type S3Row, type World } from "./world.ts";

/** What a condition is made of: the object's ETag, and a time so many seconds off its last change. */
interface Target {
  readonly Bucket: string;
  readonly Key: string;
  readonly ETag: string;
  readonly at: (seconds: number) => Date;
}

const target = async (world: World): Promise<Target> => {
  const place = await object(world);
  const { LastModified } = await world.s3.send(new HeadObjectCommand({ Bucket: place.Bucket, Key: place.Key }));
  const modified = LastModified?.getTime() ?? Number.NaN;
  return { ...place, at: (seconds) => new Date(modified + seconds * 1000) };
};

interface Conditions {
  IfMatch?: string;
  IfNoneMatch?: string;
  IfModifiedSince?: Date;
  IfUnmodifiedSince?: Date;
}
type Case = readonly [when: string, conditions: (target: Target) => Conditions, status: 200 | 304 | 412];

const CASES: readonly Case[] = [
  ["If-Match names it", ({ ETag }) => ({ IfMatch: ETag }), 200],
  ["If-Match is *", () => ({ IfMatch: "*" }), 200],
  ["If-Match names another", () => ({ IfMatch: '"other"' }), 412],
  ["If-None-Match names another", () => ({ IfNoneMatch: '"other"' }), 200],
  ["If-None-Match names it", ({ ETag }) => ({ IfNoneMatch: ETag }), 304],
  ["If-None-Match is *", () => ({ IfNoneMatch: "*" }), 304],
  ["If-Modified-Since is before", ({ at }) => ({ IfModifiedSince: at(-1) }), 200],
  ["If-Modified-Since is that second", ({ at }) => ({ IfModifiedSince: at(0) }), 304],
  ["If-Unmodified-Since is that second", ({ at }) => ({ IfUnmodifiedSince: at(0) }), 200],
  ["If-Unmodified-Since is before", ({ at }) => ({ IfUnmodifiedSince: at(-1) }), 412],
  [
    "If-Match holds and If-Unmodified-Since does not",
    ({ ETag, at }) => ({ IfMatch: ETag, IfUnmodifiedSince: at(-1) }),
    200,
  ],
  [
    "If-Match does not hold and If-Unmodified-Since does",
    ({ at }) => ({ IfMatch: '"other"', IfUnmodifiedSince: at(0) }),
    412,
  ],
  [
    "If-None-Match does not hold and If-Modified-Since does",
    ({ ETag, at }) => ({ IfNoneMatch: ETag, IfModifiedSince: at(-1) }),
    304,
  ],
  [
    "If-None-Match holds and If-Modified-Since does not",
    ({ at }) => ({ IfNoneMatch: '"other"', IfModifiedSince: at(0) }),
    200,
  ],
  ["If-Match and If-None-Match both name it", ({ ETag }) => ({ IfMatch: ETag, IfNoneMatch: ETag }), 304],
  ["neither If-Match nor If-None-Match holds", ({ ETag }) => ({ IfMatch: '"other"', IfNoneMatch: ETag }), 412],
];

/** The SDK throws at a 304, which is no error of S3's. */
const answerOf = (sent: Promise<object>): Promise<object> =>
  sent.catch((error: { $metadata?: { httpStatusCode?: number } }) => {
    if (error.$metadata?.httpStatusCode !== 304) throw error;
    return { $metadata: error.$metadata };
  });

const reads: readonly S3Row[] = CASES.flatMap(([when, conditions, status]) => [
  {
    operation: "GetObject",
    when,
    send: async (world) => {
      const found = await target(world);
      const { Bucket, Key } = found;
      return answerOf(world.s3.send(new GetObjectCommand({ Bucket, Key, ...conditions(found) })));
    },
    expect: status === 412 ? { status, code: "PreconditionFailed" } : { status },
    source: api("GetObject"),
  },
  {
    operation: "HeadObject",
    when,
    send: async (world) => {
      const found = await target(world);
      const { Bucket, Key } = found;
      return answerOf(world.s3.send(new HeadObjectCommand({ Bucket, Key, ...conditions(found) })));
    },
    // The answer to a HEAD has no document that names a code.
    expect: status === 412 ? { status, code: "Unknown" } : { status },
    source: api("HeadObject"),
  },
]);

const copies: readonly S3Row[] = CASES.filter(([when]) => !when.includes("*")).map(([when, conditions, status]) => ({
  operation: "CopyObject",
  when: `of the source, ${when}`,
  send: async (world) => {
    const found = await target(world);
    const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions(found);
    return world.s3.send(
      new CopyObjectCommand({
        Bucket: found.Bucket,
        Key: "copy",
        CopySource: `${found.Bucket}/${found.Key}`,
        CopySourceIfMatch: IfMatch,
        CopySourceIfNoneMatch: IfNoneMatch,
        CopySourceIfModifiedSince: IfModifiedSince,
        CopySourceIfUnmodifiedSince: IfUnmodifiedSince,
      }),
    );
  },
  // A copy has no "not modified".
  expect: status === 200 ? { status } : { status: 412, code: "PreconditionFailed" },
  source: api("CopyObject"),
}));

const put = (
  when: string,
  key: string,
  condition: (ETag: string) => { IfMatch?: string; IfNoneMatch?: string },
  status: number,
  code?: string,
): S3Row => ({
  operation: "PutObject",
  when,
  send: async (world) => {
    const { Bucket, ETag } = await object(world);
    return world.s3.send(new PutObjectCommand({ Bucket, Key: key, Body: "new", ...condition(ETag) }));
  },
  expect: code === undefined ? { status } : { status, code },
  source: guide("conditional-writes"),
});

const writes: readonly S3Row[] = [
  put("If-None-Match is * and the key is free", "free", () => ({ IfNoneMatch: "*" }), 200),
  put("If-None-Match is * and the key is taken", "key", () => ({ IfNoneMatch: "*" }), 412, "PreconditionFailed"),
  put("If-None-Match is an ETag", "key", (ETag) => ({ IfNoneMatch: ETag }), 501, "NotImplemented"),
  put("If-Match names what is there", "key", (ETag) => ({ IfMatch: ETag }), 200),
  put("If-Match names another", "key", () => ({ IfMatch: '"other"' }), 412, "PreconditionFailed"),
  put("If-Match and the key is free", "free", (ETag) => ({ IfMatch: ETag }), 404, "NoSuchKey"),
  {
    operation: "CopyObject",
    when: "the target must not be there, and is",
    send: async (world) => {
      const { Bucket } = await object(world);
      await world.s3.send(new PutObjectCommand({ Bucket, Key: "copy", Body: "taken" }));
      return world.s3.send(
        new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/key`, IfNoneMatch: "*" }),
      );
    },
    expect: { status: 412, code: "PreconditionFailed" },
    source: guide("conditional-writes"),
  },
];

const deletes: readonly S3Row[] = [
  {
    operation: "DeleteObject",
    when: "If-Match names it",
    send: async (world) => {
      const { Bucket, Key, ETag } = await object(world);
      return world.s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: ETag }));
    },
    expect: { status: 204 },
    source: guide("conditional-deletes"),
  },
  {
    operation: "DeleteObject",
    when: "If-Match is * and it is there",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return world.s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: "*" }));
    },
    expect: { status: 204 },
    source: guide("conditional-deletes"),
  },
  {
    operation: "DeleteObject",
    when: "If-Match names another",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return world.s3.send(new DeleteObjectCommand({ Bucket, Key, IfMatch: '"other"' }));
    },
    expect: { status: 412, code: "PreconditionFailed" },
    source: guide("conditional-deletes"),
  },
  {
    operation: "DeleteObjects",
    when: "it has the conditions of directory buckets",
    send: async (world) =>
      world.s3.send(
        new DeleteObjectsCommand({ Bucket: await bucket(world), Delete: { Objects: [{ Key: "key", Size: 1 }] } }),
      ),
    expect: { status: 501, code: "NotImplemented" },
    source: "model:ObjectIdentifier",
  },
];

export const conditionRows: readonly S3Row[] = [...reads, ...copies, ...writes, ...deletes];
