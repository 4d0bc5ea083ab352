import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { runS3 } from "../local/s3/run-child.ts";
import type { Row } from "./report.ts";

const MB = 1000 ** 2;
const REGION = "eu-west-1";
const Bucket = "bench";
/** Presigned URLs and one bare HTTP client for all: the SDK's own cost would hide what is measured. */
const agent = new Agent({ keepAlive: true });

const send = (method: string, url: string, body?: Buffer): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method, agent, headers: body && { "content-length": body.length } }, (response) => {
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
      });
      response.on("error", reject);
      response.on("end", () =>
        response.statusCode === 200 ? resolve(size) : reject(new Error(`${method} ${url}: ${response.statusCode}`)),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });

/** Runs `work` for 0 … count-1, so many at a time, and answers the seconds that it took. */
const timed = async (count: number, concurrency: number, work: (index: number) => Promise<unknown>) => {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (performance.now() - startedAt) / 1000;
};

/** The best of three, as the machine has other things to do. */
const best = async (name: string, unit: Row["unit"], amount: number, run: () => Promise<number>): Promise<Row> => {
  const seconds = [await run(), await run(), await run()];
  return { name, unit, value: amount / Math.min(...seconds) };
};

/** What the same bytes cost where nothing is stored or checked: a server that sends back what it gets. */
const startEcho = async () => {
  const server = createServer((message, response) => {
    response.writeHead(200, { "content-length": message.headers["content-length"] });
    message.pipe(response);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() };
};

const writeAndSync = async (file: string, body: Buffer): Promise<void> => {
  const handle = await open(file, "w");
  await handle.writeFile(body);
  await handle.sync();
  await handle.close();
};

/** Small and large uploads and downloads of the S3 stand-in, beside bare HTTP and a bare file of the same size. */
export const benchS3 = async (operations = 2_000): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "s3-bench-"));
  const engine = await runS3(join(dir, "s3"), REGION, "123456789012");
  const echo = await startEcho();
  const client = new S3Client({
    endpoint: engine.url,
    region: REGION,
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    credentials: { accessKeyId: "BENCH", secretAccessKey: "secret" },
  });
  try {
    await client.send(new CreateBucketCommand({ Bucket }));
    const urls = (command: (Key: string) => PutObjectCommand | GetObjectCommand, prefix: string, count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, n) =>
          getSignedUrl(client, command(`${prefix}${n}`) as GetObjectCommand, { expiresIn: 3600 }),
        ),
      );
    const put = (Key: string) => new PutObjectCommand({ Bucket, Key });
    const get = (Key: string) => new GetObjectCommand({ Bucket, Key });
    const [small, large] = [Buffer.alloc(1024, "s"), Buffer.alloc(64 * MB, "l")];
    const [putSmall, getSmall] = [await urls(put, "small-", operations), await urls(get, "small-", operations)];
    const [putLarge, getLarge] = [await urls(put, "large-", 4), await urls(get, "large-", 4)];
    const file = join(dir, "file");
    const concurrency = 16;
    const many = (list: readonly string[], method: string, body?: Buffer) =>
      timed(operations, concurrency, (n) => send(method, list[n] ?? "", body));
    const few = (list: readonly string[], method: string, body?: Buffer) =>
      timed(4, 1, (n) => send(method, list[n] ?? "", body));
    const bytes = 4 * 64;
    return [
      await best("S3, PUT of 1 KB", "/s", operations, () => many(putSmall, "PUT", small)),
      await best("S3, GET of 1 KB", "/s", operations, () => many(getSmall, "GET")),
      await best("bare HTTP, echo of 1 KB", "/s", operations, () =>
        timed(operations, concurrency, () => send("PUT", echo.url, small)),
      ),
      await best("bare file of 1 KB, written and synced", "/s", 200, () =>
        timed(200, 1, () => writeAndSync(file, small)),
      ),
      await best("S3, PUT of 64 MB", "MB/s", bytes, () => few(putLarge, "PUT", large)),
      await best("S3, GET of 64 MB", "MB/s", bytes, () => few(getLarge, "GET")),
      await best("bare HTTP, echo of 64 MB", "MB/s", bytes, () => timed(4, 1, () => send("PUT", echo.url, large))),
      await best("bare file of 64 MB, written and synced", "MB/s", bytes, () =>
        timed(4, 1, () => writeAndSync(file, large)),
      ),
    ];
  } finally {
    client.destroy();
    agent.destroy();
    echo.close();
    await engine.kill();
    rmSync(dir, { recursive: true, force: true });
  }
};
