import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type UploadPartCopyCommandInput,
} from "@aws-sdk/client-s3";
import { expect } from "vitest";
import {
  api,
  BIG,
  bucket,
  complete,
  ERRORS,
  guide,
  md5,
  object,
  read,
  type S3Row,
  unique,
  upload,
  type World,
} from "./world.ts";

const parts: readonly S3Row[] = [
  {
    operation: "CreateMultipartUpload",
    when: "a checksum is asked for",
    send: async (world) =>
      world.s3.send(
        new CreateMultipartUploadCommand({ Bucket: await bucket(world), Key: "key", ChecksumAlgorithm: "CRC32C" }),
      ),
    expect: {
      status: 200,
      fields: { Key: "key", UploadId: expect.any(String), ChecksumAlgorithm: "CRC32C", ChecksumType: "COMPOSITE" },
    },
    source: api("CreateMultipartUpload"),
  },
  {
    operation: "CreateMultipartUpload",
    when: "the type of checksum is none that the algorithm has",
    send: async (world) =>
      world.s3.send(
        new CreateMultipartUploadCommand({
          Bucket: await bucket(world),
          Key: "key",
          ChecksumAlgorithm: "CRC64NVME",
          ChecksumType: "COMPOSITE",
        }),
      ),
    expect: { status: 400, code: "InvalidRequest" },
    source: guide("checking-object-integrity-upload"),
  },
  {
    operation: "CreateMultipartUpload",
    when: "there is no such bucket",
    send: ({ s3 }) => s3.send(new CreateMultipartUploadCommand({ Bucket: unique(), Key: "key" })),
    expect: { status: 404, code: "NoSuchBucket" },
    source: ERRORS,
  },
  ...(
    [
      ["1", 1, 200],
      ["10000", 10_000, 200],
      ["0", 0, 400],
      ["10001", 10_001, 400],
    ] as const
  ).map(
    ([number, PartNumber, status]): S3Row => ({
      operation: "UploadPart",
      when: `the number is ${number}`,
      send: async (world) => {
        const { parts: _, ...place } = await upload(world);
        return world.s3.send(new UploadPartCommand({ ...place, PartNumber, Body: "a" }));
      },
      expect:
        status === 200
          ? { status, fields: { ETag: `"${md5("a").toString("hex")}"` } }
          : { status, code: "InvalidArgument" },
      source: guide("qfacts"),
    }),
  ),
  {
    operation: "UploadPart",
    when: "there is no such upload",
    send: async (world) =>
      world.s3.send(
        new UploadPartCommand({ Bucket: await bucket(world), Key: "key", UploadId: "none", PartNumber: 1, Body: "a" }),
      ),
    expect: { status: 404, code: "NoSuchUpload" },
    source: api("UploadPart"),
  },
  {
    operation: "UploadPart",
    when: "the checksum is of another algorithm than the upload's",
    send: async (world) => {
      const { parts: _, ...place } = await upload(world, {}, { ChecksumAlgorithm: "SHA256" });
      return world.s3.send(new UploadPartCommand({ ...place, PartNumber: 1, Body: "a", ChecksumAlgorithm: "CRC32" }));
    },
    expect: { status: 400, code: "InvalidRequest" },
    source: guide("checking-object-integrity-upload"),
  },
  {
    operation: "AbortMultipartUpload",
    when: "it is there",
    send: async (world) => {
      const { parts: _, ...place } = await upload(world, { 1: "a" });
      return world.s3.send(new AbortMultipartUploadCommand(place));
    },
    expect: { status: 204 },
    source: api("AbortMultipartUpload"),
  },
  {
    operation: "AbortMultipartUpload",
    when: "there is no such upload",
    send: async (world) =>
      world.s3.send(new AbortMultipartUploadCommand({ Bucket: await bucket(world), Key: "key", UploadId: "none" })),
    expect: { status: 404, code: "NoSuchUpload" },
    source: api("AbortMultipartUpload"),
  },
  {
    operation: "ListParts",
    when: "a page is asked for, and a part was sent again",
    send: async (world) => {
      const { parts: _, ...place } = await upload(world, { 1: "1", 2: "2", 5: "5" });
      await world.plain.send(new UploadPartCommand({ ...place, PartNumber: 2, Body: "again" }));
      const first = await world.s3.send(new ListPartsCommand({ ...place, MaxParts: 2 }));
      const rest = await world.s3.send(
        new ListPartsCommand({ ...place, PartNumberMarker: first.NextPartNumberMarker }),
      );
      const sizes = [first, rest].map(({ Parts = [] }) => Parts.map(({ PartNumber, Size }) => [PartNumber, Size]));
      return { ...first, sizes, more: rest.IsTruncated };
    },
    expect: {
      status: 200,
      fields: {
        sizes: [
          [
            [1, 1],
            [2, 5],
          ],
          [[5, 1]],
        ],
        IsTruncated: true,
        MaxParts: 2,
        NextPartNumberMarker: "2",
        more: false,
      },
    },
    source: api("ListParts"),
  },
  {
    operation: "ListParts",
    when: "there is no such upload",
    send: async (world) =>
      world.s3.send(new ListPartsCommand({ Bucket: await bucket(world), Key: "key", UploadId: "none" })),
    expect: { status: 404, code: "NoSuchUpload" },
    source: api("ListParts"),
  },
];

