import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { getItem, unlessChanged } from "../../shared/aws/table.ts";
import { keys } from "../../shared/keys.ts";
import { hold, type StoredDelivery } from "../../shared/webhook/delivery.ts";
import type { DeliveryDue } from "../../shared/webhook/due.ts";
import type { StoredWebhook } from "../../shared/webhook/webhook.ts";
import { deliver } from "../webhooks/deliver.ts";

/** A delivery that is due is tried again. That of a webhook which is gone is kept until the log forgets it. */
export const handler = middy<EventBridgeEvent<string, DeliveryDue>, void>().handler(async ({ detail }) => {
  const [webhook, delivery] = await Promise.all([
    getItem<StoredWebhook>(keys.webhook(detail.workspaceId, detail.webhookId)),
    getItem<StoredDelivery>(keys.webhookDelivery(detail.webhookId, detail.event)),
  ]);
  if (delivery === undefined) return;
  if (webhook === undefined) await unlessChanged(hold(delivery));
  else await deliver(webhook, delivery);
});
