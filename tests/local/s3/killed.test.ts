import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { runS3 } from "./run-child.ts";
import { ACCOUNT, MIB, REGION, s3Suite } from "./support.ts";

const suite = s3Suite();
const Bucket = "bucket";
const ROUNDS = 6;
const WRITERS = 4;

/** Bytes that only this key and this number could have; two parts for what is uploaded in parts. */
const bytesOf = (key: string, number: number, size: number): Buffer => Buffer.alloc(size, `${key}-${number};`);
const SIZES = [300_000, 5 * MIB] as const;

interface Progress {
  /** The bytes of the last write that was acknowledged; undefined when that was a delete. */
  acknowledged: Buffer | undefined;
  /** The bytes that an unanswered write may have left, or that it deleted. */
  attempted: Buffer | undefined;
}

/** One writer's key goes through every kind of write, until the engine is killed under it. */
const write = async (client: S3Client, Key: string, progress: Progress, ended: () => boolean): Promise<void> => {
  const attempt = async (bytes: Buffer | undefined, act: () => Promise<unknown>): Promise<void> => {
    progress.attempted = bytes;
    await act();
    progress.acknowledged = bytes;
  };
  const small = (number: number) => bytesOf(Key, number, SIZES[0]);
  try {
    for (let number = 0; !ended(); number += 1) {
      const Body = small(number);
      await attempt(Body, () => client.send(new PutObjectCommand({ Bucket, Key, Body })));
      const copied = bytesOf(`${Key}-source`, number, SIZES[0]);
      await client.send(new PutObjectCommand({ Bucket, Key: `${Key}-source`, Body: copied }));
      await attempt(copied, () =>
        client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${Key}-source` })),
      );
      await attempt(undefined, () => client.send(new DeleteObjectCommand({ Bucket, Key })));
      const parts = [bytesOf(Key, number, SIZES[1]), small(number)];
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
      for (const [index, part] of parts.entries()) {
        const PartNumber = index + 1;
        const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body: part }));
        Parts.push({ PartNumber, ETag });
      }
      await attempt(Buffer.concat(parts), () =>
        client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } })),
      );
    }
  } catch (error) {
    if (!ended()) throw error;
  }
};

const read = async (client: S3Client, Key: string): Promise<Buffer | undefined> => {
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  } catch (error) {
    if ((error as Error).name === "NoSuchKey") return undefined;
    throw error;
  }
};

const digest = (bytes: Buffer | undefined): string =>
  bytes === undefined ? "none" : createHash("sha256").update(bytes).digest("hex");

/** How many files the engine's objects and unfinished parts account for. */
const filesWanted = async (client: S3Client): Promise<number> => {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
  let count = 0;
  for (const { ETag = "" } of Contents) count += Number(/-(\d+)"$/.exec(ETag)?.[1] ?? 1);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  for (const { Key, UploadId } of Uploads) {
    count += (await client.send(new ListPartsCommand({ Bucket, Key, UploadId }))).Parts?.length ?? 0;
  }
  return count;
};

test(`${ROUNDS} kills at random moments of uploads, copies, deletes and completions leave the old or the new, and no stray file`, async () => {
  const dir = await suite.newFolder();
  let rounds = 0;
  for (; rounds < ROUNDS; rounds += 1) {
    const engine = await runS3(dir, REGION, ACCOUNT);
    const client = suite.connect(engine);
    if (rounds === 0) await client.send(new CreateBucketCommand({ Bucket }));
    const keys = Array.from({ length: WRITERS }, (_, n) => `${rounds}-${n}`);
    const progress = keys.map((): Progress => ({ acknowledged: undefined, attempted: undefined }));
    let killed = false;
    const writing = keys.map((key, n) => write(client, key, progress[n] as Progress, () => killed));
    // Where in a write the kill falls is left to chance, which is the point.
    await Promise.race([
      Promise.all(writing),
      new Promise<void>((resolve) => setTimeout(resolve, 100 + Math.random() * 700)),
    ]);
    killed = true;
    await engine.kill();
    await Promise.all(writing);

    const again = await suite.start(dir);
    const reader = suite.connect(again);
    for (const [n, key] of keys.entries()) {
      const { acknowledged, attempted } = progress[n] as Progress;
      const found = digest(await read(reader, key));
      expect([digest(acknowledged), digest(attempted)], `${key} after kill ${rounds}`).toContain(found);
    }
    expect(await readdir(join(dir, "content"))).toHaveLength(await filesWanted(reader));
    await suite.stop(again);
  }
  expect(rounds).toBe(ROUNDS);
});
