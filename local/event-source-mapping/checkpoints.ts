import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openDatabase } from "../sqlite.ts";

const SCHEMA = `CREATE TABLE IF NOT EXISTS checkpoints (
  mapping TEXT NOT NULL,
  stream_arn TEXT NOT NULL,
  sequence_number TEXT NOT NULL,
  PRIMARY KEY (mapping, stream_arn)
)`;

/** How far each mapping has come in each stream, in `event-sources.db`. A table made anew has a stream of another ARN. */
export const openCheckpoints = (dir: string) => {
  const database = openDatabase(join(dir, "event-sources.db"), SCHEMA);
  const get = database.prepare("SELECT sequence_number FROM checkpoints WHERE mapping = ? AND stream_arn = ?");
  const set = database.prepare("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)");
  return {
    /** 0 for a mapping that has not processed anything yet: it starts at the stream's beginning (`TRIM_HORIZON`). */
    get: (mapping: string, streamArn: string): bigint =>
      BigInt(String(get.get(mapping, streamArn)?.sequence_number ?? 0)),
    set: (mapping: string, streamArn: string, sequence: bigint) => {
      set.run(mapping, streamArn, String(sequence));
    },
    close: () => database.close(),
  };
};

export type Checkpoints = ReturnType<typeof openCheckpoints>;

/**
 * Deletes the stream records of a table that every mapping has processed, in the DynamoDB engine's own database: the
 * engine never does, and reading costs more with every record it keeps. The last record stays, or numbering would
 * start again. Answers how many were deleted.
 */
export const trimStream = (file: string, table: string, checkpoint: bigint): number => {
  // The engine writes to the same file; whoever comes second waits.
  const database = new DatabaseSync(file, { timeout: 1_000 });
  try {
    const { changes } = database
      .prepare(
        `DELETE FROM _stream_records WHERE table_name = :table AND CAST(sequence_number AS INTEGER) <= :checkpoint
         AND id < (SELECT MAX(id) FROM _stream_records WHERE table_name = :table)`,
      )
      .run({ table, checkpoint });
    return Number(changes);
  } finally {
    database.close();
  }
};
