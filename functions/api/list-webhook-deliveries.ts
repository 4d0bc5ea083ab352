import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { partitions } from "../../shared/keys.ts";
import { type StoredDelivery, viewDelivery } from "../../shared/webhook/delivery.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";
import { findWebhook } from "../http/webhooks.ts";

export const handler = endpoint(eventRoutes, "listWebhookDeliveries", async ({ workspace, params, query }) => {
  const { id } = await findWebhook(workspace, params.webhook);
  const list = { partition: partitions.webhookDeliveries(id), newestFirst: true };
  return pageOf(list, query, (stored: StoredDelivery) => viewDelivery(stored));
});
