import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32 } from "node:zlib";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { expect, test } from "vitest";
import { runS3, type S3Child } from "../local/s3/run-child.ts";

/** The most that one PUT may bring. */
const SIZE = 5 * 1024 ** 3;
const BLOCK = 1024 ** 2;
const MAX_GROWTH = 100 * 1000 ** 2;

/** Blocks that all differ, so that none can stand in for another. */
const blocks = function* (): Generator<Buffer> {
  for (let number = 0; number < SIZE / BLOCK; number += 1) {
    const block = Buffer.alloc(BLOCK, number & 0xff);
    block.writeUInt32BE(number);
    yield block;
  }
};

/** The engine's most memory while `work` runs, looked at ten times a second. */
const peakDuring = async (engine: S3Child, work: () => Promise<void>): Promise<number> => {
  let peak = 0;
  let done = false;
  const watching = (async () => {
    while (!done) {
      peak = Math.max(peak, await engine.rss());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  try {
    await work();
  } finally {
    done = true;
    await watching;
  }
  return peak;
};

const upload = (url: string, headers: Record<string, string>): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method: "PUT", headers: { ...headers, "content-length": SIZE } }, (response) => {
      response.resume();
      response.on("end", () =>
        response.statusCode === 200 ? resolve(response.headers.etag) : reject(new Error(`PUT: ${response.statusCode}`)),
      );
    });
    pipeline(Readable.from(blocks()), sent).catch(reject);
  });

const download = (url: string): Promise<{ readonly size: number; readonly crc: number; readonly etag: string }> =>
  new Promise((resolve, reject) => {
    request(url, (response) => {
      const md5 = createHash("md5");
      let [size, crc] = [0, 0];
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        crc = crc32(chunk, crc);
        md5.update(chunk);
      });
      response.on("error", reject);
      response.on("end", () => resolve({ size, crc, etag: `"${md5.digest("hex")}"` }));
    })
      .on("error", reject)
      .end();
  });

test("an object of 5 GiB goes up and down in flat memory, and its disk is free again", async () => {
  const dir = await mkdtemp(join(tmpdir(), "s3-large-"));
  const engine = await runS3(dir, "eu-west-1", "123456789012");
  const client = new S3Client({
    endpoint: engine.url,
    region: "eu-west-1",
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    credentials: { accessKeyId: "LARGE", secretAccessKey: "secret" },
  });
  try {
    const place = { Bucket: "large", Key: "object" };
    await client.send(new CreateBucketCommand({ Bucket: place.Bucket }));
    await client.send(new PutObjectCommand({ ...place, Key: "warm", Body: Buffer.alloc(16 * BLOCK) }));
    let crc = 0;
    for (const block of blocks()) crc = crc32(block, crc);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(crc);
    const checksum = { "x-amz-checksum-crc32": bytes.toString("base64") };
    const putUrl = await getSignedUrl(
      client,
      new PutObjectCommand({ ...place, ChecksumCRC32: checksum["x-amz-checksum-crc32"] }),
      { unhoistableHeaders: new Set(Object.keys(checksum)), expiresIn: 3600 },
    );
    const getUrl = await getSignedUrl(client, new GetObjectCommand(place), { expiresIn: 3600 });

    const before = await engine.rss();
    let etag: string | undefined;
    const up = await peakDuring(engine, async () => {
      etag = await upload(putUrl, checksum);
    });
    let back: Awaited<ReturnType<typeof download>> | undefined;
    const down = await peakDuring(engine, async () => {
      back = await download(getUrl);
    });
    console.log(`memory in MB: ${[before, up, down].map((rss) => Math.round(rss / 1000 ** 2)).join(", ")}`);
    expect(back).toEqual({ size: SIZE, crc, etag });
    expect(Math.max(up, down) - before).toBeLessThan(MAX_GROWTH);

    await client.send(new DeleteObjectCommand(place));
    expect(await readdir(join(dir, "content"))).toHaveLength(1);
  } finally {
    client.destroy();
    await engine.kill();
    await rm(dir, { recursive: true });
  }
});
