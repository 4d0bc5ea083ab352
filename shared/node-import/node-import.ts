import * as z from "zod";
import { Sha256, Upload } from "../component/file.ts";
import type { Moment } from "../ids.ts";
import { type NewIntent, requestIntent } from "../intent/intent.ts";
import { keys } from "../keys.ts";
import type { StoredNode } from "../node/node.ts";
import { born, type Stored, Timestamps } from "../resource.ts";
import { type Accepted, type StoredWorkspace, workspaceIsActive } from "../workspace/workspace.ts";
import type { Key, Write } from "../writes.ts";
import type { RowFault } from "./rows.ts";

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** The largest file, in bytes. */
const MAX_BYTES = 256 * 1024 ** 2;
/** The most nodes that one import creates. */
export const MAX_ROWS = 100_000;
/** The nodes of one batch, which is created by one call of a function. */
export const ROWS_PER_BATCH = 100;
/** How many batches are under way at once. */
export const BATCHES_AT_ONCE = 5;
/**
 * How many different sets of node groups (and runtimes) the nodes of one import may have: Greengrass makes about one
 * deployment a second, and each set needs one.
 */
export const MAX_CELLS = 250;
/** How many faults of a file are kept with the import, and how many in the file of faults. */
export const FAULTS_SHOWN = 100;
export const FAULTS_KEPT = 1_000;
/** How long a link to results or faults works. */
export const LINK_SECONDS = 900;

export const CreateNodeImport = z
  .strictObject({
    format: z.enum(["csv", "jsonl"]).meta({
      description:
        "csv: RFC 4180 in UTF-8, the first line names the columns: name, description, groups (separated by semicolons), runtime, attributes (a JSON object), attr.NAME. jsonl: a JSON object on each line, with the members of CreateNode but the token's life",
    }),
    size: z.int().min(1).max(MAX_BYTES),
    sha256: Sha256.meta({ description: "SHA-256 of the file, hexadecimal" }),
    tokenExpiresInSeconds: z
      .int()
      .min(HOUR)
      .max(30 * DAY)
      .default(7 * DAY)
      .meta({ description: "Seconds until a node's token ends: an hour to 30 days, a week if nothing is said" }),
  })
  .meta({ id: "CreateNodeImport" });
export type CreateNodeImport = z.infer<typeof CreateNodeImport>;

const Count = z.int().min(0);

const Link = z
  .object({ url: z.url(), expiresAt: z.iso.datetime() })
  .meta({ id: "Link", description: "Works for a quarter of an hour; another GET gives another one" });

export const NodeImport = z
  .object({
    id: z.string(),
    status: z.enum(["draft", "running", "succeeded", "failed", "deleting"]),
    format: z.enum(["csv", "jsonl"]),
    size: z.int(),
    sha256: z.string(),
    tokenExpiresInSeconds: z.int(),
    counts: z
      .object({
        rows: Count.optional().meta({ description: "In the file; known once it was checked" }),
        created: Count.meta({ description: "Nodes that this import has created" }),
        existing: Count.meta({ description: "Rows whose node was there before: nothing was done" }),
        failed: Count.meta({ description: "Nodes that could not be created; the results say why" }),
        tokens: Count.meta({ description: "Registration tokens in the results" }),
      })
      .meta({ description: "How far it has come, batch by batch" }),
    faultCount: Count.meta({ description: "How many faults the file has; with any, no node is created" }),
    faults: z
      .array(z.object({ line: z.int(), field: z.string().optional(), rule: z.string(), detail: z.string() }))
      .meta({ description: `The first ${FAULTS_SHOWN} of them` }),
    intent: z.string().optional().meta({ description: "Of the latest run; it tells why a run has failed" }),
    results: Link.optional().meta({
      description:
        "A CSV file of line, name, status, id, token, expiresAt and detail. For operators and above, of machines those with the scope node-imports:write, once a run has ended; gone a week after that",
    }),
    faultFile: Link.optional().meta({
      description: `JSON Lines of the first ${FAULTS_KEPT} faults. For the same callers as the results`,
    }),
    ...Timestamps,
  })
  .meta({ id: "NodeImport", description: "Many nodes, created from a file" });
export type NodeImport = z.infer<typeof NodeImport>;

export const CreatedNodeImport = NodeImport.extend({ upload: Upload }).meta({ id: "CreatedNodeImport" });

export type StoredNodeImport = Omit<NodeImport, "counts" | "results" | "faultFile"> &
  Stored & {
    readonly type: "node-import";
    readonly workspaceId: string;
    /** Who started it last. */
    readonly startedBy?: string;
    readonly rows?: number;
    readonly created: number;
    readonly existing: number;
    readonly failed: number;
    readonly tokens: number;
    /** Set once the file was found to be good: how many batches it makes, and the cells that their nodes will be in. */
    readonly batches?: number;
    readonly cells?: readonly string[];
    /** What last kept a batch from being done, and the intent of that run. */
    readonly trouble?: { readonly intentId: string; readonly detail: string };
    /** Whether there is a file of results, and whether it is the last one. */
    readonly resultsAre?: "partial" | "complete";
  };

