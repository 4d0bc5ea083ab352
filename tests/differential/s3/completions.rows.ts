import { createHash } from "node:crypto";
import { AbortMultipartUploadCommand, type CompleteMultipartUploadCommandInput } from "@aws-sdk/client-s3";
import { api, BIG, complete, ERRORS, guide, md5, object, read, type S3Row, type Upload, upload } from "./world.ts";

const refused = (
  when: string,
  change: (made: Upload) => Partial<CompleteMultipartUploadCommandInput>,
  status: number,
  code: string,
  source = api("CompleteMultipartUpload"),
): S3Row => ({
  operation: "CompleteMultipartUpload",
  when,
  send: async (world) => {
    const made = await upload(world, { 1: "first", 2: "last" });
    return complete(world, made, change(made));
  },
  expect: { status, code },
  source,
});

export const completionRows: readonly S3Row[] = [
  {
    operation: "CompleteMultipartUpload",
    when: "two parts: the ETag is made of theirs",
    send: async (world) => {
      const made = await upload(world, { 1: BIG, 2: "tail" }, { Metadata: { a: "1" }, Tagging: "t=1" });
      const answer = await complete(world, made);
      const { ContentLength, Metadata, TagCount } = await read(world, { Bucket: made.Bucket, Key: made.Key });
      return { ...answer, ContentLength, Metadata, TagCount };
    },
    expect: {
      status: 200,
      fields: {
        Key: "key",
        ETag: `"${createHash("md5")
          .update(Buffer.concat([md5(BIG), md5("tail")]))
          .digest("hex")}-2"`,
        ContentLength: BIG.length + 4,
        Metadata: { a: "1" },
        TagCount: 1,
      },
    },
    source: api("CompleteMultipartUpload"),
  },
  {
    operation: "CompleteMultipartUpload",
    when: "no checksum was asked for: S3 adds the CRC64NVME of the full object",
    send: async (world) => complete(world, await upload(world, { 1: "123456789" })),
    expect: {
      status: 200,
      fields: {
        ChecksumCRC64NVME: Buffer.from("ae8b14860a799888", "hex").toString("base64"),
        ChecksumType: "FULL_OBJECT",
      },
    },
    source: guide("checking-object-integrity-upload"),
  },
  {
    operation: "CompleteMultipartUpload",
    when: "a composite was asked for: the checksum of the parts' checksums",
    send: async (world) => complete(world, await upload(world, { 1: "123456789" }, { ChecksumAlgorithm: "SHA256" })),
    expect: {
      status: 200,
      fields: {
        ChecksumSHA256: `${createHash("sha256")
          .update(createHash("sha256").update("123456789").digest())
          .digest("base64")}-1`,
        ChecksumType: "COMPOSITE",
      },
    },
    source: guide("checking-object-integrity-upload"),
  },
  {
    operation: "CompleteMultipartUpload",
    when: "the CRC32 of the full object was asked for",
    send: async (world) =>
      complete(
        world,
        await upload(world, { 1: "123456789" }, { ChecksumAlgorithm: "CRC32", ChecksumType: "FULL_OBJECT" }),
      ),
    expect: {
      status: 200,
      fields: { ChecksumCRC32: Buffer.from("cbf43926", "hex").toString("base64"), ChecksumType: "FULL_OBJECT" },
    },
    source: guide("checking-object-integrity-upload"),
  },
  {
    operation: "CompleteMultipartUpload",
    when: "the client repeats it: the same answer",
    send: async (world) => {
      const made = await upload(world, { 1: "a" });
      const { ETag } = await complete(world, made);
      const again = await complete(world, made);
      return { ...again, same: again.ETag === ETag };
    },
    expect: { status: 200, fields: { same: true, Key: "key" } },
    source: api("CompleteMultipartUpload"),
  },
  {
    operation: "CompleteMultipartUpload",
    when: "it was aborted",
    send: async (world) => {
      const { parts, ...place } = await upload(world, { 1: "a" });
      await world.s3.send(new AbortMultipartUploadCommand(place));
      return complete(world, { parts, ...place });
    },
    expect: { status: 404, code: "NoSuchUpload" },
    source: api("CompleteMultipartUpload"),
  },
  refused("a part that is not the last has less than 5 MiB", () => ({}), 400, "EntityTooSmall"),
  refused(
    "parts are not in order",
    ({ parts }) => ({ MultipartUpload: { Parts: [...parts].reverse() } }),
    400,
    "InvalidPartOrder",
  ),
  refused(
    "a part was never uploaded",
    ({ parts }) => ({ MultipartUpload: { Parts: [{ ...parts[0], PartNumber: 8 }] } }),
    400,
    "InvalidPart",
  ),
  refused(
    "a part has another ETag",
    ({ parts }) => ({ MultipartUpload: { Parts: [{ ...parts[0], ETag: '"other"' }] } }),
    400,
    "InvalidPart",
  ),
  refused("it lists no parts", () => ({ MultipartUpload: { Parts: [] } }), 400, "MalformedXML", ERRORS),
  refused("there is no such upload", () => ({ UploadId: "none" }), 404, "NoSuchUpload"),
  refused("the upload is of another key", () => ({ Key: "other" }), 404, "NoSuchUpload"),
  refused(
    "the size is another than expected",
    ({ parts }) => ({ MultipartUpload: { Parts: parts.slice(0, 1) }, MpuObjectSize: 1 }),
    400,
    "InvalidRequest",
    "model:CompleteMultipartUploadRequest",
  ),
  refused(
    "the checksum is another than computed",
    ({ parts }) => ({ MultipartUpload: { Parts: parts.slice(0, 1) }, ChecksumCRC64NVME: "AAAAAAAAAAA=" }),
    400,
    "BadDigest",
    guide("checking-object-integrity-upload"),
  ),
  refused(
    "the checksum's type is another than the upload's",
    ({ parts }) => ({ MultipartUpload: { Parts: parts.slice(0, 1) }, ChecksumType: "COMPOSITE" }),
    400,
    "BadDigest",
    "model:CompleteMultipartUploadRequest",
  ),
  {
    operation: "CompleteMultipartUpload",
    when: "a composite is completed without a part's checksum",
    send: async (world) => {
      const made = await upload(world, { 1: "a" }, { ChecksumAlgorithm: "SHA256" });
      const Parts = made.parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }));
      return complete(world, made, { MultipartUpload: { Parts } });
    },
    expect: { status: 400, code: "InvalidRequest" },
    source: guide("checking-object-integrity-upload"),
  },
  {
    operation: "CompleteMultipartUpload",
    when: "a composite has gaps between its parts' numbers",
    send: async (world) => complete(world, await upload(world, { 2: "a" }, { ChecksumAlgorithm: "SHA256" })),
    expect: { status: 500, code: "InternalError" },
    source: guide("checking-object-integrity-upload"),
  },
  {
    operation: "CompleteMultipartUpload",
    when: "the key must be free, and is taken",
    send: async (world) => {
      const { Bucket, Key } = await object(world);
      return complete(world, await upload(world, { 1: "a" }, { Bucket, Key }), { IfNoneMatch: "*" });
    },
    expect: { status: 412, code: "PreconditionFailed" },
    source: guide("conditional-writes"),
  },
];
