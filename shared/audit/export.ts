import { csvLine } from "../csv.ts";
import type { AuditRecord } from "./audit.ts";

/** A cell of each column of the CSV. Columns are added behind these, if ever: none moves, and none goes. */
const COLUMNS: Readonly<Record<string, (record: AuditRecord) => string | undefined>> = {
  id: ({ id }) => id,
  time: ({ at }) => at,
  actor_kind: ({ actor }) => actor.split(":", 1)[0],
  actor_id: ({ actor }) => (actor.includes(":") ? actor.slice(actor.indexOf(":") + 1) : ""),
  operation: ({ operation }) => operation,
  object_type: ({ object }) => object.type,
  object_id: ({ object }) => object.id,
  object_name: ({ object }) => object.name,
  intent: ({ intent }) => intent,
  source_ip: ({ source }) => source?.ip,
  user_agent: ({ source }) => source?.userAgent,
  changes: ({ changes }) => JSON.stringify(changes),
};

interface ExportFormat {
  readonly media: "application/x-ndjson" | "text/csv";
  /** What stands before the first record of all, and before no other page: so pages one after the other are one file. */
  readonly head: string;
  readonly line: (record: AuditRecord) => string;
}

/** The formats of an export, under the names by which they are asked for. */
export const EXPORT_FORMATS = {
  jsonl: { media: "application/x-ndjson", head: "", line: (record) => `${JSON.stringify(record)}\n` },
  csv: {
    media: "text/csv",
    head: csvLine(Object.keys(COLUMNS)),
    line: (record) => csvLine(Object.values(COLUMNS).map((cell) => cell(record) ?? "")),
  },
} as const satisfies Record<string, ExportFormat>;

const EXAMPLE: AuditRecord = {
  id: "aud_01jd8x2m6q7w3k9v5t4r",
  at: "2026-01-01T12:00:00.000Z",
  actor: "user:5f7c8ec7-c33c-4c00-94bb-afe82",
  operation: "updateNodeGroup",
  object: { type: "node-group", id: "grp_01jd8x2m6q7w3k9v5t4r", name: "gateways" },
  source: { ip: "192.0.2.1", userAgent: "curl/8.5.0" },
  changes: [
    {
      type: "node-group",
      id: "grp_01jd8x2m6q7w3k9v5t4r",
      name: "gateways",
      before: { description: "one" },
      after: { description: "two" },
    },
  ],
};

/** An export of one record, by media type. */
export const EXPORT_EXAMPLES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(EXPORT_FORMATS).map(({ media, head, line }) => [media, head + line(EXAMPLE)]),
);