/** Where the objects of an import lie in the bucket for imports. Each place has its own permissions. */
export const importObjects = ({ workspaceId, id }: Pick<StoredNodeImport, "workspaceId" | "id">) => {
  const work = `work/${workspaceId}/${id}/`;
  return {
    upload: `uploads/${workspaceId}/${id}`,
    faults: `faults/${workspaceId}/${id}.jsonl`,
    /** A line for each batch: `Batch`. */
    batches: `batches/${workspaceId}/${id}.jsonl`,
    /** What is needed while nodes are created, and gone afterwards. */
    work,
    /** Every row, checked, as JSON Lines. */
    rows: `${work}rows.jsonl`,
    /** What the tokens are derived from. */
    secret: `${work}secret`,
    /** What came of a batch, as JSON Lines. @param run which execution writes it */
    part: (batch: number, run: string) => `${work}parts/${batch}-${run}.jsonl`,
    results: `results/${workspaceId}/${id}.csv`,
  } as const;
};

/** A batch: which bytes of the rows it is. */
export const Batch = z.object({ number: Count, offset: Count, bytes: z.int().positive() });
export type Batch = z.infer<typeof Batch>;

/** What came of a batch, and where it says so row by row. */
export type StoredBatch = Key &
  Counts & {
    readonly type: "node-import-batch";
    readonly number: number;
    readonly part: string;
  };

const COUNTED = ["created", "existing", "failed", "tokens"] as const;
export type Counts = Readonly<Record<(typeof COUNTED)[number], number>>;

/** What came of a row, as results tell it. */
export interface RowResult {
  readonly line: number;
  readonly name: string;
  readonly status: "created" | "existing" | "failed";
  readonly id?: string;
  readonly token?: string;
  readonly expiresAt?: string;
  readonly detail?: string;
}

export const countsOf = (results: readonly RowResult[]): Counts => {
  const of = (status: RowResult["status"]) => results.filter((result) => result.status === status).length;
  return {
    created: of("created"),
    existing: of("existing"),
    failed: of("failed"),
    tokens: results.filter(({ token }) => token !== undefined).length,
  };
};

/** The columns of the file of results. */
export const RESULT_COLUMNS = ["line", "name", "status", "id", "token", "expiresAt", "detail"] as const;

/** The import as the API shows it. */
export const viewNodeImport = (stored: StoredNodeImport): NodeImport => {
  const { rows, created, existing, failed, tokens } = stored;
  return NodeImport.parse({
    ...stored,
    counts: { ...(rows !== undefined && { rows }), created, existing, failed, tokens },
  });
};

const subject = ({ workspaceId, id }: StoredNodeImport): NewIntent["subject"] => ({
  type: "node-import",
  id,
  name: id,
  href: `/v1/workspaces/${workspaceId}/node-imports/${id}`,
});

/** A draft that waits for its upload. */
export const createNodeImport = (
  workspace: StoredWorkspace,
  input: CreateNodeImport,
  moment: Moment,
): { nodeImport: StoredNodeImport; writes: Write[] } => {
  const id = moment.newId("node-import");
  const nodeImport: StoredNodeImport = {
    ...keys.nodeImport(workspace.id, id),
    type: "node-import",
    id,
    workspaceId: workspace.id,
    ...input,
    status: "draft",
    created: 0,
    existing: 0,
    failed: 0,
    tokens: 0,
    faultCount: 0,
    faults: [],
    ...born(moment.now),
  };
  return { nodeImport, writes: [workspaceIsActive(workspace.id), { do: "create", item: { ...nodeImport } }] };
};

const change = (
  nodeImport: Pick<StoredNodeImport, "workspaceId" | "id">,
  now: Date,
  update: Pick<Extract<Write, { do: "update" }>, "set" | "add" | "when" | "otherwise">,
): Write => ({
  ...update,
  do: "update",
  key: keys.nodeImport(nodeImport.workspaceId, nodeImport.id),
  set: { ...update.set, updatedAt: now.toISOString() },
  add: { ...update.add, revision: 1 },
});

/** Also for one that has failed: what it has created is not created again, and it goes on where it was. */
export const startNodeImport = (nodeImport: StoredNodeImport, caller: string, moment: Moment): Accepted => {
  const intent = requestIntent(
    {
      kind: "node-import.run",
      workspaceId: nodeImport.workspaceId,
      subject: subject(nodeImport),
      requestedBy: caller,
    },
    moment,
  );
  return {
    intent,
    writes: [
      workspaceIsActive(nodeImport.workspaceId),
      change(nodeImport, moment.now, {
        set: { status: "running", startedBy: caller, intent: intent.id },
        when: { status: { in: ["draft", "failed"] } },
        otherwise: { code: "not-ready", detail: `the import is ${nodeImport.status}` },
      }),
    ],
  };
};

