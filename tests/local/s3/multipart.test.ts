import { createHash } from "node:crypto";
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { startCrc } from "../../../local/s3/crc.ts";
import { MIB, outcome, s3Suite } from "./support.ts";

const suite = s3Suite();
const { put, get, read } = suite;

describe("multipart uploads", () => {
  const big = Buffer.alloc(5 * MIB, "b");
  const begin = async (Key: string, more: object = {}, client = suite.plain) =>
    (await client.send(new CreateMultipartUploadCommand({ Bucket: "bucket", Key, ...more }))).UploadId ?? "";
  const part = async (
    Key: string,
    UploadId: string,
    PartNumber: number,
    Body: Buffer,
    client = suite.plain,
    more: object = {},
  ) => {
    const {
      $metadata: _,
      ServerSideEncryption: __,
      ...sums
    } = await client.send(new UploadPartCommand({ Bucket: "bucket", Key, UploadId, PartNumber, Body, ...more }));
    return { PartNumber, ...sums } as CompletedPart;
  };
  const complete = (Key: string, UploadId: string, Parts: CompletedPart[], more: object = {}) =>
    suite.plain.send(
      new CompleteMultipartUploadCommand({ Bucket: "bucket", Key, UploadId, MultipartUpload: { Parts }, ...more }),
    );

  test("an overwrite while an object is read does not disturb the reader", async () => {
    // More than sockets buffer, so that the second part's file is opened after the overwrite.
    const long = Buffer.alloc(24 * MIB, "l");
    const id = await begin("overwritten");
    const parts = [await part("overwritten", id, 1, long), await part("overwritten", id, 2, Buffer.from("tail"))];
    await complete("overwritten", id, parts);
    const { Body } = await get("overwritten");
    await put("overwritten", "new");
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    expect([bytes.length, bytes.toString("latin1", long.length)]).toEqual([long.length + 4, "tail"]);
    expect(await read("overwritten")).toBe("new");
  });

  test("parts may carry checksums that the upload was not made for, which hold, and the object has the default one", async () => {
    const id = await begin("undeclared");
    const parts = [
      await part("undeclared", id, 1, big, suite.s3),
      await part("undeclared", id, 2, Buffer.from("tail"), suite.s3),
    ];
    expect(parts[0]?.ChecksumCRC32).toMatch(/==$/);
    const wrong = parts.map((entry) => ({ ...entry, ChecksumCRC32: "AAAAAA==" }));
    expect(await outcome(complete("undeclared", id, wrong))).toBe("InvalidPart 400");
    const crc = startCrc("CRC64NVME");
    crc.update(big);
    crc.update(Buffer.from("tail"));
    const value = crc.digest().toString("base64");
    expect(await complete("undeclared", id, parts)).toMatchObject({ ChecksumCRC64NVME: value });
    const head = { Bucket: "bucket", Key: "undeclared", ChecksumMode: "ENABLED" } as const;
    expect(await suite.s3.send(new HeadObjectCommand(head))).toMatchObject({ ChecksumCRC64NVME: value });
  });

  test("completed by many at once, it is one object, and all hear of it", async () => {
    const id = await begin("raced");
    const parts = [await part("raced", id, 1, Buffer.from("all"))];
    const answers = await Promise.all(Array.from({ length: 8 }, () => complete("raced", id, parts)));
    expect(new Set(answers.map(({ ETag }) => ETag)).size).toBe(1);
    await put("raced", "later");
    expect(await outcome(complete("raced", id, parts))).toBe("200");
    expect(await read("raced")).toBe("later");
    expect(await outcome(complete("raced", id, [{ PartNumber: 2, ETag: '"other"' }]))).toBe("NoSuchUpload 404");
  });

  test("a copy of it is one piece", async () => {
    const id = await begin("pieces");
    await complete("pieces", id, [await part("pieces", id, 1, big), await part("pieces", id, 2, Buffer.from("tail"))]);
    await suite.s3.send(new CopyObjectCommand({ Bucket: "bucket", Key: "piece", CopySource: "bucket/pieces" }));
    const { ETag } = await suite.s3.send(new HeadObjectCommand({ Bucket: "bucket", Key: "piece" }));
    expect(ETag).toBe(`"${createHash("md5").update(big).update("tail").digest("hex")}"`);
  });

  test.each<["CRC32" | "CRC32C" | "CRC64NVME"]>([["CRC32"], ["CRC32C"], ["CRC64NVME"]])(
    "the %s of the full object is that of all bytes",
    async (ChecksumAlgorithm) => {
      const id = await begin("whole", { ChecksumAlgorithm, ChecksumType: "FULL_OBJECT" }, suite.s3);
      const parts = [
        await part("whole", id, 1, big, suite.s3, { ChecksumAlgorithm }),
        await part("whole", id, 2, Buffer.from("tail"), suite.s3, { ChecksumAlgorithm }),
      ];
      const crc = startCrc(ChecksumAlgorithm);
      crc.update(big);
      crc.update(Buffer.from("tail"));
      const done = await complete("whole", id, parts);
      expect(done[`Checksum${ChecksumAlgorithm}`]).toBe(crc.digest().toString("base64"));
    },
  );

  test.each<
    [note: string, act: (id: string, first: CompletedPart, last: CompletedPart) => Promise<string>, expected: string]
  >([
    [
      "a small part that is not the last",
      (id, first, last) => outcome(complete("refused", id, [last, { ...first, PartNumber: 3 }])),
      "EntityTooSmall 400",
    ],
    [
      "parts out of order",
      (id, first, last) => outcome(complete("refused", id, [last, first])),
      "InvalidPartOrder 400",
    ],
    [
      "an unknown part",
      (id, first) => outcome(complete("refused", id, [{ ...first, PartNumber: 8 }])),
      "InvalidPart 400",
    ],
    ["another ETag", (id, first) => outcome(complete("refused", id, [{ ...first, ETag: '"x"' }])), "InvalidPart 400"],
    ["no parts", (id) => outcome(complete("refused", id, [])), "MalformedXML 400"],
    ["an unknown upload", (_id, first) => outcome(complete("refused", "unknown", [first])), "NoSuchUpload 404"],
    ["another key", (id, first) => outcome(complete("other", id, [first])), "NoSuchUpload 404"],
    [
      "another size",
      (id, first) => outcome(complete("refused", id, [first], { MpuObjectSize: 1 })),
      "InvalidRequest 400",
    ],
    [
      "a taken key",
      (id, first) => outcome(complete("refused", id, [first], { IfNoneMatch: "*" })),
      "PreconditionFailed 412",
    ],
    [
      "part 0",
      (id) => outcome(part("refused", id, 0, Buffer.from("a")).then(() => ({ $metadata: {} }))),
      "InvalidArgument 400",
    ],
    [
      "part 10001",
      (id) => outcome(part("refused", id, 10_001, Buffer.from("a")).then(() => ({ $metadata: {} }))),
      "InvalidArgument 400",
    ],
  ])("%s is refused, and the upload stays", async (_note, act, expected) => {
    await put("refused", "before");
    const id = await begin("refused");
    const first = await part("refused", id, 1, Buffer.from("first"));
    const last = await part("refused", id, 2, Buffer.from("last"));
    await part("refused", id, 3, Buffer.from("first"));
    expect(await act(id, first, last)).toBe(expected);
    expect(await read("refused")).toBe("before");
    expect(await outcome(complete("refused", id, [first]))).toBe("200");
    expect(await read("refused")).toBe("first");
  });
});
