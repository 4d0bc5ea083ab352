import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { env } from "../../shared/env.ts";
import { testEvent } from "../../shared/event/event.ts";
import { endpoint } from "../http/endpoint.ts";
import { findWebhook } from "../http/webhooks.ts";
import { sendSigned } from "../webhooks/deliver.ts";

/** Sent to this webhook alone, once, also while it is disabled; nothing becomes of the webhook by it. */
export const handler = endpoint(eventRoutes, "testWebhook", async ({ workspace, params, moment }) => {
  const webhook = await findWebhook(workspace, params.webhook);
  const event = testEvent(webhook.id, workspace.id, moment, { stage: env("STAGE"), schemas: env("EVENT_SCHEMAS") });
  const { tried } = await sendSigned(webhook, event.id, JSON.stringify(event));
  return { body: tried };
});
