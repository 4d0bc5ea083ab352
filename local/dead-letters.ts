import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { openDatabase } from "./sqlite.ts";

export interface DeadLetter {
  readonly messageId: string;
  readonly queue: string;
  /** ISO 8601. */
  readonly sentAt: string;
  readonly body: unknown;
}

/** The dead letter queues of the embedded cloud: what could not be processed waits here until a person decides. */
export interface DeadLetters {
  /** Keeps a message and answers its id. */
  put(queue: string, body: unknown): string;
  /** Messages in the order of arrival; of every queue if none is named. */
  list(queue?: string): DeadLetter[];
  /** Deletes a message, once it was replayed or given up; false if there is none with that id. */
  remove(messageId: string): boolean;
  close(): void;
}

const SCHEMA = `CREATE TABLE IF NOT EXISTS dead_letters (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id TEXT NOT NULL UNIQUE,
  queue TEXT NOT NULL,
  sent_at TEXT NOT NULL,
  body TEXT NOT NULL
)`;

/** Opens `dead-letters.db` in `dir`. Several processes may have it open: one that fills it, one that lists it. */
export const openDeadLetters = (dir: string): DeadLetters => {
  const database = openDatabase(join(dir, "dead-letters.db"), SCHEMA);
  const insert = database.prepare("INSERT INTO dead_letters (message_id, queue, sent_at, body) VALUES (?, ?, ?, ?)");
  const select = database.prepare("SELECT * FROM dead_letters WHERE ? IS NULL OR queue = ? ORDER BY position");
  const remove = database.prepare("DELETE FROM dead_letters WHERE message_id = ?");
  return {
    put: (queue, body) => {
      const messageId = randomUUID();
      insert.run(messageId, queue, new Date().toISOString(), JSON.stringify(body));
      return messageId;
    },
    list: (queue) =>
      select.all(queue ?? null, queue ?? null).map((row) => ({
        messageId: String(row.message_id),
        queue: String(row.queue),
        sentAt: String(row.sent_at),
        body: JSON.parse(String(row.body)),
      })),
    remove: (messageId) => Number(remove.run(messageId).changes) > 0,
    close: () => database.close(),
  };
};
