import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IoT } from "@aws-sdk/client-iot";
import { type ApiClient, apiClient, type IntentBody } from "../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../local/child.ts";
import { type Device, startDevice } from "../../local/device/device.ts";
import { atConcurrency } from "./intents.ts";
import { percentile, type Row } from "./report.ts";

/** Devices that register at the same time: more of them only wait longer for one another. */
const CONCURRENCY = 32;

const memory = async (cloud: RunningCloud): Promise<number> => {
  const { rss } = (await (await fetch(`${cloud.endpoints.control}/memory`)).json()) as { rss: number };
  return rss / 1024;
};

/** Creates a node and answers its token. */
const tokenOf = async (api: ApiClient, name: string): Promise<string> => {
  const { status, body } = await api.call<IntentBody & { registration: { token: string } }>(
    "POST",
    "/v1/workspaces/bench/nodes",
    { body: { name } },
  );
  if (status !== 202) throw new Error(`not accepted: ${status} ${JSON.stringify(body)}`);
  const intent = await api.ended(body.id, 120_000);
  if (intent.status !== "succeeded") throw new Error(`node ${name}: ${JSON.stringify(intent.problem)}`);
  return body.registration.token;
};

/** How fast claims come whose keys AWS IoT makes: each is RSA, which takes a core a tenth of a second. */
const claims = async (cloud: RunningCloud, count: number): Promise<Row> => {
  const { iot: endpoint, region, stage, accessKeyId, secretAccessKey } = cloud.endpoints;
  const iot = new IoT({ endpoint, region, credentials: { accessKeyId, secretAccessKey } });
  const startedAt = performance.now();
  await atConcurrency(CONCURRENCY, count, async () => {
    await iot.createProvisioningClaim({ templateName: `${stage}-slipway-node` });
  });
  iot.destroy();
  return {
    name: "CreateProvisioningClaim, which a registration needs",
    value: count / ((performance.now() - startedAt) / 1_000),
    unit: "/s",
  };
};

const registrations = async (cloud: RunningCloud, dir: string, count: number): Promise<Row[]> => {
  const api = apiClient(cloud.endpoints.api, await cloud.token());
  await api.done("POST", "/v1/workspaces", { name: "bench" });
  const tokens: string[] = [];
  await atConcurrency(CONCURRENCY, count, async (index) => {
    tokens[index] = await tokenOf(api, `device-${index}`);
  });
  const samples: number[] = [];
  const startedAt = performance.now();
  await atConcurrency(CONCURRENCY, count, async (index) => {
    const before = performance.now();
    const registration = { api: cloud.endpoints.api, token: tokens[index] ?? "" };
    const device = startDevice({ dir: join(dir, String(index)), registration });
    await device.connected;
    samples.push(performance.now() - before);
    await device.stop();
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  return [
    { name: `registrations, concurrency ${CONCURRENCY}`, value: count / seconds, unit: "/s" },
    { name: "from token to connected, p50", value: percentile(samples, 0.5), unit: "ms" },
    { name: "from token to connected, p99", value: percentile(samples, 0.99), unit: "ms" },
  ];
};

/** What connections cost that do nothing, in a cloud that has done nothing else. */
const idle = async (cloud: RunningCloud, dir: string, count: number): Promise<Row[]> => {
  const before = await memory(cloud);
  const own = process.memoryUsage().rss / 1024;
  const devices: Device[] = [];
  const samples: number[] = [];
  const startedAt = performance.now();
  await atConcurrency(CONCURRENCY, count, async (index) => {
    const connectingAt = performance.now();
    const device = startDevice({ dir: join(dir, String(index)) });
    devices.push(device);
    await device.idle();
    samples.push(performance.now() - connectingAt);
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  const after = await memory(cloud);
  const rows: Row[] = [
    { name: `connections of known devices, concurrency ${CONCURRENCY}`, value: count / seconds, unit: "/s" },
    { name: "from start to idle, p50", value: percentile(samples, 0.5), unit: "ms" },
    { name: "from start to idle, p99", value: percentile(samples, 0.99), unit: "ms" },
    { name: `memory of the cloud, ${count} idle connections`, value: after / 1024, unit: "MB" },
    { name: "memory of the cloud, each idle connection", value: (after - before) / count, unit: "KB" },
    {
      name: "memory of the devices' process, each",
      value: (process.memoryUsage().rss / 1024 - own) / count,
      unit: "KB",
    },
  ];
  await Promise.all(devices.map((device) => device.stop()));
  return rows;
};

/** Core devices in software: how fast they register and connect, and what they cost when they are idle. */
export const benchDevices = async (count: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-devices-"));
  const data = join(dir, "data");
  const rows: Row[] = [];
  try {
    const first = await runCloud(data, { args: ["--test-mode"], strict: false });
    try {
      rows.push(await claims(first, Math.min(count, 100)));
      rows.push(...(await registrations(first, dir, count)));
    } finally {
      await first.stop();
    }
    const second = await runCloud(data, { args: ["--test-mode"], portBase: first.portBase, strict: false });
    try {
      rows.push(...(await idle(second, dir, count)));
    } finally {
      await second.stop();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
  return rows;
};
