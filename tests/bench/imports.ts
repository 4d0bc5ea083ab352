import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiClient } from "../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../local/child.ts";
import { anUploadedImport, getImport, runImport } from "../integration/support/node-imports.ts";
import type { Row } from "./report.ts";

const WITHIN_MS = 3_600_000;
const SAMPLE_MS = 100;
const MB = 1024 ** 2;

/** The highest resident memory of the supervisor, which is all but the database, from now until it is asked for. */
const peakOf = (cloud: RunningCloud): (() => Promise<number>) => {
  let highest = 0;
  let failure: unknown;
  const sample = async () => {
    const { rss } = (await (await fetch(`${cloud.endpoints.control}/memory`)).json()) as { rss: number };
    highest = Math.max(highest, rss / MB);
  };
  const timer = setInterval(() => {
    sample().catch((error: unknown) => {
      failure ??= error;
    });
  }, SAMPLE_MS);
  return async () => {
    clearInterval(timer);
    await sample();
    if (failure !== undefined) throw failure;
    return highest;
  };
};

/** Imports of a tenth of so many nodes, and of all: rows a second, and whether more rows take more memory. */
export const benchImports = async (rows: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const cloud = await runCloud(join(dir, "data"), { args: ["--test-mode"], strict: false });
  try {
    const api = apiClient(cloud.endpoints.api, await cloud.token());
    const workspace = "/v1/workspaces/bench";
    await api.done("POST", "/v1/workspaces", { name: "bench" });
    await api.done("POST", `${workspace}/node-groups`, { name: "group" });
    const found: Row[] = [];
    // The first one warms up, and is not told.
    for (const [count, isTold] of [
      [Math.ceil(rows / 10), false],
      [Math.ceil(rows / 10), true],
      [rows, true],
    ] as const) {
      const run = found.length;
      const line = (_: unknown, index: number) => `n${run}-${isTold}-${index},group,site-${index % 10}`;
      const path = await anUploadedImport(
        api,
        workspace,
        ["name,groups,attr.site", ...Array.from({ length: count }, line)].join("\n"),
      );
      const peak = peakOf(cloud);
      const startedAt = performance.now();
      const { status, problem } = await runImport(api, path, WITHIN_MS);
      const seconds = (performance.now() - startedAt) / 1_000;
      const memory = await peak();
      const { counts } = await getImport(api, path);
      if (status !== "succeeded" || counts.created !== count || counts.tokens !== count) {
        throw new Error(`${JSON.stringify(counts)}: ${JSON.stringify(problem)}`);
      }
      if (!isTold) continue;
      found.push(
        { name: `import of ${count} nodes, a group each`, value: count / seconds, unit: "/s" },
        { name: `import of ${count} nodes, peak memory`, value: memory, unit: "MB" },
      );
    }
    return found;
  } finally {
    await cloud.stop();
    rmSync(dir, { recursive: true, force: true });
  }
};
