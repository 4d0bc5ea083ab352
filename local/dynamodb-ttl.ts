import { DatabaseSync } from "node:sqlite";
import type { Log } from "./invoke.ts";
import { inTransaction } from "./sqlite.ts";

export interface TimeToLiveOptions {
  /** The DynamoDB engine's own database file. */
  readonly file: string;
  /** The pause between two sweeps. */
  readonly everyMs?: number;
  /** Milliseconds; the clock's by default. */
  readonly now?: () => number;
  readonly log: Log;
}

export interface TimeToLive {
  /** Deletes what has expired and answers how many items that were. */
  sweep(): number;
  close(): void;
}

const SWEEP_EVERY_MS = 2_000;
/** So many items a transaction: the engine waits a few milliseconds at most. */
const BATCH = 100;
const OLD_IMAGE: ReadonlySet<string> = new Set(["OLD_IMAGE", "NEW_AND_OLD_IMAGES"]);
const FIVE_YEARS_SECONDS = 5 * 365 * 86_400;

interface Table {
  readonly name: string;
  readonly attribute: string;
  readonly keys: readonly string[];
  /** The engine's tables for its indexes: name, and the columns that hold the item's key. */
  readonly indexes: readonly { readonly name: string; readonly pk: string; readonly sk: string }[];
  /** Undefined without a stream. */
  readonly viewType: string | undefined;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const indexNames = (definitions: unknown): string[] =>
  (JSON.parse(String(definitions ?? "[]")) as { IndexName: string }[]).map(({ IndexName }) => IndexName);

const tableOf = (row: Record<string, unknown>): Table => {
  const name = String(row.table_name);
  return {
    name,
    attribute: String(row.ttl_attribute),
    keys: (JSON.parse(String(row.key_schema)) as { AttributeName: string }[]).map(({ AttributeName }) => AttributeName),
    indexes: [
      ...indexNames(row.gsi_definitions).map((index) => ({
        name: `${name}::gsi::${index}`,
        pk: "table_pk",
        sk: "table_sk",
      })),
      ...indexNames(row.lsi_definitions).map((index) => ({
        name: `${name}::lsi::${index}`,
        pk: "base_pk",
        sk: "base_sk",
      })),
    ],
    viewType: Number(row.stream_enabled) === 1 ? String(row.stream_view_type) : undefined,
  };
};

/** When an item expires, in seconds; null unless the attribute is a number at the item's top. */
const expiryOf = (attribute: string): string =>
  `CAST(json_extract(item_json, '$."${attribute.replaceAll("'", "''")}".N') AS REAL)`;

/**
 * Deletes items whose TTL attribute is past, which the engine leaves to others. It is done in the engine's database, in
 * one transaction with the stream record: the record of such a deletion, and of no other, carries the service as its
 * user, whenever this process or the engine is killed. An item that was written anew meanwhile has another expiry, and
 * stays.
 *
 * AWS deletes within days; here it is seconds.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
 */
export const startTimeToLive = (options: TimeToLiveOptions): TimeToLive => {
  const { log, now = Date.now, everyMs = SWEEP_EVERY_MS } = options;
  // The engine writes to the same file; whoever comes second waits.
  const database = new DatabaseSync(options.file, { timeout: 1_000 });
  database.exec("PRAGMA synchronous = NORMAL");
  const declared = database.prepare("SELECT * FROM _tables WHERE ttl_enabled = 1 AND vector_index_definitions IS NULL");
  const addRecord = database.prepare(
    `INSERT INTO _stream_records
       (table_name, event_name, keys_json, new_image, old_image, sequence_number, shard_id, created_at, user_identity)
     SELECT :table, 'REMOVE', :keys, NULL, :image, CAST(COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 AS TEXT),
       'shardId-00000001-' || :table, :at, '{"type":"Service","principalId":"dynamodb.amazonaws.com"}'
     FROM _stream_records WHERE table_name = :table`,
  );

  const sweepTable = (table: Table): number => {
    const seconds = now() / 1_000;
    const expiry = expiryOf(table.attribute);
    // With this index a look for what has expired costs the same however many items there are.
    database.exec(
      `CREATE INDEX IF NOT EXISTS ${quoted(`${table.name}::ttl::${table.attribute}`)} ON ${quoted(table.name)} (${expiry})`,
    );
    const find = database.prepare(
      `SELECT pk, sk, item_json FROM ${quoted(table.name)} WHERE ${expiry} < ? AND ${expiry} >= ? LIMIT ${BATCH}`,
    );
    const range = [seconds, seconds - FIVE_YEARS_SECONDS] as const;
    if (find.get(...range) === undefined) return 0;
    return inTransaction(database, () => {
      const expired = find.all(...range);
      for (const { pk, sk, item_json } of expired) {
        const key = [String(pk), String(sk)] as const;
        database.prepare(`DELETE FROM ${quoted(table.name)} WHERE pk = ? AND sk = ?`).run(...key);
        for (const index of table.indexes) {
          database.prepare(`DELETE FROM ${quoted(index.name)} WHERE ${index.pk} = ? AND ${index.sk} = ?`).run(...key);
        }
        if (table.viewType === undefined) continue;
        const item = JSON.parse(String(item_json)) as Record<string, unknown>;
        addRecord.run({
          table: table.name,
          keys: JSON.stringify(Object.fromEntries(table.keys.map((name) => [name, item[name]]))),
          image: OLD_IMAGE.has(table.viewType) ? String(item_json) : null,
          at: Math.floor(seconds),
        });
      }
      return expired.length;
    });
  };

  const sweep = (): number => {
    let deleted = 0;
    for (const row of declared.all()) {
      try {
        deleted += sweepTable(tableOf(row));
      } catch (error) {
        // Such as a table that was deleted meanwhile, or an engine that holds its lock: the next sweep is soon enough.
        log("a table could not be swept", { table: row.table_name, error: String(error) });
      }
    }
    if (deleted > 0) log("expired items were deleted", { items: deleted });
    return deleted;
  };

  let timer: NodeJS.Timeout | undefined;
  const next = (deleted: number) => {
    timer = setTimeout(() => next(sweep()), deleted >= BATCH ? 0 : everyMs);
    timer.unref();
  };
  next(0);
  return {
    sweep,
    close: () => {
      clearTimeout(timer);
      database.close();
    },
  };
};
