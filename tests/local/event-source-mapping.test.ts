import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type AttributeValue, DeleteItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type DeadLetters, openDeadLetters } from "../../local/dead-letters.ts";
import {
  type EventSourceMappings,
  type EventSourceMappingsOptions,
  type Mapping,
  startEventSourceMappings,
} from "../../local/event-source-mapping.ts";
import type { InvokeResult } from "../../local/invoke.ts";
import { startDynoxide } from "./dynoxide.ts";
import { until } from "./until.ts";

let dir: string;
let dynamo: Awaited<ReturnType<typeof startDynoxide>>;
let folder: string;
let table: string;
let tables = 0;
let deadLetters: DeadLetters;
let running: EventSourceMappings[] = [];
/** The keys of the batches that each function got, in order. */
let batches: Record<string, string[][]>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "event-sources-"));
  dynamo = await startDynoxide(dir);
});
afterAll(async () => {
  await dynamo.stop();
  await rm(dir, { recursive: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "event-sources-"));
  deadLetters = openDeadLetters(folder);
  tables += 1;
  table = `table-${tables}`;
  batches = {};
  await dynamo.createTable(table);
});
afterEach(async () => {
  for (const mappings of running) await mappings.close();
  running = [];
  deadLetters.close();
  await rm(folder, { recursive: true });
});

const keyOf = (record: DynamoDBRecord): string => record.dynamodb?.Keys?.pk?.S ?? "";
const numberOf = (record: DynamoDBRecord): string => record.dynamodb?.SequenceNumber ?? "";
const recordsOf = (payload: unknown) => (payload as DynamoDBStreamEvent).Records;

const mapping = (rest: Partial<Mapping> = {}): Mapping => ({
  name: "mapping",
  table,
  functionName: "work",
  filters: [],
  batchSize: 10,
  maximumRetryAttempts: 2,
  bisectBatchOnFunctionError: false,
  reportBatchItemFailures: true,
  deadLetterQueue: "dead",
  ...rest,
});

type Handler = (records: DynamoDBRecord[]) => InvokeResult | Promise<InvokeResult>;
const succeed: Handler = () => ({ payload: null });
const fail: Handler = () => ({ functionError: { errorType: "Error", errorMessage: "no" } });
/** Stops at the first of these keys and reports it, as a handler that keeps the order does. */
const stopAt =
  (...keys: string[]): Handler =>
  (records) => {
    const failed = records.find((record) => keys.includes(keyOf(record)));
    return {
      payload: { batchItemFailures: failed === undefined ? [] : [{ itemIdentifier: numberOf(failed) }] },
    };
  };

const start = async (
  mappings: readonly Mapping[],
  handlers: Record<string, Handler>,
  more: Partial<EventSourceMappingsOptions> = {},
) => {
  const started = await startEventSourceMappings({
    streams: dynamo.streams,
    describeStreamArn: dynamo.describeStreamArn,
    mappings,
    invoke: async (functionName, payload) => {
      const records = recordsOf(payload);
      batches[functionName] = [...(batches[functionName] ?? []), records.map(keyOf)];
      const handler = handlers[functionName];
      if (handler === undefined) throw new Error(`no function ${functionName}`);
      return handler(records);
    },
    deadLetters,
    dir: folder,
    region: "eu-central-1",
    accountId: "123456789012",
    log: () => undefined,
    ...more,
  });
  running.push(started);
  return started;
};

const put = (pk: string, item: Record<string, AttributeValue> = {}) =>
  dynamo.database.send(new PutItemCommand({ TableName: table, Item: { pk: { S: pk }, ...item } }));
const putAll = async (...keys: string[]) => {
  for (const key of keys) await put(key);
};
const delivered = (functionName = "work") => (batches[functionName] ?? []).flat();
const letters = () => deadLetters.list("dead").map(({ body }) => body as { records: DynamoDBRecord[] });
const deadKeys = () => letters().map(({ records }) => records.map(keyOf));

