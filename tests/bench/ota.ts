import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { runCloud } from "../../local/child.ts";
import { type TestCloud, testCloud } from "../integration/support/cloud.ts";
import { type OriginOptions, publishBinary } from "../integration/support/ota.ts";
import { benchFleet } from "./ota-fleet.ts";
import type { OriginSetup, Usage } from "./ota-origin.ts";
import { percentile, type Row } from "./report.ts";

const MIB = 1024 ** 2;
const agent = new Agent({ keepAlive: true });

const open = (url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request(url, { agent, headers }, resolve).on("error", reject).end();
  });

interface Sample {
  readonly ms: number;
  readonly firstByteMs: number;
  readonly bytes: number;
}

/** One request, read to its end. @throws Error for another status, or an answer that breaks off */
const get = async (url: string, headers: Record<string, string>, status: number): Promise<Sample> => {
  const from = performance.now();
  const answer = await open(url, headers);
  if (answer.statusCode !== status) throw new Error(`${url}: ${answer.statusCode}, not ${status}`);
  let firstByteMs = performance.now() - from;
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (bytes === 0) firstByteMs = performance.now() - from;
    bytes += chunk.length;
  }
  return { ms: performance.now() - from, firstByteMs, bytes };
};

const many = async (count: number, concurrency: number, work: () => Promise<Sample>) => {
  const samples: Sample[] = [];
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) samples.push(await work());
  };
  const from = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { samples, seconds: (performance.now() - from) / 1_000 };
};

interface Origin {
  readonly url: string;
  readonly bare: string;
  readonly usage: () => Promise<Usage>;
  readonly stop: () => Promise<void>;
}

const startOriginProcess = async (cloud: TestCloud, constant: string, options: OriginOptions = {}): Promise<Origin> => {
  const { endpoints, tables, otaBucket, dir } = cloud;
  const setup: OriginSetup = { cloud: { endpoints, tables, otaBucket, dir }, options, constant };
  const child: ChildProcess = fork(fileURLToPath(new URL("./ota-origin.ts", import.meta.url)), {
    env: { ...process.env, OTA_ORIGIN: JSON.stringify(setup) },
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  const [told] = (await once(child, "message")) as [{ origin: string; bare: string }];
  return {
    url: told.origin,
    bare: told.bare,
    usage: async () => {
      const answer = once(child, "message") as Promise<[Usage]>;
      child.send("usage");
      return (await answer)[0];
    },
    stop: async () => {
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
};

/** Requests a second, and how long they take, of one question at several numbers of requests at once. */
const rates = async (
  name: string,
  url: string,
  headers: Record<string, string>,
  status: number,
  { count, origin }: { count: number; origin?: Origin },
): Promise<Row[]> => {
  await many(Math.min(200, count), 4, () => get(url, headers, status));
  const rows: Row[] = [];
  const before = await origin?.usage();
  for (const concurrency of [1, 16, 64]) {
    const { samples, seconds } = await many(count, concurrency, () => get(url, headers, status));
    const times = samples.map(({ ms }) => ms);
    const at = `${name}, concurrency ${concurrency}`;
    rows.push({ name: at, value: count / seconds, unit: "/s" });
    rows.push({ name: `${at}, p50`, value: percentile(times, 0.5), unit: "ms" });
    rows.push({ name: `${at}, p99`, value: percentile(times, 0.99), unit: "ms" });
  }
  const after = await origin?.usage();
  if (before !== undefined && after !== undefined) {
    rows.push({ name: `${name}, CPU of a request`, value: (after.cpuMs - before.cpuMs) / (3 * count), unit: "ms" });
  }
  return rows;
};

/** Whole archives from the origin: first byte, bytes a second, CPU and memory of the process that has the function. */
const payloads = async (
  name: string,
  url: string,
  origin: Origin,
  concurrencies: readonly number[],
  headers: Record<string, string> = {},
): Promise<Row[]> => {
  const rows: Row[] = [];
  await many(2, 1, () => get(url, headers, 200));
  for (const concurrency of concurrencies) {
    const before = await origin.usage();
    const { samples, seconds } = await many(Math.max(5, concurrency), concurrency, () => get(url, headers, 200));
    const after = await origin.usage();
    const at = `${name}, concurrency ${concurrency}`;
    const bytes = samples.reduce((sum, sample) => sum + sample.bytes, 0);
    const first = samples.map(({ firstByteMs }) => firstByteMs);
    rows.push({ name: `${at}, first byte, p50`, value: percentile(first, 0.5), unit: "ms" });
    rows.push({ name: at, value: bytes / MIB / seconds, unit: "MB/s" });
    rows.push({ name: `${at}, CPU of a request`, value: (after.cpuMs - before.cpuMs) / samples.length, unit: "ms" });
    rows.push({ name: `${at}, peak memory`, value: after.peakMb, unit: "MB" });
  }
  return rows;
};

/** Readers that take the first bytes and then none: what they cost while they stand still. */
const stalled = async (name: string, url: string, origin: Origin, readers: number): Promise<Row[]> => {
  const before = await origin.usage();
  const answers = await Promise.all(
    Array.from({ length: readers }, async () => {
      const answer = await open(url);
      await once(answer, "readable");
      return answer;
    }),
  );
  let last = await origin.usage();
  for (let steady = 0; steady < 5; ) {
    await pause(100);
    const now = await origin.usage();
    steady = Math.abs(now.rssMb - last.rssMb) < 1 ? steady + 1 : 0;
    last = now;
  }
  for (const answer of answers) answer.destroy();
  return [{ name: `${name}, memory of a stalled reader`, value: (last.rssMb - before.rssMb) / readers, unit: "MB" }];
};

/** As many bytes as four binaries have, in one object that can be fetched without the function. @returns its URL */
const oneObject = async ({ s3, otaBucket: Bucket }: TestCloud, bytes: number): Promise<string> => {
  const Key = `bench/${bytes}`;
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: randomBytes(bytes) }));
  return getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }));
};

