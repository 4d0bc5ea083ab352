import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiClient, apiClient, type IntentBody } from "../../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../../local/child.ts";
import { controlOf } from "../support/control.ts";

const dir = mkdtempSync(join(tmpdir(), "slipway-timeouts-"));
let cloud: RunningCloud;
let api: ApiClient;

beforeAll(async () => {
  cloud = await runCloud(dir, { args: ["--test-mode", "--workflow-timeout", "2"] });
  api = apiClient(cloud.endpoints.api, await cloud.token());
});

afterAll(async () => {
  await cloud?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test("a workflow that takes longer than it may fails its intent as timed out", async () => {
  await api.done("POST", "/v1/workspaces", { name: "slow" });
  await controlOf(cloud.endpoints).arm("lambda:local-create-thing", "Busy", 500); // retried for longer than 2 s
  const { body } = await api.call<IntentBody>("POST", "/v1/workspaces/slow/nodes", { body: { name: "late" } });
  expect(await api.ended(body.id)).toMatchObject({ status: "failed", problem: { code: "timed-out" } });
  expect((await api.call("GET", "/v1/workspaces/slow/nodes/late")).body.status).toBe("failed");
});
