import * as z from "zod";
import type { DomainEvent } from "../event/event.ts";
import { keys } from "../keys.ts";
import type { Key, Write } from "../writes.ts";
import type { StoredWebhook } from "./webhook.ts";

/** How long the log of deliveries goes back. */
const KEPT_DAYS = 30;
/** Of the tries of one delivery, the last ones are kept. */
const MOST_TRIES = 15;
/** No pause between two tries is longer but for jitter, or for what a receiver asks. */
const LONGEST_PAUSE_SECONDS = 4 * 3_600;
/** A receiver may ask for no longer a pause. */
const MOST_RETRY_AFTER_SECONDS = 24 * 3_600;

export const Try = z
  .object({
    at: z.iso.datetime(),
    durationMs: z.int(),
    status: z.int().optional().meta({ description: "Of the answer, where there was one" }),
    error: z.string().optional().meta({ description: "Why there was none" }),
    answer: z.string().optional().meta({ description: "How its body begins" }),
  })
  .meta({ id: "WebhookTry" });
export type Try = z.infer<typeof Try>;

export const Delivery = z
  .object({
    id: z.string().meta({ description: "The event's id" }),
    type: z.string().meta({ description: "The event's type" }),
    status: z.enum(["pending", "delivered", "failed", "held"]).meta({
      description: "`held`: came while the webhook was disabled. What has failed, or is held, can be replayed",
    }),
    tries: z.array(Try),
    nextTryAt: z.iso.datetime().optional(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: "WebhookDelivery" });

export const ReplayWebhook = z
  .strictObject({
    since: z.iso.datetime().optional().meta({ description: "Everything that was not delivered of events since then" }),
    delivery: z.string().min(1).max(64).optional().meta({ description: "This one, whatever became of it" }),
  })
  .refine(({ since, delivery }) => (since === undefined) !== (delivery === undefined), "must name one of both")
  .meta({ id: "ReplayWebhook" });

export const Replayed = z
  .object({
    deliveries: z.int().meta({ description: "How many are sent again, within a minute or so" }),
    next: z.iso.datetime().optional().meta({ description: "There are more: ask again with this as `since`" }),
  })
  .meta({ id: "ReplayedWebhook" });

export type StoredDelivery = Key & {
  readonly type: "webhook-delivery";
  readonly id: string;
  readonly eventType: string;
  readonly webhookId: string;
  readonly workspaceId: string;
  /** The body as it is sent: the same each time. */
  readonly body: string;
  readonly status: z.infer<typeof Delivery>["status"];
  /** How often it was tried since it was made or replayed. */
  readonly attempts: number;
  readonly tries: readonly Try[];
  /** When it first failed, since it was made or replayed. */
  readonly failingSince?: string;
  /** In the index of what is to be sent, and since when. */
  readonly due?: "due";
  readonly dueAt?: string;
  readonly createdAt: string;
  readonly expiresAt: number;
};

export const viewDelivery = ({ eventType, dueAt, ...stored }: StoredDelivery): z.infer<typeof Delivery> =>
  Delivery.parse({ ...stored, type: eventType, ...(stored.status === "pending" && { nextTryAt: dueAt }) });

/** How long a first try may take before another function takes the delivery for lost. */
const FIRST_TRY_SECONDS = 120;

const later = (now: Date, seconds: number): string => new Date(now.getTime() + seconds * 1_000).toISOString();

/** A delivery of an event, made once for a webhook: it is due if what makes it cannot send it. */
export const newDelivery = (webhook: StoredWebhook, event: Omit<DomainEvent, "type"> & { type: string }, now: Date) => {
  const delivery: StoredDelivery = {
    ...keys.webhookDelivery(webhook.id, event.id),
    type: "webhook-delivery",
    id: event.id,
    eventType: event.type,
    webhookId: webhook.id,
    workspaceId: webhook.workspaceId,
    body: JSON.stringify(event),
    status: webhook.enabled ? "pending" : "held",
    attempts: 0,
    tries: [],
    ...(webhook.enabled && { due: "due", dueAt: later(now, FIRST_TRY_SECONDS) }),
    createdAt: now.toISOString(),
    expiresAt: Math.floor(now.getTime() / 1_000) + KEPT_DAYS * 86_400,
  };
  const write: Write = { do: "create", item: { ...delivery } };
  return { delivery, write };
};

const at = ({ pk, sk }: Key): Key => ({ pk, sk });

/** A delivery that is due is handed over, and comes again later if nothing came of that. */
export const lease = (delivery: StoredDelivery, now: Date): Write => ({
  do: "update",
  key: at(delivery),
  set: { dueAt: later(now, FIRST_TRY_SECONDS) },
  when: { dueAt: delivery.dueAt ?? "", due: "due" },
});

/** Kept until somebody asks for it. */
export const hold = (delivery: StoredDelivery): Write => ({
  do: "update",
  key: at(delivery),
  set: { status: "held" },
  remove: ["due", "dueAt"],
  when: { status: "pending" },
});

/** Sent again as if it had never been. */
export const replay = (delivery: StoredDelivery, now: Date): Write => ({
  do: "update",
  key: at(delivery),
  set: { status: "pending", attempts: 0, due: "due", dueAt: now.toISOString() },
  remove: ["failingSince"],
  when: { pk: { exists: true } },
});

/** How a try ended, and what the receiver asks of the next one. */
export interface Outcome {
  readonly tried: Try;
  readonly retryAfterSeconds?: number | undefined;
}

export interface RetryPolicy {
  /** How often a delivery is tried. */
  readonly attempts: number;
  /** The pause before the second try; each further one is three times as long. */
  readonly seconds: number;
}

/** @param random from 0 to 1: pauses differ by a quarter, so that what failed together does not come back together */
export const pauseBefore = (attempt: number, { seconds }: RetryPolicy, random: number): number =>
  Math.min(seconds * 3 ** (attempt - 1), LONGEST_PAUSE_SECONDS) * (0.75 + random / 2);

const isDone = (status: number | undefined): boolean => status !== undefined && status >= 200 && status < 300;

/** Unless it was changed meanwhile: what an address answered says nothing of another one. */
const disable = (
  webhook: StoredWebhook,
  reason: string,
  now: Date,
  when: { readonly failingSince?: string } = {},
): Write => ({
  do: "update",
  key: at(webhook),
  set: { enabled: false, disabled: { reason, at: now.toISOString() }, updatedAt: now.toISOString() },
  add: { revision: 1 },
  when: { enabled: true, url: webhook.url, ...when },
});

/**
 * What becomes of a delivery and its webhook after a try. A webhook is disabled when it is answered 410, and when a delivery was
 * tried as often as it is and nothing else got through meanwhile.
 * @returns the delivery's write, and the webhook's where something becomes of that
 */
export const afterTry = (
  webhook: StoredWebhook,
  delivery: StoredDelivery,
  { tried, retryAfterSeconds = 0 }: Outcome,
  now: Date,
  policy: RetryPolicy,
  random: number,
): { readonly delivery: Write; readonly webhook?: Write } => {
  const attempts = delivery.attempts + 1;
  const told = { attempts, tries: [...delivery.tries, tried].slice(-MOST_TRIES) };
  const write = (set: object, remove: readonly string[]): Write => ({
    do: "update",
    key: at(delivery),
    set: { ...told, ...set },
    ...(remove.length > 0 && { remove }),
    when: { attempts: delivery.attempts, status: delivery.status },
  });
  if (isDone(tried.status)) {
    const recovered: Write = {
      do: "update",
      key: at(webhook),
      remove: ["failingSince"],
      // Of two tries at once, the one that failed may have written this since the other read the webhook.
      when: { failingSince: { exists: true } },
    };
    return { delivery: write({ status: "delivered" }, ["due", "dueAt", "failingSince"]), webhook: recovered };
  }
  if (tried.status === 410) {
    return {
      delivery: write({ status: "failed" }, ["due", "dueAt"]),
      webhook: disable(webhook, "the receiver answered 410: it is gone", now),
    };
  }
  const failingSince = delivery.failingSince ?? now.toISOString();
  if (attempts >= policy.attempts) {
    const since = webhook.failingSince;
    const failed = write({ status: "failed", failingSince }, ["due", "dueAt"]);
    if (since === undefined || since > failingSince) return { delivery: failed };
    const reason = `nothing was delivered since ${since}, and an event was tried ${attempts} times`;
    return { delivery: failed, webhook: disable(webhook, reason, now, { failingSince: since }) };
  }
  const pause = Math.max(pauseBefore(attempts, policy, random), Math.min(retryAfterSeconds, MOST_RETRY_AFTER_SECONDS));
  const failing: Write = {
    do: "update",
    key: at(webhook),
    set: { failingSince },
    when: { enabled: true, url: webhook.url, failingSince: { exists: false } },
  };
  return {
    delivery: write({ status: "pending", failingSince, due: "due", dueAt: later(now, pause) }, []),
    ...(webhook.failingSince === undefined && { webhook: failing }),
  };
};
