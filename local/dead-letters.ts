import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { inTransaction, openDatabase } from "./sqlite.ts";

export interface DeadLetter {
  readonly messageId: string;
  readonly queue: string;
  /** ISO 8601. */
  readonly sentAt: string;
  readonly body: unknown;
}

/** How far a replay that someone asked for has come; a failure says why. A letter that was replayed is gone. */
export type Replay =
  | { readonly state: "requested" | "running" | "done" }
  | { readonly state: "failed"; readonly error: string };

/** The dead letter queues of the embedded cloud: what could not be processed waits here until a person decides. */
export interface DeadLetters {
  /** Keeps a message and answers its id. */
  put(queue: string, body: unknown): string;
  /** Messages in the order of arrival; of every queue if none is named. */
  list(queue?: string): DeadLetter[];
  /** Deletes a message that is given up, and a request to replay it; false if there is none with that id. */
  remove(messageId: string): boolean;
  /**
   * Asks whoever runs the functions to replay a message: the running embedded cloud, or the next. A replay that was
   * asked for already, or has begun, stays as it is.
   */
  requestReplay(messageId: string): void;
  /** Takes the request back; false if the replay has begun. */
  withdrawReplay(messageId: string): boolean;
  replayOf(messageId: string): Replay | undefined;
  /** The messages whose replay was asked for and has no end yet, in the order of arrival. */
  replays(): DeadLetter[];
  /** Begins a replay, or takes one up that a killed process began; false if it was withdrawn or the message deleted. */
  beginReplay(messageId: string): boolean;
  /** Ends a replay: the message goes if there is no error, and stays if there is. */
  endReplay(messageId: string, error?: string): void;
  /** Another number after each write of another process. */
  version(): number;
  close(): void;
}

const SCHEMA = `CREATE TABLE IF NOT EXISTS dead_letters (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id TEXT NOT NULL UNIQUE,
  queue TEXT NOT NULL,
  sent_at TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS replays (
  message_id TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  error TEXT
)`;

const toLetter = (row: Record<string, unknown>): DeadLetter => ({
  messageId: String(row.message_id),
  queue: String(row.queue),
  sentAt: String(row.sent_at),
  body: JSON.parse(String(row.body)),
});

/** Opens `dead-letters.db` in `dir`. Several processes may have it open: one that fills it, one that lists it. */
export const openDeadLetters = (dir: string): DeadLetters => {
  const database = openDatabase(join(dir, "dead-letters.db"), SCHEMA);
  const insert = database.prepare("INSERT INTO dead_letters (message_id, queue, sent_at, body) VALUES (?, ?, ?, ?)");
  const select = database.prepare("SELECT * FROM dead_letters WHERE ? IS NULL OR queue = ? ORDER BY position");
  const remove = database.prepare("DELETE FROM dead_letters WHERE message_id = ?");
  const request = database.prepare(
    `INSERT INTO replays VALUES (?, 'requested', NULL)
     ON CONFLICT (message_id) DO UPDATE SET state = 'requested', error = NULL WHERE state IN ('done', 'failed')`,
  );
  const withdraw = database.prepare("DELETE FROM replays WHERE message_id = ? AND state = 'requested'");
  const find = database.prepare("SELECT * FROM replays WHERE message_id = ?");
  const open = database.prepare(
    `SELECT dead_letters.* FROM dead_letters JOIN replays USING (message_id)
     WHERE state IN ('requested', 'running') ORDER BY position`,
  );
  const begin = database.prepare(
    `UPDATE replays SET state = 'running', error = NULL WHERE message_id = ? AND state IN ('requested', 'running')
     AND EXISTS (SELECT 1 FROM dead_letters WHERE dead_letters.message_id = replays.message_id)`,
  );
  const end = database.prepare("UPDATE replays SET state = ?, error = ? WHERE message_id = ?");
  const version = database.prepare("PRAGMA data_version");
  return {
    put: (queue, body) => {
      const messageId = randomUUID();
      insert.run(messageId, queue, new Date().toISOString(), JSON.stringify(body));
      return messageId;
    },
    list: (queue) => select.all(queue ?? null, queue ?? null).map(toLetter),
    remove: (messageId) =>
      inTransaction(database, () => {
        withdraw.run(messageId);
        return Number(remove.run(messageId).changes) > 0;
      }),
    requestReplay: (messageId) => {
      request.run(messageId);
    },
    withdrawReplay: (messageId) => Number(withdraw.run(messageId).changes) > 0,
    replayOf: (messageId) => {
      const row = find.get(messageId);
      return row === undefined ? undefined : ({ state: row.state, error: row.error } as Replay);
    },
    replays: () => open.all().map(toLetter),
    beginReplay: (messageId) => Number(begin.run(messageId).changes) > 0,
    endReplay: (messageId, error) =>
      inTransaction(database, () => {
        if (error === undefined) remove.run(messageId);
        end.run(error === undefined ? "done" : "failed", error ?? null, messageId);
      }),
    version: () => Number(version.get()?.data_version),
    close: () => database.close(),
  };
};
