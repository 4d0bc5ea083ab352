import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { afterAll, beforeAll } from "vitest";
import { openDeadLetters } from "../../local/dead-letters.ts";
import { emulation } from "../../local/events/emulation.ts";
import { startEvents } from "../../local/events.ts";
import { Faults } from "../../local/faults.ts";
import { ACCOUNT, eventsRows, REGION, RULES, type World } from "./events.rows.ts";
import { describeRows } from "./rows.ts";

const closers: (() => unknown)[] = [];
let world: World;

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), "events-rows-"));
  const deadLetters = openDeadLetters(dir);
  const events = await startEvents({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    rules: RULES,
    invoke: async () => ({ payload: null }),
    faults: new Faults(),
    deadLetters,
    log: () => undefined,
  });
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new EventBridgeClient({ endpoint: events.url, region: REGION, maxAttempts: 1, credentials });
  world = { client };
  closers.push(
    () => rm(dir, { recursive: true }),
    () => deadLetters.close(),
    () => events.close(),
    () => client.destroy(),
  );
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

describeRows("EventBridge", eventsRows, () => world, emulation.operations);
