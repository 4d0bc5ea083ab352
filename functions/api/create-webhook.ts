import { allItems } from "../../shared/aws/table.ts";
import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { createWebhook, refuseTooMany, Webhook } from "../../shared/webhook/webhook.ts";
import { endpoint } from "../http/endpoint.ts";
import { created } from "../http/resources.ts";
import { checkUrl } from "../http/webhooks.ts";
import { secretOf } from "../webhooks/deliver.ts";

export const handler = endpoint(eventRoutes, "createWebhook", async ({ workspace, body, moment, commit }) => {
  checkUrl(body.url);
  refuseTooMany((await allItems({ partition: partitions.webhooks(workspace.id), attributes: ["id"] })).length);
  const { webhook, writes } = createWebhook(workspace, body, moment);
  const answer = { ...view(Webhook, webhook), secret: await secretOf(webhook, webhook.secretNumber) };
  return commit(writes, created(webhook, answer, `/v1/workspaces/${workspace.id}/webhooks/${webhook.id}`));
});
