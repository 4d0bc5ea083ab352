import * as z from "zod";
import { isId, type Moment } from "../ids.ts";
import { keys } from "../keys.ts";
import { PROBLEMS, type Problem, type ProblemCode } from "../problems.ts";
import { view } from "../resource.ts";
import type { Write } from "../writes.ts";

/** What may be intended; each has a workflow of the same name (`node.create` → `node-create`). */
export const INTENT_KINDS = [
  "workspace.create",
  "workspace.delete",
  "node-group.create",
  "node-group.delete",
  "node.create",
  "node.move",
  "node.delete",
  "node-import.run",
  "node-import.delete",
  "certificate.revoke",
  "component.import",
  "component-version.copy",
  "component-version.push",
  "component-version.publish",
  "component-version.delete",
  "deployment.apply",
  "drift.repair",
  "release.publish",
  "release.delete",
  "release.pause",
  "archive.create",
] as const;

export type IntentKind = (typeof INTENT_KINDS)[number];

export const workflowOf = (kind: IntentKind): string => kind.replace(".", "-");

export const SubjectType = z.enum([
  "workspace",
  "node-group",
  "node",
  "node-import",
  "certificate",
  "component",
  "component-version",
  "deployment",
  "drift",
  "release",
  "archive",
]);

const ProblemDocument = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
    detail: z.string(),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional(),
          parameter: z.string().optional(),
          rule: z.string(),
          detail: z.string(),
          hint: z.string().optional(),
          severity: z.enum(["error", "warning"]).optional(),
          line: z.int().optional(),
          column: z.int().optional(),
        }),
      )
      .optional(),
  })
  .meta({ id: "Problem", description: "RFC 9457 problem document; `code` is stable" });

export { ProblemDocument };

export const Intent = z
  .object({
    id: z.string().meta({ examples: ["int_01jd8x2m6q7w3k9v5t4r"] }),
    kind: z.enum(INTENT_KINDS),
    status: z.enum(["requested", "running", "succeeded", "failed"]),
    workspaceId: z.string(),
    subject: z.object({ type: SubjectType, id: z.string(), name: z.string(), href: z.string() }),
    attempt: z.int().positive(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    problem: ProblemDocument.optional().meta({ description: "Why it failed" }),
  })
  .meta({ id: "Intent", description: "An accepted wish and how far it has come" });

export type Intent = z.infer<typeof Intent>;

/** The stored form: who asked, and the attributes by which indexes and expiry find it. */
export type StoredIntent = Intent & {
  readonly pk: string;
  readonly sk: string;
  readonly type: "intent";
  readonly requestedBy: string;
  /** Rises with each change of the status, for the order of events; absent on one that is older than this number. */
  readonly revision?: number;
  /** What the workflow needs beside the subject's id: the component of a version, the node of a certificate. */
  readonly parentId?: string;
};

/** An ended intent is kept this long. */
const KEPT_DAYS = 90;
/** An intent is started this often before it is given up as lost. */
export const MAX_ATTEMPTS = 3;

export interface NewIntent {
  readonly kind: IntentKind;
  readonly workspaceId: string;
  readonly subject: Intent["subject"];
  readonly requestedBy: string;
  readonly parentId?: string;
}

/** The intent that a transaction adds beside the desired state; the table's stream starts its workflow. */
export const requestIntent = (wish: NewIntent, moment: Moment): StoredIntent => {
  const id = moment.newId("intent");
  const at = moment.now.toISOString();
  return {
    ...keys.intent(id),
    type: "intent",
    id,
    ...wish,
    status: "requested",
    attempt: 1,
    revision: 1,
    createdAt: at,
    updatedAt: at,
    ...indexed(wish.workspaceId),
  };
};

/** Attributes that put the intent into the indexes; `open` goes when it ends. */
const indexed = (workspaceId: string) => ({ workspaceIntents: `${workspaceId}#intent`, open: "open" });

/** The intent as the API shows it. */
export const viewIntent = (stored: StoredIntent): Intent => view(Intent, stored);

/** The execution's name: the same attempt of the same intent is started once, however often its record comes. */
export const executionName = (intentId: string, attempt: number): string => `${intentId}-${attempt}`;

/** The intent and attempt of an execution's name, or undefined where the execution is not an intent's. */
export const parseExecutionName = (name: string): { intentId: string; attempt: number } | undefined => {
  const match = /^(int_[0-9a-z]{20})-(\d+)$/.exec(name);
  if (match?.[1] === undefined || match[2] === undefined || !isId(match[1], "intent")) return undefined;
  return { intentId: match[1], attempt: Number(match[2]) };
};

const OPEN: { readonly in: readonly string[] } = { in: ["requested", "running"] };

/** requested → running. Running again is allowed: a workflow may be started again from its first state. */
export const startIntent = (intentId: string, attempt: number, now: Date): Write => ({
  do: "update",
  key: keys.intent(intentId),
  set: { status: "running", updatedAt: now.toISOString() },
  add: { revision: 1 },
  when: { status: OPEN, attempt },
});

const end = (intentId: string, attempt: number, now: Date, outcome: Record<string, unknown>): Write => ({
  do: "update",
  key: keys.intent(intentId),
  set: {
    ...outcome,
    updatedAt: now.toISOString(),
    finishedAt: now.toISOString(),
    expiresAt: Math.floor(now.getTime() / 1000) + KEPT_DAYS * 86_400,
  },
  add: { revision: 1 },
  remove: ["open"],
  when: { status: OPEN, attempt },
});

export const succeedIntent = (intentId: string, attempt: number, now: Date): Write =>
  end(intentId, attempt, now, { status: "succeeded" });

export const failIntent = (intentId: string, attempt: number, now: Date, problem: Problem): Write =>
  end(intentId, attempt, now, { status: "failed", problem });

/** The sweep's restart: one more attempt, whose stream record starts a new execution. */
export const retryIntent = (intentId: string, attempt: number, now: Date): Write => ({
  do: "update",
  key: keys.intent(intentId),
  set: { status: "requested", attempt: attempt + 1, updatedAt: now.toISOString() },
  add: { revision: 1 },
  when: { status: OPEN, attempt },
});

/** What every workflow is given: ids, never data. */
export interface WorkflowInput {
  readonly intentId: string;
  readonly attempt: number;
  readonly kind: IntentKind;
  readonly workspaceId: string;
  readonly subjectId: string;
  /** The component of a version, the node of a certificate; otherwise the workspace. */
  readonly parentId: string;
}

export const workflowInput = (intent: StoredIntent): WorkflowInput => ({
  intentId: intent.id,
  attempt: intent.attempt,
  kind: intent.kind,
  workspaceId: intent.workspaceId,
  subjectId: intent.subject.id,
  parentId: intent.parentId ?? intent.workspaceId,
});
