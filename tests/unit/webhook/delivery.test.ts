import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  afterTry,
  newDelivery,
  pauseBefore,
  type RetryPolicy,
  type StoredDelivery,
} from "../../../shared/webhook/delivery.ts";
import { listensFor, type StoredWebhook, secretNumbers } from "../../../shared/webhook/webhook.ts";
import type { Item, Write } from "../../../shared/writes.ts";
import { applied } from "../apply.ts";

const NOW = new Date("2026-01-02T03:04:05.000Z");
const POLICY: RetryPolicy = { attempts: 13, seconds: 5 };

const webhook: StoredWebhook = {
  pk: "ws#webhook",
  sk: "whk_1",
  type: "webhook",
  id: "whk_1",
  workspaceId: "ws",
  url: "https://example.com",
  events: ["*"],
  enabled: true,
  secretNumber: 2,
  revision: 1,
  createdAt: NOW.toISOString(),
  updatedAt: NOW.toISOString(),
};
const event = { id: "evt_1", type: "slipway.node.offline" } as Parameters<typeof newDelivery>[1];

describe("pauses", () => {
  test("grow, differ, and end at four hours and some", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const pause = pauseBefore(attempt, POLICY, random);
        expect(pause).toBeGreaterThanOrEqual(Math.min(5 * 3 ** (attempt - 1), 14_400) * 0.75);
        expect(pause).toBeLessThanOrEqual(14_400 * 1.25);
      }),
    );
  });

  test("of all tries together are about a day", () => {
    const pauses = Array.from({ length: POLICY.attempts - 1 }, (_, index) => pauseBefore(index + 1, POLICY, 0.5));
    const hours = pauses.reduce((sum, pause) => sum + pause, 0) / 3_600;
    expect(hours).toBeGreaterThan(16);
    expect(hours).toBeLessThan(26);
  });
});

/** A webhook after a write, which changes nothing where its condition fails. */
const changed = (hook: StoredWebhook, write: Write): StoredWebhook => {
  try {
    return applied({ ...hook } satisfies Item, write) as unknown as StoredWebhook;
  } catch (error) {
    if ((error as Error).message === "refused") return hook;
    throw error;
  }
};

/** A history of tries, each with what the receiver answered; undefined for nothing. */
const lived = (answers: readonly (number | undefined)[]) => {
  let hook: StoredWebhook = webhook;
  let delivery: StoredDelivery = newDelivery(hook, event, NOW).delivery;
  let time = NOW.getTime();
  for (const status of answers) {
    if (delivery.status !== "pending" || !hook.enabled) break;
    time += 1_000;
    const tried = { at: new Date(time).toISOString(), durationMs: 1, ...(status !== undefined && { status }) };
    const after = afterTry(hook, delivery, { tried }, new Date(time), POLICY, 0.5);
    delivery = applied({ ...delivery } satisfies Item, after.delivery) as unknown as StoredDelivery;
    if (after.webhook) hook = changed(hook, after.webhook);
  }
  return { hook, delivery };
};

