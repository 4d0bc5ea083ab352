import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startTimeToLive } from "../../local/dynamodb-ttl.ts";
import { watchChanges } from "../../local/event-source-mapping/changes.ts";
import { trimStream } from "../../local/event-source-mapping/checkpoints.ts";
import { openDatabase } from "../../local/sqlite.ts";

let dir: string;
let file: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sqlite-"));
  file = join(dir, "engine.db");
  const database = new DatabaseSync(file);
  database.exec(`CREATE TABLE _tables (ttl_enabled, vector_index_definitions);
    CREATE TABLE _stream_records (table_name, id, sequence_number, event_name, keys_json, new_image, old_image,
      shard_id, created_at, user_identity)`);
  database.close();
});
afterEach(() => rm(dir, { recursive: true }));

/** Another writer: says that it holds the file for itself, and counts for a while before it lets go. */
const WRITER = `
const { DatabaseSync } = require("node:sqlite");
const { parentPort, workerData } = require("node:worker_threads");
const database = new DatabaseSync(workerData);
database.exec("BEGIN EXCLUSIVE");
parentPort.postMessage("held");
database.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) SELECT MAX(i) FROM n");
database.exec("COMMIT");
`;

describe("a database that another one writes to", () => {
  test.each([
    { what: "an engine's own", open: () => openDatabase(file, "CREATE TABLE IF NOT EXISTS t (a)").close() },
    { what: "the stream that is trimmed", open: () => trimStream(file, "table", 1n) },
    { what: "the tables that are swept", open: () => startTimeToLive({ file, log: () => undefined }).close() },
    {
      what: "the file that is watched",
      open: () => {
        const changes = watchChanges(file);
        changes.version();
        changes.close();
      },
    },
  ])("is waited for: $what", async ({ open }) => {
    const writer = new Worker(WRITER, { eval: true, workerData: file });
    const ended = new Promise((resolve) => writer.once("exit", resolve));
    await new Promise((resolve) => writer.once("message", resolve));
    try {
      expect(open).not.toThrow();
    } finally {
      await ended;
    }
  });
});