/** What the same bytes cost where nothing is served: a file that is copied. */
const fileCopy = async (dir: string, megabytes: number): Promise<Row> => {
  const file = join(dir, "bytes");
  await writeFile(file, randomBytes(megabytes * MIB));
  const from = performance.now();
  for (let time = 0; time < 4; time += 1) await copyFile(file, `${file}-${time}`);
  const seconds = (performance.now() - from) / 1_000;
  return { name: `plain copy of a file of ${megabytes} MiB`, value: (4 * megabytes) / seconds, unit: "MB/s" };
};

const FOUR = ["modem", "player", "camera"] as const;

/** Four binaries of one size, under a workspace of their own. @returns the path of their package */
const publishFour = async (cloud: TestCloud, workspace: string, bytes: number): Promise<string> => {
  const api = await cloud.client();
  await api.done("POST", "/v1/workspaces", { name: workspace });
  for (const app of ["os_a", ...FOUR]) {
    const binary = { app, version: "1.0.0", attributes: ["all"], bytes: randomBytes(bytes) };
    await publishBinary(api, `/v1/workspaces/${workspace}`, binary);
  }
  return `/${workspace}/package?cpuArch=a&attrAll=prod`;
};

/** The stored archive, through the CDN: asked for until it is there. */
const storedUrl = async (url: string): Promise<string> => {
  const deadline = performance.now() + 120_000;
  while (performance.now() < deadline) {
    const answer = await open(url, { prefer: "redirect" });
    answer.resume();
    await once(answer, "end");
    if (answer.statusCode === 307) return String(answer.headers.location);
    await pause(100);
  }
  throw new Error(`no archive is stored for ${url}`);
};

/**
 * Packages, through the CDN and at the origin, whose function runs in a process of its own so that what it uses is told. What
 * a bare server and a plain copy do is measured in the same run.
 */
export const benchOta = async (quick: boolean): Promise<Row[]> => {
  const dir = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  const cloud = testCloud(await runCloud(join(dir, "data"), { args: ["--test-mode"], strict: false }), dir);
  const origins: Origin[] = [];
  const start = async (constant: string, options?: OriginOptions): Promise<Origin> => {
    const origin = await startOriginProcess(cloud, constant, options);
    origins.push(origin);
    return origin;
  };
  try {
    const count = quick ? 100 : 2_000;
    const sizes = quick ? [1] : [10, 100];
    const concurrencies = quick ? [1, 4] : [1, 8, 32];
    const path = await publishFour(cloud, "small", 1_000);
    const meta = `${path}&payloadType=metadataOnly`;
    const sample = (await (await fetch(cloud.endpoints.ota + meta)).json()) as Record<string, { md5: string }>;
    const have = {
      "if-none-match": Object.values(sample)
        .map(({ md5 }) => md5)
        .join(","),
    };
    const origin = await start(JSON.stringify(sample), { streamedBytes: 10 ** 12 });
    const cdn = cloud.endpoints.ota;
    const rows: Row[] = [
      ...(await rates("bare node:http, a constant answer", origin.bare, {}, 200, { count, origin })),
      ...(await rates("metadata through the CDN", cdn + meta, {}, 200, { count })),
      ...(await rates("304 through the CDN", cdn + meta, have, 304, { count })),
      ...(await rates("metadata at the origin", origin.url + meta, {}, 200, { count, origin })),
      ...(await rates("304 at the origin", origin.url + meta, have, 304, { count, origin })),
      await fileCopy(dir, quick ? 4 : 100),
    ];
    for (const megabytes of sizes) {
      const name = `archive of 4 × ${megabytes} MiB`;
      const large = await publishFour(cloud, `of-${megabytes}`, megabytes * MIB);
      // A process of its own for each size: the peak of memory is that of the process.
      const own = await start("", { streamedBytes: 10 ** 12 });
      const from = { "x-from": await oneObject(cloud, 4 * megabytes * MIB) };
      rows.push(
        ...(await payloads(`bare node:http, ${4 * megabytes} MiB passed on`, own.bare, own, concurrencies, from)),
      );
      rows.push(...(await payloads(`${name} at the origin`, own.url + large, own, concurrencies)));
      rows.push(...(await stalled(`${name} at the origin`, own.url + large, own, quick ? 4 : 32)));
      const stored = await storedUrl(cdn + large);
      const { samples, seconds } = await many(2, 1, () => get(stored, {}, 200));
      const bytes = samples.reduce((sum, one) => sum + one.bytes, 0);
      rows.push({ name: `${name}, stored, through the CDN`, value: bytes / MIB / seconds, unit: "MB/s" });
      if (megabytes > 10) continue;
      // Larger ones are never streamed on AWS.
      const { samples: limited, seconds: took } = await many(1, 1, () => get(cdn + large, {}, 200));
      const streamed = `${name} through the CDN, at the rate of Lambda's streams`;
      rows.push({ name: `${streamed}, first byte`, value: limited[0]?.firstByteMs ?? Number.NaN, unit: "ms" });
      rows.push({ name: streamed, value: (limited[0]?.bytes ?? Number.NaN) / MIB / took, unit: "MB/s" });
    }
    return [...rows, ...benchFleet(quick ? 10_000 : 100_000)];
  } finally {
    agent.destroy();
    for (const origin of origins) await origin.stop();
    await cloud.remove();
    await rm(dir, { recursive: true, force: true });
  }
};