/** Marks the import; the workflow removes its files before it is forgotten. Its nodes stay. */
export const deleteNodeImport = (nodeImport: StoredNodeImport, caller: string, moment: Moment): Accepted => ({
  intent: requestIntent(
    {
      kind: "node-import.delete",
      workspaceId: nodeImport.workspaceId,
      subject: subject(nodeImport),
      requestedBy: caller,
    },
    moment,
  ),
  writes: [
    change(nodeImport, moment.now, {
      set: { status: "deleting" },
      when: { status: { in: ["draft", "succeeded", "failed"] } },
      otherwise: { code: "not-ready", detail: "the import is running or being deleted" },
    }),
  ],
});

const RUNNING = { status: "running" } as const;

/** The file has faults: no node is created. @param count how many; `faults` are the first ones */
export const refuseFile = (
  nodeImport: StoredNodeImport,
  count: number,
  faults: readonly RowFault[],
  now: Date,
): Write =>
  change(nodeImport, now, { set: { faultCount: count, faults: faults.slice(0, FAULTS_SHOWN) }, when: RUNNING });

/** The file is good, and ready to be worked on batch by batch. */
export const acceptFile = (
  nodeImport: StoredNodeImport,
  found: { readonly rows: number; readonly batches: number; readonly cells: readonly string[] },
  now: Date,
): Write => change(nodeImport, now, { set: { ...found, faultCount: 0, faults: [] }, when: RUNNING });

/**
 * A batch is done, or done once more because some of its nodes had failed: counted in full or not at all, however often
 * this comes. The intent is seen to move.
 * @param former what was recorded before
 * @throws by its conditions: AppError `conflict` when another run of the batch, or of the whole import, has come before
 */
export const recordBatch = (
  nodeImport: StoredNodeImport,
  { number, part, counts }: { readonly number: number; readonly part: string; readonly counts: Counts },
  former: StoredBatch | undefined,
  run: { readonly intentId: string; readonly attempt: number },
  now: Date,
): Write[] => {
  const key = keys.nodeImportBatch(nodeImport.id, number);
  const batch: StoredBatch = { ...key, type: "node-import-batch", number, part, ...counts };
  const more = Object.fromEntries(COUNTED.map((name) => [name, counts[name] - (former?.[name] ?? 0)]));
  return [
    { do: "put", item: { ...batch }, when: former === undefined ? { pk: { exists: false } } : { part: former.part } },
    change(nodeImport, now, { add: more, when: RUNNING }),
    {
      do: "update",
      key: keys.intent(run.intentId),
      set: { updatedAt: now.toISOString() },
      when: { status: "running", attempt: run.attempt },
    },
  ];
};

/** A batch could not be done now. Another run of it may do it, and otherwise this is what the import ends with. */
export const recordTrouble = (nodeImport: StoredNodeImport, intentId: string, detail: string, now: Date): Write =>
  change(nodeImport, now, { set: { trouble: { intentId, detail } }, when: RUNNING });

/** The file of results is written. */
export const recordResults = (nodeImport: StoredNodeImport, are: "partial" | "complete", now: Date): Write =>
  change(nodeImport, now, { set: { resultsAre: are }, when: RUNNING });

export const finishNodeImport = (nodeImport: StoredNodeImport, now: Date): Write =>
  change(nodeImport, now, { set: { status: "succeeded" }, when: RUNNING });

/** What a run says that has not created all nodes. */
export const shortfall = (
  { rows = 0, created, existing, failed, trouble }: StoredNodeImport,
  intentId: string,
): string => {
  const missing = rows - created - existing;
  const refused = failed === 0 ? "" : `; for ${failed} of them the results say why`;
  const stuck = trouble?.intentId === intentId ? `; what came in between last: ${trouble.detail}` : "";
  return `${missing} of ${rows} nodes were not created${refused}${stuck}`;
};

/** Whether a run has left nodes behind that nobody goes on with. */
export const hasLoose = ({ rows, created, existing }: StoredNodeImport): boolean =>
  rows !== undefined && created + existing < rows;

/** Whether a node was begun by this import, and not finished. */
export const isLoose = (nodeImport: StoredNodeImport, node: StoredNode): boolean =>
  node.importId === nodeImport.id && node.status === "creating";

/** The last write of a deletion. */
export const forgetNodeImport = (nodeImport: StoredNodeImport): Write => ({
  do: "delete",
  key: keys.nodeImport(nodeImport.workspaceId, nodeImport.id),
  when: { status: "deleting" },
});
