import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { until } from "../until.ts";
import { keyOf, stopAt, succeed, useWorld } from "./support.ts";

const { world, mapping, start, put, delivered, deadKeys } = useWorld();

const KEYS = Array.from({ length: 8 }, (_, i) => `key-${i}`);
/** Each key several times, in turn. */
const write = async (rounds: number) => {
  for (let round = 0; round < rounds; round += 1) for (const key of KEYS) await put(key, { n: { N: String(round) } });
};

describe("shards", () => {
  test("go each at its own pace, and keep the order of a key", async () => {
    const seen: Record<string, string[]> = {};
    await write(5);
    const mappings = await start(
      [mapping({ batchSize: 2 })],
      {
        work: (records) => {
          for (const record of records) {
            seen[keyOf(record)] = [...(seen[keyOf(record)] ?? []), record.dynamodb?.NewImage?.n?.N ?? ""];
          }
          return { payload: null };
        },
      },
      { disorder: { shards: 4, seed: 1 } },
    );
    await mappings.idle();

    expect(delivered()).toHaveLength(40);
    for (const key of KEYS) expect(seen[key]).toEqual(["0", "1", "2", "3", "4"]);
    const written = Array.from({ length: 5 }, () => KEYS).flat();
    expect(delivered()).not.toEqual(written);
  });

  test("of which one is stuck hold up no other, and nothing is lost by a restart", async () => {
    const disorder = { shards: 4, seed: 1 };
    await write(3);
    const first = await start(
      [mapping({ batchSize: 1, maximumRetryAttempts: -1 })],
      { work: stopAt("key-0") },
      { disorder },
    );
    // Who shares a shard with the one that is stuck waits behind it; of the others all three come.
    const moved = () => new Set(delivered().filter((key) => key !== "key-0"));
    await until(() => moved().size >= 3 && delivered().filter((key) => key === "key-0").length > 1, { what: "others" });
    await first.close();
    world.batches = {};
    const second = await start([mapping()], { work: succeed }, { disorder });
    await second.idle();

    expect(delivered().filter((key) => key === "key-0")).toHaveLength(3);
  });

  test("name themselves in dead letters", async () => {
    const mappings = await start(
      [mapping({ batchSize: 1, maximumRetryAttempts: 0 })],
      { work: stopAt(...KEYS) },
      { disorder: { shards: 4, seed: 1 } },
    );
    await write(1);
    await mappings.idle();

    const shards = new Set(
      world.deadLetters
        .list("dead")
        .map(({ body }) => (body as { DDBStreamBatchInfo: { shardId: string } }).DDBStreamBatchInfo.shardId),
    );
    expect(deadKeys().flat().toSorted()).toEqual(KEYS);
    expect(shards.size).toBeGreaterThan(1);
    for (const shard of shards) expect(shard).toMatch(/-[0-3]$/);
  });

  test("need the table's partition key", async () => {
    const given = { disorder: { shards: 2, seed: 1 }, partitionKeyOf: undefined } as never;
    await expect(start([mapping()], { work: succeed }, given)).rejects.toThrow("partition key");
  });
});

describe("redelivery", () => {
  /** What a mapping that begins anew delivers. */
  const batchesFor = async (seed: number, redeliver: number): Promise<string[][]> => {
    world.batches = {};
    const mappings = await start(
      [mapping({ batchSize: 1 })],
      { work: succeed },
      { disorder: { redeliver, seed }, dir: await mkdtemp(join(world.folder, "anew-")) },
    );
    await mappings.idle();
    await mappings.close();
    return world.batches.work ?? [];
  };

  test("of everything delivers each batch twice, in order", async () => {
    await write(1);
    expect((await batchesFor(1, 1)).flat()).toEqual(KEYS.flatMap((key) => [key, key]));
  });

  test("by chance is the same for the same seed, and other for another", async () => {
    await write(3);
    const one = await batchesFor(1, 0.5);
    expect(one.length).toBeGreaterThan(24);
    expect(one.length).toBeLessThan(48);
    expect(await batchesFor(1, 0.5)).toEqual(one);
    expect(await batchesFor(2, 0.5)).not.toEqual(one);
  });
});
