import { randomBytes } from "node:crypto";
import { type AuditObject, type Deed, objectOf, recordDeed, recordOutcome } from "../audit/audit.ts";
import { changesOf, touchedIn } from "../audit/changes.ts";
import { env } from "../env.ts";
import { type Moment, makeId } from "../ids.ts";
import type { WorkflowInput } from "../intent/intent.ts";
import type { Write } from "../writes.ts";
import { lastRead } from "./table.ts";

const days = (): number => Number(env("AUDIT_DAYS"));

const at = (now: Date): Moment => ({
  now,
  newId: (kind) => makeId(kind, now, randomBytes(8)),
  randomText: () => {
    throw new Error("a record has no random text");
  },
});

/**
 * The record of what these writes do, for their own transaction; none where they do nothing to anything that people know.
 * What things were before is what was read of them last (`remembering`), on which the writes' conditions hold the decision.
 * @param deed who does it, and what to, where an intent or a token says so
 */
export const auditOf = (
  deed: Omit<Deed, "object"> & { readonly object?: AuditObject },
  writes: readonly Write[],
  now: Date,
): Write[] => {
  const touched = touchedIn(writes, lastRead);
  const object = deed.object ?? objectOf(touched);
  return object === undefined ? [] : [recordDeed({ ...deed, object }, changesOf(touched), days(), at(now))];
};

/** The record of how an intent has ended, for the transaction that ends it. */
export const auditOfOutcome = (input: WorkflowInput, outcome: Parameters<typeof recordOutcome>[1], now: Date): Write =>
  recordOutcome(input, outcome, days(), at(now));
