import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiClient, apiClient, type IntentBody } from "../../local/api-client.ts";
import { runCloud } from "../../local/child.ts";
import { atConcurrency } from "./intents.ts";
import { percentile, type Row } from "./report.ts";

const timed = async (name: string, concurrency: number, count: number, one: (index: number) => Promise<void>) => {
  const samples: number[] = [];
  const startedAt = performance.now();
  await atConcurrency(concurrency, count, async (index) => {
    const before = performance.now();
    await one(index);
    samples.push(performance.now() - before);
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  const at = `${name}, concurrency ${concurrency}`;
  return [
    { name: `${at}, p50`, value: percentile(samples, 0.5), unit: "ms" },
    { name: `${at}, p99`, value: percentile(samples, 0.99), unit: "ms" },
    { name: at, value: count / seconds, unit: "/s" },
  ] satisfies Row[];
};

const answered = async (api: ApiClient, wanted: number, method: string, path: string, body?: unknown) => {
  const { status, body: told } = await api.call<IntentBody>(method, path, body === undefined ? {} : { body });
  if (status !== wanted) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(told)}`);
  return told;
};

/** What the API takes to answer, with its authoriser before every request and IAM held against every call behind it. */
export const benchApi = async (count: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const cloud = await runCloud(join(dir, "data"), { args: ["--test-mode", "--enforce-iam"], strict: false });
  try {
    const api = apiClient(cloud.endpoints.api, await cloud.token());
    const workspace = "/v1/workspaces/bench";
    await api.done("POST", "/v1/workspaces", { name: "bench" });
    for (let index = 0; index < 100; index += 1)
      await api.done("POST", `${workspace}/node-groups`, { name: `g-${index}` });
    const rows: Row[] = [];
    for (const concurrency of [1, 32]) {
      const accepted: string[] = [];
      rows.push(
        ...(await timed("read of one thing", concurrency, count, async () => {
          await answered(api, 200, "GET", `${workspace}/node-groups/g-1`);
        })),
        ...(await timed("read of a page of 100", concurrency, count, async () => {
          await answered(api, 200, "GET", `${workspace}/node-groups?limit=100`);
        })),
        ...(await timed("202, a deployment's edit", concurrency, Math.ceil(count / 4), async (index) => {
          const path = `${workspace}/node-groups/g-${index % 100}/deployment`;
          accepted.push((await answered(api, 202, "PATCH", path, { priority: 1 + (index % 9) })).id);
        })),
      );
      for (const id of accepted) await api.ended(id, 120_000);
    }
    return rows;
  } finally {
    await cloud.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};
