import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { until } from "../until.ts";
import { keyOf, stopAt, succeed, useWorld } from "./support.ts";

const { world, mapping, start, put, putAll, delivered } = useWorld();

describe("a restart", () => {
  test("goes on from the checkpoint, behind skipped records too", async () => {
    const filters = [{ dynamodb: { Keys: { pk: { S: [{ "anything-but": ["skipped"] }] } } } }];
    await putAll("a", "b", "skipped");
    const first = await start([mapping({ filters })], { work: succeed });
    await first.idle();
    await first.close();
    await putAll("c");
    const second = await start([mapping({ filters })], { work: succeed });
    await second.idle();

    expect(delivered()).toEqual(["a", "b", "c"]);
  });

  test("delivers a batch again that was in work", async () => {
    await putAll("a", "b");
    const first = await start([mapping({ batchSize: 1 })], {
      work: (records) => (keyOf(records[0] ?? {}) === "b" ? new Promise(() => undefined) : { payload: null }),
    });
    await until(() => delivered().length === 2, { what: "the second batch" });
    await first.close();
    const second = await start([mapping({ batchSize: 1 })], { work: succeed });
    await second.idle();

    expect(delivered()).toEqual(["a", "b", "b"]);
  });

  test("reads a table that was made anew from its start", async () => {
    await putAll("a");
    const first = await start([mapping()], { work: succeed });
    await first.idle();
    await first.close();
    const arn = await world.dynamo.describeStreamArn(world.table);
    const other = new DatabaseSync(join(world.folder, "event-sources.db"));
    other.prepare("UPDATE checkpoints SET stream_arn = ? WHERE stream_arn = ?").run("arn:of:an:older:stream", arn);
    other.close();
    const second = await start([mapping()], { work: succeed });
    await second.idle();

    expect(delivered()).toEqual(["a", "a"]);
  });
});

describe("trimming", () => {
  const countOf = () => {
    const database = new DatabaseSync(world.dynamo.file, { readOnly: true });
    const row = database.prepare("SELECT COUNT(*) AS n FROM _stream_records WHERE table_name = ?").get(world.table);
    database.close();
    return Number(row?.n);
  };

  test("deletes processed records while others are written, and numbering goes on", async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `key-${i}`);
    const trim = { file: world.dynamo.file, everyRecords: 50 };
    const mappings = await start([mapping()], { work: succeed }, { trim });
    for (let i = 0; i < keys.length; i += 20) await Promise.all(keys.slice(i, i + 20).map((key) => put(key)));
    await mappings.idle();
    await until(() => countOf() < 60, { what: "the stream to be trimmed" });
    await put("after");
    await mappings.idle();

    expect(delivered().toSorted()).toEqual([...keys, "after"].toSorted());
  });

  test("keeps the last record, and what a mapping has not processed", async () => {
    const trim = { file: world.dynamo.file, everyRecords: 1 };
    const mappings = await start(
      [mapping({ batchSize: 1, maximumRetryAttempts: -1 })],
      { work: stopAt("c") },
      { trim },
    );
    await putAll("a", "b", "c", "d");
    await until(() => delivered().includes("c") && countOf() === 2, { what: "a and b to be deleted" });
    await mappings.close();
    const again = await start([mapping()], { work: succeed }, { trim });
    await again.idle();
    await until(() => countOf() === 1, { what: "all but the last to be deleted" });
    await again.close();
    const last = await start([mapping()], { work: succeed }, { trim });
    await put("e");
    await last.idle();

    expect(delivered().at(-1)).toBe("e");
    expect(delivered().filter((key) => key === "d")).toHaveLength(1);
  });
});