const copyPart = (
  when: string,
  source: string | Buffer,
  input: (place: { Bucket: string; ETag: string }) => Partial<UploadPartCopyCommandInput>,
  expected: S3Row["expect"],
  reference = api("UploadPartCopy"),
): S3Row => ({
  operation: "UploadPartCopy",
  when,
  send: async (world) => {
    const { Bucket, Key, ETag } = await object(world, source, {}, world.plain);
    const { parts: _, ...place } = await upload(world, {}, { Bucket, Key: "target" });
    return world.s3.send(
      new UploadPartCopyCommand({
        ...place,
        PartNumber: 1,
        CopySource: `${Bucket}/${Key}`,
        ...input({ Bucket, ETag }),
      }),
    );
  },
  expect: expected,
  source: reference,
});

const SOURCE = Buffer.concat([BIG, Buffer.from("0123456789")]);
const copies: readonly S3Row[] = [
  copyPart("the whole source", "copied", () => ({}), {
    status: 200,
    fields: { CopyPartResult: { ETag: `"${md5("copied").toString("hex")}"`, LastModified: expect.any(Date) } },
  }),
  copyPart("a range of it", SOURCE, () => ({ CopySourceRange: `bytes=${BIG.length}-${BIG.length + 9}` }), {
    status: 200,
    fields: { CopyPartResult: { ETag: `"${md5("0123456789").toString("hex")}"` } },
  }),
  copyPart("a range of a source of 5 MiB or less", BIG, () => ({ CopySourceRange: "bytes=0-9" }), {
    status: 400,
    code: "InvalidRequest",
  }),
  copyPart("a range without an end", SOURCE, () => ({ CopySourceRange: "bytes=1-" }), {
    status: 400,
    code: "InvalidArgument",
  }),
  copyPart("a range that ends behind the end", SOURCE, () => ({ CopySourceRange: `bytes=0-${SOURCE.length}` }), {
    status: 400,
    code: "InvalidArgument",
  }),
  copyPart("the source must be another", "a", ({ ETag }) => ({ CopySourceIfNoneMatch: ETag }), {
    status: 412,
    code: "PreconditionFailed",
  }),
  copyPart("the source must be it", "a", ({ ETag }) => ({ CopySourceIfMatch: ETag }), { status: 200 }),
  copyPart("there is no such source", "a", ({ Bucket }) => ({ CopySource: `${Bucket}/none` }), {
    status: 404,
    code: "NoSuchKey",
  }),
  copyPart("there is no such upload", "a", () => ({ UploadId: "none" }), { status: 404, code: "NoSuchUpload" }),
  {
    operation: "CompleteMultipartUpload",
    when: "a part that was copied has less than 5 MiB and is not the last",
    send: async (world) => {
      const { Bucket, Key } = await object(world, "small");
      const { parts: _, ...place } = await upload(world, {}, { Bucket, Key: "target" });
      const sent = [];
      for (const PartNumber of [1, 2]) {
        const { CopyPartResult } = await world.s3.send(
          new UploadPartCopyCommand({ ...place, PartNumber, CopySource: `${Bucket}/${Key}` }),
        );
        sent.push({ PartNumber, ETag: CopyPartResult?.ETag });
      }
      return world.s3.send(new CompleteMultipartUploadCommand({ ...place, MultipartUpload: { Parts: sent } }));
    },
    expect: { status: 400, code: "EntityTooSmall" },
    source: api("CompleteMultipartUpload"),
  },
];

