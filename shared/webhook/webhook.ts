import * as z from "zod";
import { EVENT_FILTERS, isChosen } from "../event/filter.ts";
import type { Moment } from "../ids.ts";
import { keys } from "../keys.ts";
import { AppError } from "../problems.ts";
import { born, Description, type Stored, Timestamps } from "../resource.ts";
import { type StoredWorkspace, workspaceIsActive } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";

/** As many webhooks as a workspace may have: each of its events is looked at for each of them. */
export const MOST_WEBHOOKS = 20;

const Filters = z
  .array(z.enum(EVENT_FILTERS))
  .min(1)
  .max(50)
  .meta({ description: "Types of events that are sent; `slipway.node.*` for all of nodes, `*` for all" });

const Url = z.string().max(2_048).meta({ description: "Where events are sent by POST: HTTPS, at a public address" });

export const CreateWebhook = z
  .strictObject({ url: Url, events: Filters.default(["*"]), description: Description.optional() })
  .meta({ id: "CreateWebhook" });
export type CreateWebhook = z.infer<typeof CreateWebhook>;

export const EditWebhook = z
  .strictObject({
    url: Url.optional(),
    events: Filters.optional(),
    description: Description.nullable().optional().meta({ description: "null removes it" }),
    enabled: z
      .boolean()
      .optional()
      .meta({ description: "Whether events are sent; while not, they are kept to be replayed" }),
  })
  .refine((edit) => Object.values(edit).some((value) => value !== undefined), "must change something")
  .meta({ id: "EditWebhook", description: "What is absent stays as it is" });
export type EditWebhook = z.infer<typeof EditWebhook>;

export const Webhook = z
  .object({
    id: z.string(),
    url: z.string(),
    events: z.array(z.string()),
    description: Description.optional(),
    enabled: z.boolean(),
    disabled: z
      .object({ reason: z.string(), at: z.iso.datetime() })
      .optional()
      .meta({ description: "Why Slipway sends nothing any more: it failed for too long, or was answered 410" }),
    failingSince: z.iso.datetime().optional().meta({ description: "Since when nothing could be delivered" }),
    previousSecretUntil: z.iso
      .datetime()
      .optional()
      .meta({ description: "Until when everything is signed with the secret before as well" }),
    ...Timestamps,
  })
  .meta({ id: "Webhook" });

export const CreatedWebhook = Webhook.extend({
  secret: z.string().meta({ description: "What signatures are made with. Shown this once" }),
}).meta({ id: "CreatedWebhook" });

export type StoredWebhook = z.infer<typeof Webhook> &
  Stored & {
    readonly type: "webhook";
    readonly workspaceId: string;
    /** Which of its secrets is the present one: nothing else is kept of it. */
    readonly secretNumber: number;
  };

export const createWebhook = (
  workspace: StoredWorkspace,
  input: CreateWebhook,
  moment: Moment,
): { webhook: StoredWebhook; writes: Write[] } => {
  const id = moment.newId("webhook");
  const webhook: StoredWebhook = {
    ...keys.webhook(workspace.id, id),
    type: "webhook",
    id,
    workspaceId: workspace.id,
    ...input,
    enabled: true,
    secretNumber: 1,
    ...born(moment.now),
  };
  return { webhook, writes: [workspaceIsActive(workspace.id), { do: "create", item: { ...webhook } }] };
};

/** What an edit makes of a webhook's members; null removes one. To enable it makes it as one that never failed. */
export const webhookEdits = ({
  enabled,
  ...edit
}: EditWebhook): Record<string, string | object | null | undefined> => ({
  ...edit,
  ...(enabled !== undefined && { enabled: enabled as unknown as object }),
  ...(enabled === true && { disabled: null, failingSince: null }),
});

/** How long everything is signed with two secrets after another was made. */
const BOTH_HOURS = 24;

/** The next secret, beside which the one before works for a day. */
export const rotateSecret = (webhook: StoredWebhook, now: Date): { next: StoredWebhook; write: Write } => {
  const set = {
    secretNumber: webhook.secretNumber + 1,
    previousSecretUntil: new Date(now.getTime() + BOTH_HOURS * 3_600_000).toISOString(),
    revision: webhook.revision + 1,
    updatedAt: now.toISOString(),
  };
  return {
    next: { ...webhook, ...set },
    write: {
      do: "update",
      key: { pk: webhook.pk, sk: webhook.sk },
      set,
      when: { revision: webhook.revision },
      otherwise: { code: "conflict", detail: "the webhook was changed at the same time: try again" },
    },
  };
};

/** The numbers of the secrets that a delivery is signed with now. */
export const secretNumbers = ({ secretNumber, previousSecretUntil = "" }: StoredWebhook, now: Date): number[] =>
  previousSecretUntil > now.toISOString() ? [secretNumber, secretNumber - 1] : [secretNumber];

/** Whether a webhook listens for events of a type. */
export const listensFor = ({ events }: Pick<StoredWebhook, "events">, type: string): boolean => isChosen(events, type);

/** @throws AppError `limit-reached` */
export const refuseTooMany = (webhooks: number): void => {
  if (webhooks >= MOST_WEBHOOKS)
    throw new AppError("limit-reached", `a workspace has at most ${MOST_WEBHOOKS} webhooks`);
};
