import { type ApiClient, apiClient, type IntentBody } from "../../local/api-client.ts";
import type { RunningCloud } from "../../local/child.ts";
import { percentile, type Row } from "./report.ts";

/** Runs `work` for 0 … count-1, so many at a time. */
export const atConcurrency = async (concurrency: number, count: number, work: (index: number) => Promise<void>) => {
  let next = 0;
  const worker = async () => {
    for (;;) {
      const index = next++;
      if (index >= count) return;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
};

const accept = async (api: ApiClient, name: string): Promise<string> => {
  const { status, body } = await api.call<IntentBody>("POST", "/v1/workspaces/bench/nodes", {
    body: { name, groups: ["group"] },
  });
  if (status !== 202) throw new Error(`not accepted: ${status} ${JSON.stringify(body)}`);
  return body.id;
};

const memory = async (cloud: RunningCloud): Promise<number> => {
  const { rss } = (await (await fetch(`${cloud.endpoints.control}/memory`)).json()) as { rss: number };
  return rss / 1024 ** 2;
};

/** Time from asking to `succeeded` of so many nodes, each polled every 5 ms. */
const nodesAt = async (api: ApiClient, concurrency: number, count: number): Promise<Row[]> => {
  const samples: number[] = [];
  const startedAt = performance.now();
  await atConcurrency(concurrency, count, async (index) => {
    const before = performance.now();
    const intent = await api.ended(await accept(api, `c${concurrency}-${index}`));
    if (intent.status !== "succeeded") throw new Error(`node ${index}: ${JSON.stringify(intent.problem)}`);
    samples.push(performance.now() - before);
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  const name = `node, request to succeeded, concurrency ${concurrency}`;
  return [
    { name: `${name}, p50`, value: percentile(samples, 0.5), unit: "ms" },
    { name: `${name}, p99`, value: percentile(samples, 0.99), unit: "ms" },
    { name: `${name}, throughput`, value: count / seconds, unit: "/s" },
  ];
};

/** Accepted intents, time to success, and what they cost in memory. */
export const benchIntents = async (cloud: RunningCloud, count: number): Promise<Row[]> => {
  const api = apiClient(cloud.endpoints.api, await cloud.token());
  await api.done("POST", "/v1/workspaces", { name: "bench" });
  await api.done("POST", "/v1/workspaces/bench/node-groups", { name: "group" });
  for (let warm = 0; warm < 50; warm += 1) await api.ended(await accept(api, `warm-${warm}`));
  const rows: Row[] = [{ name: "supervisor memory, warm", value: await memory(cloud), unit: "MB" }];
  rows.push(...(await nodesAt(api, 1, Math.min(count, 300))));
  rows.push(...(await nodesAt(api, 32, count)));

  const accepted: string[] = [];
  const startedAt = performance.now();
  await atConcurrency(32, count, async (index) => {
    accepted.push(await accept(api, `accepted-${index}`));
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  rows.push({ name: "accepted intents, concurrency 32", value: count / seconds, unit: "/s" });
  for (const id of accepted) {
    const intent = await api.ended(id, 120_000);
    if (intent.status !== "succeeded") throw new Error(`${id}: ${JSON.stringify(intent.problem)}`);
  }
  rows.push({ name: "all of them succeeded after", value: performance.now() - startedAt, unit: "ms" });
  rows.push({ name: "supervisor memory, after the load", value: await memory(cloud), unit: "MB" });
  return rows;
};
