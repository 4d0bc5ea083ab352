import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { view } from "../../shared/resource.ts";
import { Webhook, webhookEdits } from "../../shared/webhook/webhook.ts";
import { endpoint } from "../http/endpoint.ts";
import { changeAnew, tagged } from "../http/resources.ts";
import { checkUrl, findWebhook } from "../http/webhooks.ts";

export const handler = endpoint(
  eventRoutes,
  "updateWebhook",
  async ({ workspace, params, body, ifMatch, moment, commit }) => {
    const found = await findWebhook(workspace, params.webhook);
    checkUrl(body.url);
    const { next, write } = changeAnew(found, webhookEdits(body), ifMatch, moment.now);
    return commit([write], tagged(next, view(Webhook, next)));
  },
);
