import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { allItems, getItem, unlessChanged } from "../../shared/aws/table.ts";
import type { DomainEvent } from "../../shared/event/event.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { newDelivery, type StoredDelivery } from "../../shared/webhook/delivery.ts";
import { listensFor, type StoredWebhook } from "../../shared/webhook/webhook.ts";
import { loggerOf } from "../logger.ts";
import { deliver } from "../webhooks/deliver.ts";

/**
 * An event of ours is sent to the webhooks that listen for it, for the first time. An event that comes twice finds its deliveries
 * there; one whose first try broke off is due later by itself.
 */
export const handler = middy<EventBridgeEvent<string, DomainEvent>, void>().handler(async ({ detail }, context) => {
  const { workspaceid, type, id } = detail;
  if (workspaceid === undefined) return;
  const webhooks = (await allItems<StoredWebhook>(partitions.webhooks(workspaceid))).filter((webhook) =>
    listensFor(webhook, type),
  );
  await Promise.all(
    webhooks.map(async (webhook) => {
      const { delivery, write } = newDelivery(webhook, detail, new Date());
      if (await unlessChanged(write)) return deliver(webhook, delivery);
      const found = await getItem<StoredDelivery>(keys.webhookDelivery(webhook.id, id));
      if (found?.attempts === 0) await deliver(webhook, found); // the try before broke off, or is under way
    }),
  );
  if (webhooks.length > 0) loggerOf(context, { event: id }).info("sent", { webhooks: webhooks.length });
});
