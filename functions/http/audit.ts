import { type AuditRecord, auditOfActor, auditOfObject, viewAudit } from "../../shared/audit/audit.ts";
import { listBetween } from "../../shared/aws/table.ts";
import { idsBetween, isId } from "../../shared/ids.ts";
import { indexes, keys, partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { decodeCursor, encodeCursor } from "./paging.ts";

export interface AuditQuery {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly actor?: string | undefined;
  readonly object?: string | undefined;
  readonly cursor?: string | undefined;
}

type StoredRecord = AuditRecord & { readonly auditActor: string; readonly auditObject: string };

/** A page has no more than this, as it stands in the function's answer, which ends at 6 MB. */
const MAX_BYTES = 4_000_000;
/** How often the table is asked for one page: then a page may be short, and another one follows. */
const MAX_LOOKS = 20;

/** Clocks of those who ask may be ahead. */
const AHEAD_MS = 60_000;

const rangeOf = ({ from, to }: AuditQuery): readonly [string, string] => {
  const first = new Date(from === undefined ? 0 : Math.max(0, Date.parse(from)));
  const last = new Date(to === undefined ? Date.now() + AHEAD_MS : Date.parse(to));
  if (first < last) return idsBetween("audit", first, last);
  const detail = "must be after from, and after 1970";
  throw new AppError("invalid-request", `the query is not valid: to: ${detail}`, {
    findings: [{ parameter: "to", rule: "order", detail }],
  });
};

/** Where to look: what was done to an object is in its index, which says who did it as well. */
const listOf = (workspaceId: string, { actor, object }: AuditQuery) => {
  if (object !== undefined) return { index: indexes.auditOfObject, partition: auditOfObject(workspaceId, object) };
  if (actor !== undefined) return { index: indexes.auditOfActor, partition: auditOfActor(workspaceId, actor) };
  return { index: { pk: "pk", sk: "sk" }, partition: partitions.audit(workspaceId) };
};

const startOf = (list: string, cursor: string | undefined, [first, last]: readonly [string, string]) => {
  if (cursor === undefined) return undefined;
  const after = decodeCursor(list, cursor);
  if (typeof after === "string" && isId(after, "audit") && first <= after && after <= last) return after;
  throw new AppError("invalid-cursor", "cursor must be that of the page before, and go with the same from and to");
};

/**
 * A page of a workspace's audit records, newest first.
 * @param line a record as it will be answered
 * @returns with a cursor where there may be more; then the page may have fewer than `limit`, or none
 * @throws AppError `invalid-request` when `from` is not before `to`, `invalid-cursor`
 */
export const readAudit = async (
  workspaceId: string,
  query: AuditQuery,
  limit: number,
  line: (record: AuditRecord) => string = JSON.stringify,
): Promise<{ items: AuditRecord[]; nextCursor?: string }> => {
  const { index, partition } = listOf(workspaceId, query);
  const range = rangeOf(query);
  const items: AuditRecord[] = [];
  let bytes = 0;
  let after = startOf(partition, query.cursor, range);
  const next = () => ({ items, ...(after !== undefined && { nextCursor: encodeCursor(partition, after) }) });
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    // All keys of the item after which to go on: its own, and the index's.
    const start =
      after === undefined
        ? undefined
        : { ...keys.audit(workspaceId, after), ...("name" in index && { id: after, [index.pk]: partition }) };
    const page = await listBetween<StoredRecord>(index, partition, range, { limit: limit + 1, after: start });
    for (const stored of page.items) {
      if (query.actor === undefined || stored.actor === query.actor) {
        const record = viewAudit(stored);
        bytes += Buffer.byteLength(JSON.stringify(line(record))); // the answer's body is a text in JSON
        if (items.length === limit || (items.length > 0 && bytes > MAX_BYTES)) return next();
        items.push(record);
      }
      after = stored.id;
    }
    if (!page.more) return { items };
  }
  return next();
};
