import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { type StoredWebhook, Webhook } from "../../shared/webhook/webhook.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint(eventRoutes, "listWebhooks", async ({ workspace, query }) =>
  pageOf({ partition: partitions.webhooks(workspace.id) }, query, (stored: StoredWebhook) => view(Webhook, stored)),
);
