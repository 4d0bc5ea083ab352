import { readdir, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { describe, expect, test } from "vitest";
import { outcome, s3Suite } from "./support.ts";

const suite = s3Suite();
const { start, stop, connect, newFolder } = suite;

describe("storage", () => {
  test("survives a restart and sweeps what nobody owns", async () => {
    const dir = await newFolder();
    const first = await start(dir);
    const client = connect(first);
    await client.send(new CreateBucketCommand({ Bucket: "bucket" }));
    await client.send(new PutObjectCommand({ Bucket: "bucket", Key: "kept", Body: "kept", Metadata: { a: "1" } }));
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: "bucket", Key: "parts" }));
    await client.send(new UploadPartCommand({ Bucket: "bucket", Key: "parts", UploadId, PartNumber: 1, Body: "a" }));
    await stop(first);
    await writeFile(join(dir, "content", "orphan"), "orphan");

    const again = connect(await start(dir));
    expect(await readdir(join(dir, "content"))).toHaveLength(2);
    const { Body, Metadata } = await again.send(new GetObjectCommand({ Bucket: "bucket", Key: "kept" }));
    expect([await Body?.transformToString(), Metadata]).toEqual(["kept", { a: "1" }]);
    const { Parts } = await again.send(new ListPartsCommand({ Bucket: "bucket", Key: "parts", UploadId }));
    expect(Parts).toHaveLength(1);
  });

  test("keeps no file of what was replaced, deleted, refused or broken off", async () => {
    const dir = await newFolder();
    const own = await start(dir);
    const client = connect(own);
    const Bucket = "bucket";
    await client.send(new CreateBucketCommand({ Bucket }));
    const send = (Key: string, more: Partial<PutObjectCommandInput> = {}) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body: "a", ...more }));
    await send("replaced");
    await send("replaced");
    await send("deleted");
    await client.send(new CopyObjectCommand({ Bucket, Key: "copied", CopySource: "bucket/deleted" }));
    await client.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "deleted" }, { Key: "copied" }] } }),
    );
    await Promise.all([1, 2, 3, 4].map(() => outcome(send("raced", { IfNoneMatch: "*" }))));
    await outcome(send("refused", { ContentMD5: "AAAAAAAAAAAAAAAAAAAAAA==" }));
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
    await client.send(new UploadPartCommand({ Bucket, Key: "parts", UploadId, PartNumber: 1, Body: "a" }));
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key: "parts", UploadId }));

    const quiet = connect(own, { requestChecksumCalculation: "WHEN_REQUIRED" });
    const url = await getSignedUrl(quiet, new PutObjectCommand({ Bucket, Key: "broken" }));
    await new Promise<void>((resolve) => {
      const upload = httpRequest(url, { method: "PUT", headers: { "content-length": 100 } });
      upload.on("error", () => resolve());
      upload.write("only this", () => upload.destroy());
      upload.on("close", () => resolve());
    });
    await stop(own);
    expect(await readdir(join(dir, "content"))).toHaveLength(2);
  });
});