const ofParts = (
  operation: string,
  when: string,
  send: (world: World, place: { Bucket: string; Key: string }) => Promise<object>,
  expected: S3Row["expect"],
): S3Row => ({
  operation,
  when,
  send: async (world) => {
    const made = await upload(
      world,
      { 1: BIG, 3: "tail" },
      { ChecksumAlgorithm: "CRC32", ChecksumType: "FULL_OBJECT" },
    );
    await complete(world, made);
    return send(world, { Bucket: made.Bucket, Key: made.Key });
  },
  expect: expected,
  source: api(operation),
});

const reads: readonly S3Row[] = [
  ofParts("GetObject", "a part of it is asked for", (world, place) => read(world, { ...place, PartNumber: 3 }), {
    status: 206,
    fields: {
      text: "tail",
      PartsCount: 2,
      ContentRange: `bytes ${BIG.length}-${BIG.length + 3}/${BIG.length + 4}`,
      ContentLength: 4,
    },
  }),
  ofParts(
    "GetObject",
    "a part is asked for that it does not have",
    ({ s3 }, place) => s3.send(new GetObjectCommand({ ...place, PartNumber: 9 })),
    { status: 416, code: "InvalidPartNumber" },
  ),
  ofParts(
    "GetObject",
    "a part and a range are asked for",
    ({ s3 }, place) => s3.send(new GetObjectCommand({ ...place, PartNumber: 1, Range: "bytes=0-1" })),
    { status: 400, code: "InvalidRequest" },
  ),
  {
    operation: "GetObject",
    when: "the first part is asked for of an object that came as a whole",
    send: async (world) => {
      const { Bucket, Key } = await object(world, "whole");
      return read(world, { Bucket, Key, PartNumber: 1 });
    },
    expect: { status: 206, fields: { text: "whole", PartsCount: undefined, ContentRange: "bytes 0-4/5" } },
    source: api("GetObject"),
  },
  ofParts(
    "GetObjectAttributes",
    "its parts are asked for, one a page",
    async ({ s3 }, place) => {
      const ask = (PartNumberMarker?: string) =>
        s3.send(
          new GetObjectAttributesCommand({
            ...place,
            ObjectAttributes: ["ObjectParts", "ObjectSize"],
            MaxParts: 1,
            PartNumberMarker,
          }),
        );
      const first = await ask();
      const rest = await ask(first.ObjectParts?.NextPartNumberMarker);
      const sizes = [first, rest].flatMap(({ ObjectParts }) =>
        (ObjectParts?.Parts ?? []).map(({ PartNumber, Size, ChecksumCRC32 }) => [PartNumber, Size, ChecksumCRC32]),
      );
      return { ...first, sizes, more: rest.ObjectParts?.IsTruncated };
    },
    {
      status: 200,
      fields: {
        ObjectSize: BIG.length + 4,
        ObjectParts: { TotalPartsCount: 2, IsTruncated: true, MaxParts: 1 },
        sizes: [
          [1, BIG.length, expect.any(String)],
          [3, 4, expect.any(String)],
        ],
        more: false,
      },
    },
  ),
  {
    operation: "PutObject",
    when: "it replaces one that came in parts: it has none any more",
    send: async (world) => {
      const made = await upload(world, { 1: "parts" });
      await complete(world, made);
      const place = { Bucket: made.Bucket, Key: made.Key };
      const answer = await world.s3.send(new PutObjectCommand({ ...place, Body: "whole" }));
      const { ObjectParts } = await world.s3.send(
        new GetObjectAttributesCommand({ ...place, ObjectAttributes: ["ObjectParts", "ETag"] }),
      );
      return { ...answer, ObjectParts };
    },
    expect: { status: 200, fields: { ObjectParts: undefined } },
    source: api("GetObjectAttributes"),
  },
];

export const partRows: readonly S3Row[] = [...parts, ...copies, ...reads];
