import * as z from "zod";
import { ListedEvent } from "../../event/event.ts";
import { EventFilter, READABLE_DAYS, SETTLED_MS } from "../../event/kept.ts";
import { CreateEventRule, EditEventRule, EventRule } from "../../event-rule/event-rule.ts";
import { Delivery, Replayed, ReplayWebhook, Try } from "../../webhook/delivery.ts";
import { CreatedWebhook, CreateWebhook, EditWebhook, Webhook } from "../../webhook/webhook.ts";
import { Page, page, route, W } from "./route.ts";

const H = `${W}/webhooks/{webhook}` as const;
const R = `${W}/event-rules/{eventRule}` as const;

/** What has happened, events in, and webhooks. */
export const eventRoutes = {
  listEvents: route({
    method: "GET",
    path: `${W}/events`,
    summary: `List what has happened in a workspace in the last ${READABLE_DAYS} days, oldest first`,
    description:
      "Events are listed in the order in which they arrived here, which is not quite that in which they happened: of one object " +
      "`sequence` tells. `since` is about the arrival as well. Every event is there at least once; what is there twice has the same " +
      "`id`. A page may be short or empty and still have `nextCursor`. " +
      "To go on reading as events come, follow `nextCursor` to the last page, and ask later with the last page's `resume` as " +
      `\`cursor\`. An event may come to stand up to ${SETTLED_MS / 1_000} seconds behind others that were read, so \`resume\` never lies ` +
      "nearer to the present than that: what was listed since comes again, and is told by its `id`. Nothing is left out. " +
      `A cursor that is more than ${READABLE_DAYS + 1} days old is refused with the rule \`expired\`: events that were not read are gone.`,
    access: "viewer",
    query: Page.extend(EventFilter.shape),
    status: 200,
    answer: page(ListedEvent).extend({
      resume: z.string().meta({ description: "Where to go on from later, as `cursor`: on every page" }),
    }),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),

  createEventRule: route({
    method: "POST",
    path: `${W}/event-rules`,
    summary: "Let events of a source ask for intents in the workspace",
    access: "owner",
    body: CreateEventRule,
    status: 201,
    answer: EventRule,
    tagged: true,
    located: true,
    problems: ["not-ready"],
    permissions: ["control:PutItem", "control:ConditionCheckItem"],
  }),
  listEventRules: route({
    method: "GET",
    path: `${W}/event-rules`,
    summary: "List which events may ask for which intents",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(EventRule),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getEventRule: route({
    method: "GET",
    path: R,
    summary: "Get which intents events of a source may ask for",
    access: "viewer",
    status: 200,
    answer: EventRule,
    tagged: true,
    problems: [],
  }),
  updateEventRule: route({
    method: "PATCH",
    path: R,
    summary: "Change what events of a source may ask for",
    access: "owner",
    body: EditEventRule,
    ifMatch: "required",
    status: 200,
    answer: EventRule,
    tagged: true,
    problems: [],
  }),
  deleteEventRule: route({
    method: "DELETE",
    path: R,
    summary: "Let events of a source ask for nothing more",
    access: "owner",
    status: 204,
    problems: [],
    permissions: ["control:DeleteItem"],
  }),

  createWebhook: route({
    method: "POST",
    path: `${W}/webhooks`,
    summary: "Create a webhook: events are sent to its URL, signed with the secret that is answered this once",
    access: "maintainer",
    body: CreateWebhook,
    repeatable: true,
    status: 201,
    answer: CreatedWebhook,
    tagged: true,
    located: true,
    problems: ["limit-reached", "not-ready"],
    environment: ["WEBHOOK_KEY", "WEBHOOK_LOOPBACK"],
    permissions: ["control:Query", "control:PutItem", "control:ConditionCheckItem", "webhook-key:GenerateMac"],
  }),
  listWebhooks: route({
    method: "GET",
    path: `${W}/webhooks`,
    summary: "List webhooks in the order of their creation",
    access: "maintainer",
    query: Page,
    status: 200,
    answer: page(Webhook),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getWebhook: route({
    method: "GET",
    path: H,
    summary: "Get a webhook",
    access: "maintainer",
    status: 200,
    answer: Webhook,
    tagged: true,
    problems: [],
  }),
  updateWebhook: route({
    method: "PATCH",
    path: H,
    summary: "Change a webhook, disable it, or enable it again",
    access: "maintainer",
    body: EditWebhook,
    ifMatch: "required",
    status: 200,
    answer: Webhook,
    tagged: true,
    problems: [],
    environment: ["WEBHOOK_LOOPBACK"],
  }),
  deleteWebhook: route({
    method: "DELETE",
    path: H,
    summary: "Delete a webhook: nothing more is sent",
    access: "maintainer",
    status: 204,
    problems: [],
    permissions: ["control:DeleteItem"],
  }),
  rotateWebhookSecret: route({
    method: "POST",
    path: `${H}/secret`,
    summary: "Make another secret, answered this once; for a day everything is signed with the one before as well",
    access: "maintainer",
    repeatable: true,
    status: 200,
    answer: CreatedWebhook,
    tagged: true,
    problems: ["conflict"],
    environment: ["WEBHOOK_KEY"],
    permissions: ["webhook-key:GenerateMac"],
  }),
  testWebhook: route({
    method: "POST",
    path: `${H}/test`,
    summary: "Send an event that tells nothing to a webhook, once, and see what comes of it",
    access: "maintainer",
    repeatable: true,
    readOnly: true,
    status: 200,
    answer: Try,
    problems: [],
    environment: ["EVENT_SCHEMAS", "WEBHOOK_KEY", "WEBHOOK_LOOPBACK"],
    permissions: ["webhook-key:GenerateMac"],
  }),
  listWebhookDeliveries: route({
    method: "GET",
    path: `${H}/deliveries`,
    summary: "List what was sent to a webhook in the last 30 days, newest event first",
    access: "maintainer",
    query: Page,
    status: 200,
    answer: page(Delivery),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  replayWebhook: route({
    method: "POST",
    path: `${H}/replay`,
    summary: "Send again what was not delivered since a time, or one delivery",
    access: "maintainer",
    body: ReplayWebhook,
    repeatable: true,
    status: 200,
    answer: Replayed,
    problems: ["not-ready"],
    permissions: ["control:Query"],
  }),
} as const;
