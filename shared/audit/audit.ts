import * as z from "zod";
import type { Moment } from "../ids.ts";
import type { WorkflowInput } from "../intent/intent.ts";
import { keys } from "../keys.ts";
import { view } from "../resource.ts";
import { isMadeSubject } from "../workspace/access.ts";
import type { Item, Write } from "../writes.ts";
import { type Change, Changed, type Touched } from "./changes.ts";

export const AuditObject = z.object({
  type: z.string().meta({ examples: ["node"] }),
  id: z.string(),
  name: z.string().optional(),
});
export type AuditObject = z.infer<typeof AuditObject>;

export const AuditRecord = z
  .object({
    id: z.string().meta({ examples: ["aud_01jd8x2m6q7w3k9v5t4r"] }),
    at: z.iso.datetime(),
    actor: z.string().meta({
      description:
        "`user:{subject}`, `credential:{id}`, `event-rule:{id}`, `device:{node}`, `aws:{account or service}` for pushes, `anonymous` for what reports of devices lead to, or `system` for what workflows do",
      examples: ["user:5f7c8ec7-c33c-4c00-94bb-afe82"],
    }),
    operation: z.string().meta({
      description: "The API operation, or what happened to a device or an intent",
      examples: ["createNode", "device.registered", "intent.failed"],
    }),
    object: AuditObject.meta({ description: "What it was done to" }),
    intent: z.string().optional().meta({ description: "Id of the intent that it asked for, or that ended" }),
    source: z.object({ ip: z.string(), userAgent: z.string() }).optional().meta({ description: "From where" }),
    changes: z.array(Changed).meta({ description: "What was changed at once, of each thing that people know" }),
  })
  .meta({ id: "AuditRecord" });
export type AuditRecord = z.infer<typeof AuditRecord>;

/** What is known of who did what, beside what it changed. */
export interface Deed {
  readonly workspaceId: string;
  readonly actor: string;
  readonly operation: string;
  readonly object: AuditObject;
  readonly intent?: string;
  readonly source?: { readonly ip: string; readonly userAgent: string };
}

const USER_AGENT_CHARACTERS = 128;
/** More than this of changes is told by digests: a transaction holds 4 MB, and what it is about comes first. */
const MAX_BYTES = 32_768;

export const actorOf = (subject: string): string => (isMadeSubject(subject) ? subject : `user:${subject}`);
/** Who puts a manifest into a bucket, or an event on the stage's bus, of whom AWS tells no more. */
export const actorOfAws = (requester: string): string => `aws:${requester}`;
/** Devices that nobody knows. */
export const ANONYMOUS = "anonymous";
export const actorOfDevice = (nodeId: string): string => `device:${nodeId}`;

/** Changes that fit: past the bound, only what was changed is named. */
const bounded = (changes: readonly Change[]): readonly Change[] => {
  let left = MAX_BYTES;
  return changes.map((change) => {
    left -= Buffer.byteLength(JSON.stringify(change));
    if (left >= 0) return change;
    const { type, id, name } = change;
    return { type, id, ...(name !== undefined && { name }) };
  });
};

/**
 * The record of a deed, for the transaction that does it. It is made once and never changed; the table forgets it.
 * @param changes what the deed changes, by {@link Change}
 * @param days how long it is kept
 */
export const recordDeed = (deed: Deed, changes: readonly Change[], days: number, moment: Moment): Write => {
  const id = moment.newId("audit");
  const { workspaceId, actor, object, source } = deed;
  const record: AuditRecord & Item = {
    ...keys.audit(workspaceId, id),
    type: "audit",
    id,
    at: moment.now.toISOString(),
    ...deed,
    ...(source !== undefined && {
      source: { ip: source.ip, userAgent: source.userAgent.slice(0, USER_AGENT_CHARACTERS) },
    }),
    changes: [...bounded(changes)],
    auditActor: auditOfActor(workspaceId, actor),
    auditObject: auditOfObject(workspaceId, object.id),
    expiresAt: Math.floor(moment.now.getTime() / 1_000) + days * 86_400,
  };
  return { do: "create", item: record };
};

/** The record of how an intent ended. @param outcome `succeeded` or `failed` */
export const recordOutcome = (
  { intentId, kind, workspaceId, subjectId }: WorkflowInput,
  outcome: { readonly status: "succeeded" | "failed"; readonly problem?: { readonly code: string } },
  days: number,
  moment: Moment,
): Write => {
  const deed: Deed = {
    workspaceId,
    actor: "system",
    operation: `intent.${outcome.status}`,
    object: { type: kind.replace(/\..*/, ""), id: subjectId },
    intent: intentId,
  };
  const after = { status: outcome.status, ...(outcome.problem && { problem: outcome.problem.code }) };
  return recordDeed(deed, [{ type: "intent", id: intentId, name: kind, after }], days, moment);
};

/** What stands for an actor, or an object, in the index. */
export const auditOfActor = (workspaceId: string, actor: string): string => `${workspaceId}#${actor}`;
export const auditOfObject = (workspaceId: string, objectId: string): string => `${workspaceId}#${objectId}`;

export const viewAudit = (stored: object): AuditRecord => view(AuditRecord, stored);

/** What a deed is about where no intent says so: what it makes, or else changes, or else deletes. */
export const objectOf = (touched: readonly Touched[]): AuditObject | undefined => {
  const main = ["made", "changed", "deleted"].map((how) => touched.find((one) => one.how === how)).find(Boolean);
  if (main === undefined) return undefined;
  const { type, id, name } = main;
  return { type, id, ...(name !== undefined && { name }) };
};
