import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { DynamoDBRecord } from "aws-lambda";
import { describe, expect, test } from "vitest";
import { until } from "../until.ts";
import { fail, keyOf, succeed, useWorld } from "./support.ts";

const { world, mapping, start, put, putAll, remove, delivered } = useWorld();

describe("delivery", () => {
  test("is in order and in batches", async () => {
    const keys = Array.from({ length: 25 }, (_, i) => `key-${i}`);
    await putAll(...keys);
    const mappings = await start([mapping()], { work: succeed });
    await mappings.idle();

    expect(delivered()).toEqual(keys);
    expect(world.batches.work?.map((batch) => batch.length)).toEqual([10, 10, 5]);
  });

  test("has the shape of a DynamoDBStreamEvent", async () => {
    const seen: DynamoDBRecord[] = [];
    await put("a", { binary: { B: Buffer.from("hi") }, map: { M: { list: { L: [{ N: "1" }, { NULL: true }] } } } });
    const mappings = await start([mapping()], {
      work: (records) => {
        seen.push(...records);
        return { payload: null };
      },
    });
    await mappings.idle();

    expect(seen).toEqual([
      {
        eventID: expect.any(String),
        eventName: "INSERT",
        eventVersion: "1.1",
        eventSource: "aws:dynamodb",
        awsRegion: "eu-central-1",
        eventSourceARN: await world.dynamo.describeStreamArn(world.table),
        dynamodb: {
          ApproximateCreationDateTime: expect.any(Number),
          Keys: { pk: { S: "a" } },
          NewImage: {
            pk: { S: "a" },
            binary: { B: "aGk=" },
            map: { M: { list: { L: [{ N: "1" }, { NULL: true }] } } },
          },
          SequenceNumber: expect.stringMatching(/^\d+$/),
          SizeBytes: expect.any(Number),
          StreamViewType: "NEW_AND_OLD_IMAGES",
        },
      },
    ]);
  });

  test("skips what no filter matches, and never invokes for it", async () => {
    const filters = [
      { eventName: ["INSERT"], dynamodb: { NewImage: { status: { S: ["requested"] } } } },
      { eventName: ["REMOVE"] },
    ];
    const mappings = await start([mapping({ filters })], { work: succeed });
    await put("a", { status: { S: "requested" } });
    await put("a", { status: { S: "running" } });
    await put("b", { status: { S: "running" } });
    await remove("b");
    await mappings.idle();

    expect(delivered()).toEqual(["a", "b"]);
  });

  test("compares numbers as the text that a record has of them", async () => {
    const within = (n: unknown) => [{ dynamodb: { NewImage: { n: { N: n } } } }];
    const mappings = await start(
      [
        mapping({ filters: within(["2"]) }),
        mapping({ name: "numeric", functionName: "numeric", filters: within([{ numeric: [">", 0] }]) }),
      ],
      { work: succeed, numeric: succeed },
    );
    await put("a", { n: { N: "1" } });
    await put("b", { n: { N: "2.0" } });
    await mappings.idle();

    expect(delivered()).toEqual(["b"]);
    expect(delivered("numeric")).toEqual([]);
  });

  test("drops a write that changed nothing", async () => {
    const mappings = await start([mapping()], { work: succeed });
    await put("a", { n: { N: "1" } });
    await put("a", { n: { N: "1" } });
    await put("a", { n: { N: "2" } });
    await mappings.idle();

    expect(delivered()).toEqual(["a", "a"]);
  });

  test("waits for the batch window until the batch is full", async () => {
    const mappings = await start([mapping({ batchSize: 3, batchWindowSeconds: 30 })], { work: succeed });
    await putAll("a", "b", "c");
    await mappings.idle();

    expect(world.batches.work).toEqual([["a", "b", "c"]]);
  });

  test("is in as many batches as 6 MB of JSON each take", async () => {
    const keys = Array.from({ length: 10 }, (_, i) => `key-${i}`);
    // 350 KB of line breaks are 700 KB as JSON: eight of them are an event.
    for (const key of keys) await put(key, { text: { S: "\n".repeat(350_000) } });
    const mappings = await start([mapping({ batchSize: 20 })], { work: succeed });
    await mappings.idle();

    expect(delivered()).toEqual(keys);
    expect(world.batches.work?.map((batch) => batch.length)).toEqual([8, 2]);
  });

  test("does not wait for the batch window when 6 MB are there", async () => {
    for (let i = 0; i < 9; i += 1) await put(`key-${i}`, { text: { S: "\n".repeat(350_000) } });
    await start([mapping({ batchSize: 100, batchWindowSeconds: 300 })], { work: succeed });

    await until(() => delivered().length === 8, { what: "the first 6 MB" });
  });

  test.each([true, false])("comes while nothing was written for a while, watching the file: %s", async (watching) => {
    const trim = { file: world.dynamo.file };
    const mappings = await start([mapping()], { work: succeed }, watching ? { trim } : {});
    await mappings.idle();
    await put("a");
    await until(() => delivered().length === 1, { what: "the first" });
    await mappings.idle();
    await put("b");
    await until(() => delivered().length === 2, { what: "the second" });

    expect(delivered()).toEqual(["a", "b"]);
  });

  test("feeds every mapping of a table, and one that is stuck holds up no other", async () => {
    const stuck = mapping({ name: "stuck", functionName: "stuck", maximumRetryAttempts: -1 });
    await start([stuck, mapping()], { stuck: fail, work: succeed });
    await putAll("a", "b");

    await until(() => delivered().length === 2 && delivered("stuck").length > 2, { what: "both mappings" });
    expect(delivered()).toEqual(["a", "b"]);
  });

  test("is idle only when what the functions wrote is processed as well", async () => {
    const mappings = await start([mapping()], {
      work: async (records) => {
        for (const record of records) if (keyOf(record).length < 4) await put(`${keyOf(record)}x`);
        return { payload: null };
      },
    });
    await put("a");
    await mappings.idle();

    expect(delivered()).toEqual(["a", "ax", "axx", "axxx"]);
  });
});

describe("idle", () => {
  test("waits for what a function of one table wrote to another", async () => {
    const other = `${world.table}-other`;
    await world.dynamo.createTable(other);
    const finished: string[] = [];
    // Long enough for the readers to find nothing several times meanwhile.
    const slowly = async () => {
      for (let i = 0; i < 50; i += 1) await world.dynamo.describeStreamArn(other);
    };
    const mappings = await start(
      [mapping({ name: "other", table: other, functionName: "other" }), mapping()],
      {
        work: async () => {
          await slowly();
          await world.dynamo.database.send(new PutItemCommand({ TableName: other, Item: { pk: { S: "b" } } }));
          return { payload: null };
        },
        other: async (records) => {
          await slowly();
          finished.push(...records.map(keyOf));
          return { payload: null };
        },
      },
      { pollMs: 1 },
    );
    await put("a");
    await mappings.idle();

    expect(finished).toEqual(["b"]);
  });
});
