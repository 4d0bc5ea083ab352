import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { IoTClient, paginateListThings } from "@aws-sdk/client-iot";
import { afterAll, expect, test } from "vitest";
import { type ApiClient, apiClient, type IntentBody } from "../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../local/child.ts";

const ROUNDS = 20;
const INTENTS = 50;

const dir = mkdtempSync(join(tmpdir(), "slipway-killed-"));
let cloud: RunningCloud | undefined;

afterAll(async () => {
  await cloud?.stop();
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
});

const start = async (portBase?: number): Promise<{ cloud: RunningCloud; api: ApiClient }> => {
  cloud = await runCloud(dir, portBase === undefined ? {} : { portBase });
  return { cloud, api: apiClient(cloud.endpoints.api, await cloud.token()) };
};

/** Asks for nodes until the supervisor is gone, and answers the ids of the intents that were accepted. */
const askUntilKilled = async (api: ApiClient, round: number, accepted: string[]): Promise<void> => {
  for (let index = 0; index < INTENTS; index += 1) {
    try {
      const body = { name: `r${round}-n${index}`, groups: ["group"] };
      const answer = await api.call<IntentBody>("POST", "/v1/workspaces/killed/nodes", { body });
      if (answer.status === 202) accepted.push(answer.body.id);
    } catch (error) {
      if (error instanceof TypeError) return; // fetch: the connection is gone
      throw error;
    }
  }
};

test(`${ROUNDS} kills at random moments lose no accepted intent and do none twice`, async () => {
  let { cloud: running, api } = await start();
  const { portBase } = running;
  await api.done("POST", "/v1/workspaces", { name: "killed" });
  await api.done("POST", "/v1/workspaces/killed/node-groups", { name: "group" });
  for (let round = 0; round < ROUNDS; round += 1) {
    const accepted: string[] = [];
    const asking = askUntilKilled(api, round, accepted);
    await pause(Math.random() * 1_500); // the moment of the kill is what is random here: nothing waits for it
    const exited = new Promise((resolve) => running.child.once("exit", resolve));
    running.child.kill("SIGKILL");
    await exited;
    await asking;
    ({ cloud: running, api } = await start(portBase));
    for (const id of accepted) {
      const intent = await api.ended(id, 120_000);
      expect(intent, `round ${round}`).toMatchObject({ status: "succeeded" });
    }
  }
  const nodes: { status: string }[] = [];
  for (let cursor: string | undefined, more = true; more; ) {
    const query: string = cursor === undefined ? "" : `&cursor=${cursor}`;
    const { body } = await api.call<{ items: { status: string }[]; nextCursor?: string }>(
      "GET",
      `/v1/workspaces/killed/nodes?limit=100${query}`,
    );
    nodes.push(...body.items);
    cursor = body.nextCursor;
    more = cursor !== undefined;
  }
  const { region, iot, accessKeyId, secretAccessKey } = running.endpoints;
  const client = new IoTClient({ region, endpoint: iot, credentials: { accessKeyId, secretAccessKey } });
  let things = 0;
  for await (const page of paginateListThings({ client }, {})) things += page.things?.length ?? 0;
  client.destroy();
  expect(nodes.filter(({ status }) => status !== "active")).toEqual([]);
  expect(things).toBe(nodes.length);
});
