import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { endpoint } from "../http/endpoint.ts";
import { findWebhook } from "../http/webhooks.ts";

/** Its deliveries are forgotten in their time, and sent no more. */
export const handler = endpoint(eventRoutes, "deleteWebhook", async ({ workspace, params, commit }) => {
  const { pk, sk } = await findWebhook(workspace, params.webhook);
  return commit([{ do: "delete", key: { pk, sk } }], { body: undefined });
});
