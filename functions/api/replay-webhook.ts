import { getItem, listItems, unlessChanged } from "../../shared/aws/table.ts";
import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { firstIdAt } from "../../shared/event/event.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { replay, type StoredDelivery } from "../../shared/webhook/delivery.ts";
import type { StoredWebhook } from "../../shared/webhook/webhook.ts";
import { endpoint } from "../http/endpoint.ts";
import { findWebhook } from "../http/webhooks.ts";

/** Deliveries that one call looks at: its function has half a minute. */
const MOST_AT_ONCE = 500;

export const handler = endpoint(eventRoutes, "replayWebhook", async ({ workspace, params, body, moment, commit }) => {
  const webhook = await findWebhook(workspace, params.webhook);
  if (!webhook.enabled) throw new AppError("not-ready", "the webhook is disabled: enable it first");
  // When it was asked for, for the record of who did.
  const noted = [
    {
      do: "update",
      key: webhook,
      set: { replayedAt: moment.now.toISOString() },
      // One that is deleted meanwhile is not made again by this, as an item that is no webhook.
      when: { type: "webhook" },
      otherwise: { code: "not-found", detail: `there is no webhook ${webhook.id}` },
    },
  ] as const;
  if (body.delivery !== undefined) {
    return commit(noted, { body: { deliveries: await replayOne(webhook, body.delivery, moment.now) } });
  }
  const since = new Date(body.since ?? "");
  const { items, next } = await listItems<StoredDelivery>({
    partition: partitions.webhookDeliveries(webhook.id),
    after: firstIdAt(since),
    limit: MOST_AT_ONCE,
  });
  const lost = items.filter(({ status }) => status === "failed" || status === "held");
  const replayed = await Promise.all(lost.map((delivery) => unlessChanged(replay(delivery, moment.now))));
  const last = items.at(-1);
  return commit(noted, {
    body: {
      deliveries: replayed.filter(Boolean).length,
      ...(next !== undefined && last !== undefined && { next: JSON.parse(last.body).time as string }),
    },
  });
});

const replayOne = async ({ id }: StoredWebhook, deliveryId: string, now: Date): Promise<number> => {
  const found = await getItem<StoredDelivery>(keys.webhookDelivery(id, deliveryId));
  if (found === undefined) throw new AppError("not-found", `there is no delivery ${deliveryId}`);
  return (await unlessChanged(replay(found, now))) ? 1 : 0;
};
