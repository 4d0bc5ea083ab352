import { createHash } from "node:crypto";
import * as z from "zod";
import type { Moment } from "../ids.ts";
import { keys } from "../keys.ts";
import type { Problem } from "../problems.ts";
import { born, Description, type Stored, Timestamps } from "../resource.ts";
import { type Role, subjectOfRule } from "../workspace/access.ts";
import { type StoredWorkspace, workspaceIsActive } from "../workspace/workspace.ts";
import type { Key, Write } from "../writes.ts";

/** What an event may ask for: every operation of a workspace that makes an intent. */
export const ASKABLE = [
  "deleteWorkspace",
  "createNodeGroup",
  "deleteNodeGroup",
  "updateNodeGroupDeployment",
  "replaceNodeGroupDeployment",
  "deleteNodeGroupDeployment",
  "refreshNodeGroupDeployment",
  "rollBackNodeGroupDeployment",
  "updateNodeDeployment",
  "replaceNodeDeployment",
  "deleteNodeDeployment",
  "refreshNodeDeployment",
  "rollBackNodeDeployment",
  "createNode",
  "updateNodeMemberships",
  "deleteNode",
  "revokeNodeCertificate",
  "repairDrift",
  "adoptDrift",
  "startNodeImport",
  "deleteNodeImport",
  "importComponent",
  "publishComponentVersion",
  "deleteComponentVersion",
  "publishRelease",
  "promoteRelease",
  "deleteRelease",
] as const;
export type Askable = (typeof ASKABLE)[number];

/** The event by which an intent is asked for, on the stage's bus. */
export const INTENT_REQUESTED = "slipway.intent.requested";

const Operations = z.array(z.enum(ASKABLE)).min(1).max(ASKABLE.length).meta({ description: "What they may ask for" });

export const CreateEventRule = z
  .strictObject({
    source: z
      .string()
      .regex(/^[a-zA-Z0-9._/-]{1,256}$/, "1 to 256 of letters, digits and ._/-")
      .refine((source) => !/^(aws|slipway)(\.|$)/.test(source), "must not be aws or slipway")
      .meta({ description: "What `source` of the events must be: who may put such events is IAM's to say" }),
    operations: Operations,
    description: Description.optional(),
  })
  .meta({ id: "CreateEventRule" });
export type CreateEventRule = z.infer<typeof CreateEventRule>;

export const EditEventRule = z
  .strictObject({
    operations: Operations.optional(),
    description: Description.nullable().optional().meta({ description: "null removes it" }),
  })
  .refine((edit) => Object.values(edit).some((value) => value !== undefined), "must change something")
  .meta({ id: "EditEventRule", description: "What is absent stays as it is" });
export type EditEventRule = z.infer<typeof EditEventRule>;

export const EventRule = z
  .object({
    id: z.string(),
    source: z.string(),
    operations: z.array(z.string()),
    description: Description.optional(),
    createdBy: z.string(),
    ...Timestamps,
  })
  .meta({ id: "EventRule", description: "That events of a source may ask for these operations in the workspace" });

export type StoredEventRule = z.infer<typeof EventRule> & Stored & { readonly type: "event-rule" };

/**
 * A rule is a member of the workspace as machine credentials are, among no others: so what an event asks for passes by the same checks as what they ask for.
 * @param role the least that its operations need
 */
export const createEventRule = (
  workspace: StoredWorkspace,
  input: CreateEventRule,
  role: Role,
  caller: string,
  moment: Moment,
): { rule: StoredEventRule; writes: Write[] } => {
  const id = moment.newId("event-rule");
  const rule: StoredEventRule = {
    ...keys.eventRule(workspace.id, id),
    type: "event-rule",
    id,
    ...input,
    createdBy: caller,
    ...born(moment.now),
  };
  const subject = subjectOfRule(id);
  const membership = { type: "membership", workspaceId: workspace.id, subject, role, createdAt: rule.createdAt };
  return {
    rule,
    writes: [
      workspaceIsActive(workspace.id),
      { do: "create", item: { ...rule } },
      { do: "create", item: { ...keys.membership(subject, workspace.id), ...membership } },
    ],
  };
};

/** The rule's membership follows what it may ask for. @param role the least that its operations need */
export const changeRuleRole = (workspaceId: string, { id }: StoredEventRule, role: Role): Write => ({
  do: "update",
  key: keys.membership(subjectOfRule(id), workspaceId),
  set: { role },
  when: { type: "membership" },
});

/** What has begun ends; nothing more is let in. */
export const deleteEventRule = (workspaceId: string, { pk, sk, id }: StoredEventRule): Write[] => [
  { do: "delete", key: { pk, sk } },
  { do: "delete", key: keys.membership(subjectOfRule(id), workspaceId) },
];

/** The detail of an event that asks for an intent. */
export const IntentRequest = z.strictObject({
  id: z.string().min(1).max(256).optional(),
  workspace: z.string().min(1).max(64),
  operation: z.enum(ASKABLE),
  parameters: z.record(z.string(), z.string().min(1).max(256)).default({}),
  body: z.unknown().optional(),
  ifMatch: z.string().min(1).max(64).optional(),
});
export type IntentRequest = z.infer<typeof IntentRequest>;

/** What came of an event, once that is known. */
export interface RequestOutcome {
  readonly requestId: string;
  readonly source: string;
  readonly workspaceId?: string | undefined;
  readonly operation?: string | undefined;
  /** Of the intent that was made; otherwise the problem tells why there is none. */
  readonly intentId?: string;
  readonly problem?: Problem;
  readonly at: string;
}

export type StoredRequest = Key & {
  readonly type: "intent-request";
  /** Until when, in milliseconds, whoever took the event may be at work on it. */
  readonly leaseUntil: number;
  readonly outcome?: RequestOutcome;
  readonly expiresAt: number;
};

/** An event comes again within a day, and from a dead letter queue within two weeks. */
const KEPT_DAYS = 30;
/** The function's own time, and a bit. */
const LEASE_MS = 70_000;

/** One hash for every delivery of the same event of a source. */
export const hashOfRequest = (source: string, requestId: string): string =>
  createHash("sha256")
    .update(JSON.stringify([source, requestId]))
    .digest("hex");

/** Takes an event; of two deliveries of it at the same time one does. @param seen the record as it was read */
export const takeRequest = (hash: string, seen: StoredRequest | undefined, now: Date): Write => ({
  do: "put",
  item: {
    ...keys.intentRequest(hash),
    type: "intent-request",
    leaseUntil: now.getTime() + LEASE_MS,
    expiresAt: Math.floor(now.getTime() / 1_000) + KEPT_DAYS * 86_400,
  },
  when: seen === undefined ? { pk: { exists: false } } : { leaseUntil: seen.leaseUntil, outcome: { exists: false } },
  otherwise: { code: "busy", detail: "the same event is being answered" },
});

/** What kept an event from being answered may pass: the next delivery of it takes it at once. */
export const giveBackRequest = (hash: string): Write => ({
  do: "update",
  key: keys.intentRequest(hash),
  set: { leaseUntil: 0 },
  when: { outcome: { exists: false } },
});

/**
 * The event has been answered: the table's stream tells the world. Where an intent was made, this is a write of the intent's own
 * transaction, so that an event makes one, however often it is delivered.
 */
export const answerRequest = (hash: string, outcome: RequestOutcome): Write => ({
  do: "update",
  key: keys.intentRequest(hash),
  set: { outcome },
  when: { outcome: { exists: false } },
});
