import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from "@aws-sdk/client-eventbridge";
import { afterEach, beforeEach } from "vitest";
import { type DeadLetters, openDeadLetters } from "../../../local/dead-letters.ts";
import { type Events, type EventsOptions, type Rule, startEvents } from "../../../local/events.ts";
import { Faults } from "../../../local/faults.ts";
import type { InvokeResult } from "../../../local/invoke.ts";

export const REGION = "eu-central-1";
export const ACCOUNT = "123456789012";

/** The world of one test; `answer` is what the functions do. */
export interface World {
  dir: string;
  deadLetters: DeadLetters;
  calls: { functionName: string; payload: unknown }[];
  answer: (functionName: string) => InvokeResult | Promise<InvokeResult>;
  readonly faults: Faults;
}

export const rule = (rest: Partial<Rule> = {}): Rule => ({
  name: "ordered",
  bus: "default",
  functionName: "work",
  ...(rest.schedule === undefined ? { pattern: { source: ["shop"] } } : {}),
  ...rest,
});

export const entry = (rest: Partial<PutEventsRequestEntry> = {}): PutEventsRequestEntry => ({
  Source: "shop",
  DetailType: "order.created",
  Detail: JSON.stringify({ id: 1 }),
  ...rest,
});

/** Sets the world up around each test. */
export const useWorld = () => {
  const world = { faults: new Faults() } as World;
  let running: { events: Events; client: EventBridgeClient }[] = [];

  beforeEach(async () => {
    world.dir = await mkdtemp(join(tmpdir(), "events-"));
    world.deadLetters = openDeadLetters(world.dir);
    world.calls = [];
    world.answer = () => ({ payload: null });
  });
  afterEach(async () => {
    for (const { events, client } of running) {
      client.destroy();
      await events.close();
    }
    running = [];
    world.deadLetters.close();
    await rm(world.dir, { recursive: true });
  });

  return {
    world,
    start: async (rules: readonly Rule[] = [rule()], more: Partial<EventsOptions> = {}) => {
      const events = await startEvents({
        dir: world.dir,
        port: 0,
        region: REGION,
        accountId: ACCOUNT,
        rules,
        invoke: async (functionName, payload) => {
          world.calls.push({ functionName, payload });
          return world.answer(functionName);
        },
        faults: world.faults,
        deadLetters: world.deadLetters,
        log: () => undefined,
        ...more,
      });
      const client = new EventBridgeClient({
        endpoint: events.url,
        region: REGION,
        maxAttempts: 1,
        credentials: { accessKeyId: "local", secretAccessKey: "local" },
      });
      running.push({ events, client });
      const put = (...Entries: PutEventsRequestEntry[]) => client.send(new PutEventsCommand({ Entries }));
      return { events, client, put };
    },
    payloads: () => world.calls.map(({ payload }) => payload as Record<string, unknown>),
  };
};