describe("a delivery", () => {
  const answer = fc.constantFrom(undefined, 200, 204, 299, 300, 302, 400, 404, 410, 429, 500, 503);

  test("ends as its tries say, and is due just while it is pending", () => {
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 20 }), (answers) => {
        const { hook, delivery } = lived(answers);
        const until = answers.findIndex((one) => one === 410 || (one !== undefined && one >= 200 && one < 300));
        const made = until >= 0 && until < POLICY.attempts ? answers[until] : undefined;
        const isFailed = made === 410 || (made === undefined && answers.length >= POLICY.attempts);
        expect(delivery.status).toBe(isFailed ? "failed" : made === undefined ? "pending" : "delivered");
        expect(hook.enabled).toBe(!isFailed);
        expect(hook.disabled !== undefined).toBe(isFailed);
        expect(delivery.due !== undefined).toBe(delivery.status === "pending");
        expect(delivery.attempts).toBeLessThanOrEqual(POLICY.attempts);
      }),
    );
  });

  test("that fails beside others which get through does not disable the webhook", () => {
    const { delivery } = lived(Array.from({ length: POLICY.attempts - 1 }, () => 500));
    const later = new Date(NOW.getTime() + 60_000).toISOString();
    const tried = { at: later, durationMs: 1, status: 500 };
    for (const failingSince of [undefined, later]) {
      const hook = { ...webhook, ...(failingSince !== undefined && { failingSince }) };
      expect(afterTry(hook, delivery, { tried }, new Date(later), POLICY, 0).webhook).toBeUndefined();
    }
  });

  test("that gets through is seen by one that fails at the same time", () => {
    const { delivery } = newDelivery(webhook, event, NOW);
    const come = (read: StoredWebhook, one: StoredDelivery, status: number) =>
      afterTry(read, one, { tried: { at: NOW.toISOString(), durationMs: 1, status } }, NOW, POLICY, 0).webhook as Write;
    // Both have read the webhook as it never failed.
    const failing = changed(webhook, come(webhook, delivery, 500));
    expect(failing.failingSince).toBe(NOW.toISOString());
    const recovered = changed(failing, come(webhook, delivery, 200));
    expect(recovered.failingSince).toBeUndefined();
    const last = { ...delivery, attempts: POLICY.attempts - 1, failingSince: NOW.toISOString() };
    expect(changed(recovered, come(failing, last, 500)).enabled).toBe(true);
    expect(changed(failing, come(failing, last, 500)).enabled).toBe(false);
  });

  test.each([410, 500])("to an address from before disables no webhook that has another: %i", (status) => {
    const hook = { ...webhook, failingSince: NOW.toISOString() };
    const { delivery } = newDelivery(hook, event, NOW);
    const last = { ...delivery, attempts: POLICY.attempts - 1, failingSince: NOW.toISOString() };
    const tried = { at: NOW.toISOString(), durationMs: 1, status };
    const write = afterTry(hook, last, { tried }, NOW, POLICY, 0).webhook as Write;
    expect(changed(hook, write).enabled).toBe(false);
    expect(changed({ ...hook, url: "https://example.com/other" }, write).enabled).toBe(true);
  });

  test("waits as long as the receiver asks, up to a day", () => {
    const { delivery } = newDelivery(webhook, event, NOW);
    const tried = { at: NOW.toISOString(), durationMs: 1, status: 429 };
    for (const [asked, seconds] of [
      [600, 600],
      [1e9, 86_400],
    ] as const) {
      const { delivery: write } = afterTry(webhook, delivery, { tried, retryAfterSeconds: asked }, NOW, POLICY, 0.5);
      const dueAt = new Date(NOW.getTime() + seconds * 1_000).toISOString();
      expect(write).toMatchObject({ set: { status: "pending", dueAt } });
    }
  });

  test("to a webhook that is disabled is held, and not due", () => {
    const { delivery } = newDelivery({ ...webhook, enabled: false }, event, NOW);
    expect(delivery.status).toBe("held");
    expect(delivery).not.toHaveProperty("due");
  });
});

test.each([
  [["*"], true],
  [["slipway.node.*"], true],
  [["slipway.node.offline"], true],
  [["slipway.node.connected", "slipway.intent.*"], false],
])("a webhook for %j hears of a node that is offline: %s", (events, hears) => {
  expect(listensFor({ events }, "slipway.node.offline")).toBe(hears);
});

test("two secrets are in use until the time of the former is over", () => {
  const until = new Date(NOW.getTime() + 1_000).toISOString();
  expect(secretNumbers(webhook, NOW)).toEqual([2]);
  expect(secretNumbers({ ...webhook, previousSecretUntil: until }, NOW)).toEqual([2, 1]);
  expect(secretNumbers({ ...webhook, previousSecretUntil: until }, new Date(until))).toEqual([2]);
});
