import type { GetRecordsCommandInput, GetRecordsCommandOutput } from "@aws-sdk/client-dynamodb-streams";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startConsumer } from "../../../local/event-source-mapping/consumer.ts";
import type { SourceRecord } from "../../../local/event-source-mapping/records.ts";
import { until } from "../until.ts";
import { succeed, useWorld } from "./support.ts";

const MB = 1024 ** 2;
const { world, mapping, start, put, putAll, delivered } = useWorld();

describe("a mapping whose function is busy", () => {
  /** Records of so many bytes each, as far as the consumer can tell. */
  const records = (from: number, count: number, bytes: number): SourceRecord[] =>
    Array.from({ length: count }, (_, i) => ({
      sequence: BigInt(from + i),
      createdAt: Date.now(),
      bytes,
      event: { eventName: "INSERT", dynamodb: { SequenceNumber: String(from + i) } },
    }));
  let stopping: AbortController;
  beforeEach(() => {
    stopping = new AbortController();
  });
  afterEach(() => stopping.abort());

  test.each([
    { note: "8 MB", bytes: MB, most: 8 },
    { note: "5,000 records", bytes: 100, most: 5_000 },
  ])("has room until $note wait, and again when they are done", async ({ bytes, most }) => {
    const { promise: answer, resolve } = Promise.withResolvers<{ payload: null }>();
    const consumer = startConsumer({
      mapping: mapping({ batchSize: 10_000 }),
      checkpoint: 0n,
      partitionKey: "pk",
      disorder: { seed: 1 },
      save: () => undefined,
      context: {
        streamArn: "",
        shardId: "",
        functionArn: "",
        invoke: () => answer,
        deadLetters: world.deadLetters,
        signal: stopping.signal,
        log: () => undefined,
      },
      log: () => undefined,
    });
    consumer.offer(records(1, most - 1, bytes));
    expect(consumer.hasRoom()).toBe(true);
    consumer.offer(records(most, 1, bytes));
    expect(consumer.hasRoom()).toBe(false);
    resolve({ payload: null });
    await until(() => !consumer.busy(), { what: "all to be done" });
    expect(consumer.hasRoom()).toBe(true);
  });
});

describe("a page of the stream", () => {
  let pages: { limit: number | undefined; records: number }[];
  /** Notes what each read asks for and gives. */
  const NOTE = "note";
  beforeEach(() => {
    pages = [];
    world.dynamo.streams.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const result = await next(args);
          if (commandName === "GetRecordsCommand") {
            const { Limit } = args.input as GetRecordsCommandInput;
            pages.push({ limit: Limit, records: (result.output as GetRecordsCommandOutput).Records?.length ?? 0 });
          }
          return result;
        },
      { step: "initialize", name: NOTE },
    );
  });
  afterEach(() => {
    world.dynamo.streams.middlewareStack.remove(NOTE);
  });
  const filledPages = () => pages.filter(({ records }) => records > 0);
  const putLarge = async (count: number) => {
    // 350 KB of line breaks are 700 KB as JSON: five are less than 4 MB, six are more.
    for (let i = 0; i < count; i += 1) await put(`large-${i}`, { text: { S: "\n".repeat(350_000) } });
  };

  test("grows to 1,000 records while it is full of small ones, and begins small again after a pause", async () => {
    const keys = Array.from({ length: 1_150 }, (_, i) => `key-${i}`);
    await putAll(...keys);
    const mappings = await start([mapping({ batchSize: 1_000 })], { work: succeed });
    await mappings.idle();

    expect(delivered()).toEqual(keys);
    expect(filledPages()).toEqual([
      { limit: 10, records: 10 },
      { limit: 100, records: 100 },
      { limit: 1_000, records: 1_000 },
      { limit: 1_000, records: 40 },
    ]);
    await until(() => pages.at(-1)?.limit === 10, { what: "a page after the empty one" });
  });

  test("holds about 4 MB of large ones", async () => {
    await putLarge(18);
    const mappings = await start([mapping()], { work: succeed });
    await mappings.idle();

    expect(delivered()).toHaveLength(18);
    expect(filledPages()).toEqual([
      { limit: 10, records: 10 },
      { limit: 5, records: 5 },
      { limit: 5, records: 3 },
    ]);
  });

  test("grows again when the records become small", async () => {
    await putLarge(15);
    await putAll(...Array.from({ length: 60 }, (_, i) => `small-${i}`));
    const mappings = await start([mapping()], { work: succeed });
    await mappings.idle();

    expect(delivered()).toHaveLength(75);
    expect(filledPages()).toEqual([
      { limit: 10, records: 10 },
      { limit: 5, records: 5 },
      { limit: 5, records: 5 },
      { limit: 50, records: 50 },
      { limit: 500, records: 5 },
    ]);
  });

  test("passes by a mapping for which 8 MB wait, and is read for it later", async () => {
    await putLarge(30);
    const keys = Array.from({ length: 30 }, (_, i) => `large-${i}`);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const slow = mapping({ name: "slow", functionName: "slow" });
    const mappings = await start([slow, mapping()], {
      work: succeed,
      slow: () => released.then(() => ({ payload: null })),
    });
    await until(() => delivered().length === 30, { what: "the other mapping to get all" });
    release();
    await mappings.idle();

    expect(delivered()).toEqual(keys);
    expect(delivered("slow")).toEqual(keys);
    // 10 of 700 KB leave room and 15 do not: the other 15 were read twice.
    expect(pages.reduce((sum, { records }) => sum + records, 0)).toBe(45);
  });
});
