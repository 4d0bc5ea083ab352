import { describe, expect, test } from "vitest";
import { fail, keyOf, numberOf, stopAt, useWorld } from "./support.ts";

const { world, mapping, start, put, putAll, delivered, letters, deadKeys } = useWorld();

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

    expect(world.batches.work).toEqual([
      ["a", "b"],
      ["a", "b"],
      ["a", "b"],
    ]);
    expect(letters()).toEqual([]);
  });

  test("a function that is throttled is no attempt, and splits no batch", async () => {
    let left = 4;
    await putAll("a", "b");
    const mappings = await start([mapping({ maximumRetryAttempts: 0, bisectBatchOnFunctionError: true })], {
      work: () => {
        left -= 1;
        if (left >= 0) throw new Error("no capacity");
        return { payload: null };
      },
    });
    await mappings.idle();

    expect(world.batches.work).toEqual(Array.from({ length: 5 }, () => ["a", "b"]));
    expect(letters()).toEqual([]);
  });

  test("a function that is throttled until its records are too old gets them no more", async () => {
    await put("a");
    const mappings = await start([mapping({ maximumRecordAgeSeconds: 1 })], {
      work: () => {
        throw new Error("no capacity");
      },
    });
    await mappings.idle();

    expect(letters()).toMatchObject([
      { requestContext: { condition: "RecordAgeExceeded", approximateInvokeCount: 0 }, responsePayload: null },
    ]);
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

    expect(world.batches.work).toEqual([
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

    expect(world.batches.work).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  test("what is reported counts only with reportBatchItemFailures", async () => {
    await putAll("a", "b");
    const mappings = await start([mapping({ reportBatchItemFailures: false })], { work: stopAt("a") });
    await mappings.idle();

    expect(world.batches.work).toEqual([["a", "b"]]);
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
        streamArn: await world.dynamo.describeStreamArn(world.table),
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

  test.each([
    { batchSize: 0 },
    { batchSize: 10_001 },
    { batchWindowSeconds: 301 },
    { batchWindowSeconds: 0.5 },
    { maximumRetryAttempts: 10_001 },
    { maximumRecordAgeSeconds: 604_801 },
    { filters: [{ eventName: ["x".repeat(4_096)] }] },
  ])("%o is refused at the start", async (wrong) => {
    await expect(start([mapping(wrong)], {})).rejects.toThrow(RangeError);
  });

  test("a malformed filter is refused at the start", async () => {
    await expect(start([mapping({ filters: [{ eventName: "INSERT" }] })], {})).rejects.toMatchObject({
      name: "InvalidEventPatternException",
    });
  });
});
