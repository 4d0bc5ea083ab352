import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { view } from "../../shared/resource.ts";
import { rotateSecret, Webhook } from "../../shared/webhook/webhook.ts";
import { endpoint } from "../http/endpoint.ts";
import { tagged } from "../http/resources.ts";
import { findWebhook } from "../http/webhooks.ts";
import { secretOf } from "../webhooks/deliver.ts";

export const handler = endpoint(eventRoutes, "rotateWebhookSecret", async ({ workspace, params, moment, commit }) => {
  const { next, write } = rotateSecret(await findWebhook(workspace, params.webhook), moment.now);
  return commit([write], tagged(next, { ...view(Webhook, next), secret: await secretOf(next, next.secretNumber) }));
});
