import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { view } from "../../shared/resource.ts";
import { Webhook } from "../../shared/webhook/webhook.ts";
import { endpoint } from "../http/endpoint.ts";
import { tagged } from "../http/resources.ts";
import { findWebhook } from "../http/webhooks.ts";

export const handler = endpoint(eventRoutes, "getWebhook", async ({ workspace, params }) => {
  const webhook = await findWebhook(workspace, params.webhook);
  return tagged(webhook, view(Webhook, webhook));
});