describe("delivery", () => {
  test("is in order and in batches", async () => {
    const keys = Array.from({ length: 25 }, (_, i) => `key-${i}`);
    await putAll(...keys);
    const mappings = await start([mapping()], { work: succeed });
    await mappings.idle();

    expect(delivered()).toEqual(keys);
    expect(batches.work?.map((batch) => batch.length)).toEqual([10, 10, 5]);
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
        eventSourceARN: await dynamo.describeStreamArn(table),
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
    await dynamo.database.send(new DeleteItemCommand({ TableName: table, Key: { pk: { S: "b" } } }));
    await mappings.idle();

    expect(delivered()).toEqual(["a", "b"]);
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

    expect(batches.work).toEqual([["a", "b", "c"]]);
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
    const other = `${table}-other`;
    await dynamo.createTable(other);
    const finished: string[] = [];
    // Long enough for the readers to find nothing several times meanwhile.
    const slowly = async () => {
      for (let i = 0; i < 50; i += 1) await dynamo.describeStreamArn(other);
    };
    const mappings = await start(
      [mapping({ name: "other", table: other, functionName: "other" }), mapping()],
      {
        work: async () => {
          await slowly();
          await dynamo.database.send(new PutItemCommand({ TableName: other, Item: { pk: { S: "b" } } }));
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

describe("failures", () => {
  test("a function that fails is retried with the same batch", async () => {
    let left = 2;
    await putAll("a", "b");
    const mappings = await start([mapping()], {
      work: (records) => {
        left -= 1;
        return left >= 0 ? fail(records) : { payload: null };
      },
    });
    await mappings.idle();

    expect(batches.work).toEqual([
      ["a", "b"],
      ["a", "b"],
      ["a", "b"],
    ]);
    expect(letters()).toEqual([]);
  });

  test("a function that cannot be run is retried as well", async () => {
    let left = 1;
    await put("a");
    const mappings = await start([mapping()], {
      work: () => {
        left -= 1;
        if (left >= 0) throw new Error("no capacity");
        return { payload: null };
      },
    });
    await mappings.idle();

    expect(delivered()).toEqual(["a", "a"]);
  });

  test("goes on from the lowest reported record", async () => {
    let first = true;
    await putAll("a", "b", "c", "d");
    const mappings = await start([mapping()], {
      work: (records) => {
        if (!first) return { payload: { batchItemFailures: [] } };
        first = false;
        const failed = [records[3], records[1]].flatMap((record) => (record === undefined ? [] : [record]));
        return { payload: { batchItemFailures: failed.map((record) => ({ itemIdentifier: numberOf(record) })) } };
      },
    });
    await mappings.idle();

    expect(batches.work).toEqual([
      ["a", "b", "c", "d"],
      ["b", "c", "d"],
    ]);
  });

  test.each([
    { note: "an unknown identifier", batchItemFailures: [{ itemIdentifier: "999999" }] },
    { note: "an empty identifier", batchItemFailures: [{ itemIdentifier: "" }] },
    { note: "a null identifier", batchItemFailures: [{ itemIdentifier: null }] },
    { note: "another key", batchItemFailures: [{ id: "1" }] },
  ])("the whole batch fails on $note", async ({ batchItemFailures }) => {
    let first = true;
    await putAll("a", "b");
    const mappings = await start([mapping()], {
      work: () => {
        const payload = first ? { batchItemFailures } : {};
        first = false;
        return { payload };
      },
    });
    await mappings.idle();

    expect(batches.work).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  test("what is reported counts only with reportBatchItemFailures", async () => {
    await putAll("a", "b");
    const mappings = await start([mapping({ reportBatchItemFailures: false })], { work: stopAt("a") });
    await mappings.idle();

    expect(batches.work).toEqual([["a", "b"]]);
  });

  test("a poison record is found by bisecting, and those behind it go on", async () => {
    const processed: string[] = [];
    await putAll("a", "b", "poison", "c", "d");
    const mappings = await start([mapping({ bisectBatchOnFunctionError: true, maximumRetryAttempts: 1 })], {
      work: (records) => {
        if (records.some((record) => keyOf(record) === "poison")) return fail(records);
        processed.push(...records.map(keyOf));
        return { payload: null };
      },
    });
    await put("e");
    await mappings.idle();

    expect(processed).toEqual(["a", "b", "c", "d", "e"]);
    expect(deadKeys()).toEqual([["poison"]]);
  });

  test("a poison record that is reported goes alone, and those behind it go on", async () => {
    await putAll("a", "poison", "b", "c");
    const handler = stopAt("poison");
    const mappings = await start([mapping({ bisectBatchOnFunctionError: true, maximumRetryAttempts: 1 })], {
      work: handler,
    });
    await mappings.idle();

    expect(deadKeys()).toEqual([["poison"]]);
    expect(delivered().slice(-2)).toEqual(["b", "c"]);
  });

  test("without bisecting the whole batch goes to the dead letter queue, and the next is delivered", async () => {
    await putAll("poison", "b", "c");
    const mappings = await start([mapping({ batchSize: 2, maximumRetryAttempts: 1 })], {
      work: (records) => (records.some((record) => keyOf(record) === "poison") ? fail(records) : { payload: null }),
    });
    await mappings.idle();

    expect(deadKeys()).toEqual([["poison", "b"]]);
    expect(delivered().at(-1)).toBe("c");
  });

  test("the dead letter has AWS's shape, and the record", async () => {
    await put("poison");
    const mappings = await start([mapping({ maximumRetryAttempts: 1 })], { work: fail });
    await mappings.idle();

    const [letter] = letters();
    const number = letter?.records.map(numberOf)[0];
    expect(letter).toMatchObject({
      version: "1.0",
      timestamp: expect.any(String),
      requestContext: {
        requestId: expect.any(String),
        functionArn: "arn:aws:lambda:eu-central-1:123456789012:function:work",
        condition: "RetryAttemptsExhausted",
        approximateInvokeCount: 2,
      },
      responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
      DDBStreamBatchInfo: {
        shardId: expect.any(String),
        startSequenceNumber: number,
        endSequenceNumber: number,
        batchSize: 1,
        streamArn: await dynamo.describeStreamArn(table),
      },
      records: [{ eventName: "INSERT", dynamodb: { NewImage: { pk: { S: "poison" } } } }],
    });
  });

  test("a record that got too old goes to the dead letter queue", async () => {
    await put("a");
    const mappings = await start([mapping({ maximumRetryAttempts: -1, maximumRecordAgeSeconds: 1 })], { work: fail });
    await mappings.idle();

    expect(letters()).toMatchObject([{ requestContext: { condition: "RecordAgeExceeded" } }]);
  });

  test("a malformed filter is refused at the start", async () => {
    await expect(start([mapping({ filters: [{ eventName: "INSERT" }] })], {})).rejects.toMatchObject({
      name: "InvalidEventPatternException",
    });
  });
});

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
    const arn = await dynamo.describeStreamArn(table);
    const other = new DatabaseSync(join(folder, "event-sources.db"));
    other.prepare("UPDATE checkpoints SET stream_arn = ? WHERE stream_arn = ?").run("arn:of:an:older:stream", arn);
    other.close();
    const second = await start([mapping()], { work: succeed });
    await second.idle();

    expect(delivered()).toEqual(["a", "a"]);
  });
});

describe("trimming", () => {
  const countOf = () => {
    const database = new DatabaseSync(dynamo.file, { readOnly: true });
    const row = database.prepare("SELECT COUNT(*) AS n FROM _stream_records WHERE table_name = ?").get(table);
    database.close();
    return Number(row?.n);
  };

  test("deletes processed records while others are written, and numbering goes on", async () => {
    const keys = Array.from({ length: 300 }, (_, i) => `key-${i}`);
    const trim = { file: dynamo.file, everyRecords: 50 };
    const mappings = await start([mapping()], { work: succeed }, { trim });
    for (let i = 0; i < keys.length; i += 20) await Promise.all(keys.slice(i, i + 20).map((key) => put(key)));
    await mappings.idle();
    await until(() => countOf() < 60, { what: "the stream to be trimmed" });
    await put("after");
    await mappings.idle();

    expect(delivered().toSorted()).toEqual([...keys, "after"].toSorted());
  });

  test("keeps the last record, and what a mapping has not processed", async () => {
    const trim = { file: dynamo.file, everyRecords: 1 };
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
