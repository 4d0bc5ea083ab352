import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import { api, bucket, ERRORS, guide, object, type S3Row } from "./world.ts";

const INTEGRITY = guide("checking-object-integrity-upload");
const CHECK = "123456789";
const hash = (algorithm: string, text = CHECK): string => createHash(algorithm).update(text).digest("base64");
const hex = (digits: string): string => Buffer.from(digits, "hex").toString("base64");

/** The checksums of "123456789": those of the CRCs are the check values of the catalogue of CRC algorithms. */
const VALUES = {
  CRC32: hex("cbf43926"),
  CRC32C: hex("e3069283"),
  CRC64NVME: hex("ae8b14860a799888"),
  SHA1: hash("sha1"),
  SHA256: hash("sha256"),
  SHA512: hash("sha512"),
  MD5: hash("md5"),
} as const;
type Algorithm = keyof typeof VALUES;
const ALGORITHMS = Object.keys(VALUES) as Algorithm[];

const given: readonly S3Row[] = ALGORITHMS.flatMap((algorithm) => {
  const member = `Checksum${algorithm}`;
  const input = { [member]: VALUES[algorithm] };
  const fields = { [member]: VALUES[algorithm], ChecksumType: "FULL_OBJECT" };
  const stored: S3Row["send"] = async (world) => {
    const { Bucket, Key } = await object(world, CHECK, input, world.plain);
    return world.plain.send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
  };
  return [
    {
      operation: "PutObject",
      when: `the ${algorithm} is right`,
      send: async ({ plain, ...world }) =>
        plain.send(
          new PutObjectCommand({ Bucket: await bucket({ plain, ...world }), Key: "key", Body: CHECK, ...input }),
        ),
      expect: { status: 200, fields },
      source: api("PutObject"),
    },
    {
      operation: "PutObject",
      when: `the ${algorithm} is wrong`,
      send: async ({ plain, ...world }) =>
        plain.send(
          new PutObjectCommand({ Bucket: await bucket({ plain, ...world }), Key: "key", Body: "987654321", ...input }),
        ),
      expect: { status: 400, code: "BadDigest" },
      source: INTEGRITY,
    },
    {
      operation: "HeadObject",
      when: `the ${algorithm} was sent, and is asked for`,
      send: stored,
      expect: { status: 200, fields },
      source: api("HeadObject"),
    },
  ];
});

const put = (
  when: string,
  input: Partial<PutObjectCommandInput>,
  expected: S3Row["expect"],
  source = api("PutObject"),
): S3Row => ({
  operation: "PutObject",
  when,
  send: async (world) =>
    world.plain.send(new PutObjectCommand({ Bucket: await bucket(world), Key: "key", Body: CHECK, ...input })),
  expect: expected,
  source,
});

const others: readonly S3Row[] = [
  put(
    "no checksum is sent: S3 computes the default one",
    {},
    { status: 200, fields: { ChecksumCRC64NVME: VALUES.CRC64NVME, ChecksumType: "FULL_OBJECT" } },
    INTEGRITY,
  ),
  {
    operation: "GetObject",
    when: "no checksum was sent, and it is asked for",
    send: async (world) => {
      const { Bucket, Key } = await object(world, CHECK, {}, world.plain);
      const { Body, ...answer } = await world.plain.send(
        new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }),
      );
      return { ...answer, text: await Body?.transformToString() };
    },
    expect: {
      status: 200,
      fields: { ChecksumCRC64NVME: VALUES.CRC64NVME, ChecksumType: "FULL_OBJECT", text: CHECK },
    },
    source: INTEGRITY,
  },
  {
    operation: "GetObject",
    when: "a checksum was sent, and it is not asked for",
    send: async (world) => {
      const { Bucket, Key } = await object(world, CHECK, { ChecksumSHA256: VALUES.SHA256 }, world.plain);
      return world.plain.send(new GetObjectCommand({ Bucket, Key }));
    },
    expect: { status: 200, fields: { ChecksumSHA256: undefined, ChecksumType: undefined } },
    source: api("GetObject"),
  },
  {
    operation: "GetObject",
    when: "a checksum is asked for with a range, of which it is not",
    send: async (world) => {
      const { Bucket, Key } = await object(world, CHECK, { ChecksumSHA256: VALUES.SHA256 }, world.plain);
      return world.plain.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED", Range: "bytes=0-1" }));
    },
    expect: { status: 206, fields: { ChecksumSHA256: undefined } },
    source: api("GetObject"),
  },
  {
    operation: "ListObjectsV2",
    when: "objects have checksums: their algorithms are told",
    send: async (world) => {
      const { Bucket } = await object(world, CHECK, { ChecksumSHA256: VALUES.SHA256 }, world.plain);
      return world.s3.send(new ListObjectsV2Command({ Bucket }));
    },
    expect: {
      status: 200,
      fields: { Contents: [{ Key: "key", ChecksumAlgorithm: ["SHA256"], ChecksumType: "FULL_OBJECT" }] },
    },
    source: api("Object"),
  },
  ...(["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const).map(
    (ChecksumAlgorithm): S3Row => ({
      operation: "PutObject",
      when: `the ${ChecksumAlgorithm} comes in a trailer, after chunks`,
      send: async ({ s3, ...world }) =>
        s3.send(
          new PutObjectCommand({
            Bucket: await bucket({ s3, ...world }),
            Key: "key",
            Body: Readable.from([Buffer.from(CHECK)]),
            ContentLength: CHECK.length,
            ChecksumAlgorithm,
          }),
        ),
      expect: { status: 200, fields: { [`Checksum${ChecksumAlgorithm}`]: VALUES[ChecksumAlgorithm] } },
      source: "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html",
    }),
  ),
  {
    operation: "PutObject",
    when: "a chunk that is not the last has less than 8 KB",
    send: async ({ s3, ...world }) =>
      s3.send(
        new PutObjectCommand({
          Bucket: await bucket({ s3, ...world }),
          Key: "key",
          Body: Readable.from([Buffer.alloc(8191), Buffer.alloc(1)]),
          ContentLength: 8192,
        }),
      ),
    expect: { status: 403, code: "InvalidChunkSizeError" },
    source: "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html",
  },
  {
    operation: "PutObject",
    when: "chunks have 8 KB, and the last one has less",
    send: async ({ s3, ...world }) =>
      s3.send(
        new PutObjectCommand({
          Bucket: await bucket({ s3, ...world }),
          Key: "key",
          Body: Readable.from([Buffer.alloc(8192), Buffer.alloc(8192), Buffer.alloc(1)]),
          ContentLength: 16_385,
        }),
      ),
    expect: { status: 200 },
    source: "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html",
  },
  put("the Content-MD5 is right", { ContentMD5: VALUES.MD5 }, { status: 200 }),
  put("the Content-MD5 is wrong", { ContentMD5: hash("md5", "x") }, { status: 400, code: "BadDigest" }, ERRORS),
  put("the Content-MD5 is none", { ContentMD5: "abc" }, { status: 400, code: "InvalidDigest" }, ERRORS),
  put("a SHA256 is too short", { ChecksumSHA256: "AAAA" }, { status: 400, code: "InvalidRequest" }, INTEGRITY),
  put(
    "there are two checksums",
    { ChecksumSHA256: VALUES.SHA256, ChecksumSHA1: VALUES.SHA1 },
    { status: 400, code: "InvalidRequest" },
    INTEGRITY,
  ),
];

export const checksumRows: readonly S3Row[] = [...given, ...others];
