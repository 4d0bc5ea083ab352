import { spawn } from "node:child_process";
import { join } from "node:path";
import {
  CreateTableCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import { GetRecordsCommand, GetShardIteratorCommand } from "@aws-sdk/client-dynamodb-streams";
import type { DynamoDBRecord } from "aws-lambda";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startTimeToLive, type TimeToLive } from "../../../local/dynamodb-ttl.ts";
import { until } from "../until.ts";
import { type Handler, keyOf, useWorld } from "./support.ts";

const { world, mapping, start, put, putAll, remove } = useWorld();
let running: TimeToLive[] = [];
let seen: DynamoDBRecord[];

const NOW = 1_800_000_000;
const YEAR = 365 * 86_400;
const keep: Handler = (records) => {
  seen.push(...records);
  return { payload: null };
};
const declare = (TableName = world.table) =>
  world.dynamo.database.send(
    new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification: { Enabled: true, AttributeName: "until" } }),
  );
const sweeper = (now: () => number = () => NOW * 1_000) => {
  const timeToLive = startTimeToLive({ file: world.dynamo.file, everyMs: 3_600_000, now, log: () => undefined });
  running.push(timeToLive);
  return timeToLive;
};
const keys = async (TableName = world.table) => {
  const { Items = [] } = await world.dynamo.database.send(new ScanCommand({ TableName }));
  return Items.map(({ pk }) => pk?.S).toSorted();
};
const removals = () => seen.filter(({ eventName }) => eventName === "REMOVE");

beforeEach(() => {
  running = [];
  seen = [];
});
afterEach(() => {
  for (const timeToLive of running) timeToLive.close();
});

describe("time to live", () => {
  test.each([
    { note: "a second ago", until: { N: String(NOW - 1) }, goes: true },
    { note: "almost five years ago", until: { N: String(NOW - 5 * YEAR + 60) }, goes: true },
    { note: "with a fraction", until: { N: `${NOW - 2}.5` }, goes: true },
    { note: "in an exponent's form", until: { N: "1.7E9" }, goes: true },
    { note: "in a second", until: { N: String(NOW + 1) }, goes: false },
    { note: "more than five years ago", until: { N: String(NOW - 5 * YEAR - 60) }, goes: false },
    { note: "at zero", until: { N: "0" }, goes: false },
    { note: "in milliseconds", until: { N: String((NOW - 10) * 1_000) }, goes: false },
    { note: "as text", until: { S: String(NOW - 1) }, goes: false },
    { note: "within a map", until: { M: { until: { N: String(NOW - 1) } } }, goes: false },
  ])("of an item that expires $note: deleted is $goes", async ({ until: value, goes }) => {
    await declare();
    await put("a", { until: value });
    await put("other");

    expect(sweeper().sweep()).toBe(goes ? 1 : 0);
    expect(await keys()).toEqual(goes ? ["other"] : ["a", "other"]);
  });

  test("is not looked at in a table that does not declare it", async () => {
    await put("a", { until: { N: String(NOW - 1) } });

    expect(sweeper().sweep()).toBe(0);
  });

  test("is in the stream as the service's deletion, and that of a user is not", async () => {
    await declare();
    await put("expired", { until: { N: String(NOW - 1) }, name: { S: "Ann" } });
    await put("deleted", { until: { N: String(NOW - 1) } });
    await remove("deleted");
    sweeper().sweep();
    await put("later", { until: { N: String(NOW + 1) } });
    const mappings = await start([mapping()], { work: keep });
    await mappings.idle();

    expect(seen.map((record) => [record.eventName, keyOf(record)])).toEqual([
      ["INSERT", "expired"],
      ["INSERT", "deleted"],
      ["REMOVE", "deleted"],
      ["REMOVE", "expired"],
      ["INSERT", "later"],
    ]);
    expect(removals()[0]?.userIdentity).toBeUndefined();
    expect(removals()[1]).toMatchObject({
      userIdentity: { type: "Service", principalId: "dynamodb.amazonaws.com" },
      dynamodb: { Keys: { pk: { S: "expired" } }, OldImage: { pk: { S: "expired" }, name: { S: "Ann" } } },
    });
    expect(removals()[1]?.dynamodb?.NewImage).toBeUndefined();
  });

  test("can be filtered for", async () => {
    await declare();
    await put("expired", { until: { N: String(NOW - 1) } });
    await put("deleted");
    await remove("deleted");
    sweeper().sweep();
    const filters = [{ userIdentity: { type: ["Service"], principalId: ["dynamodb.amazonaws.com"] } }];
    const mappings = await start([mapping({ filters })], { work: keep });
    await mappings.idle();

    expect(seen.map(keyOf)).toEqual(["expired"]);
  });

  test("is told after a kill between the deletion and its delivery", async () => {
    await declare();
    await put("expired", { until: { N: String(NOW - 1) } });
    const first = await start([mapping({ batchSize: 1 })], {
      work: (records) => (records[0]?.eventName === "REMOVE" ? new Promise(() => undefined) : { payload: null }),
    });
    sweeper().sweep();
    await until(() => (world.batches.work ?? []).length === 2, { what: "the delivery that never ends" });
    await first.close();
    const second = await start([mapping()], { work: keep });
    await second.idle();

    expect(seen).toMatchObject([{ eventName: "REMOVE", userIdentity: { type: "Service" } }]);
  });

  test("leaves an item that was written anew, and deletes it in its own time", async () => {
    await declare();
    let now = NOW;
    const timeToLive = sweeper(() => now * 1_000);
    await put("a", { until: { N: String(NOW - 1) } });
    await put("a", { until: { N: String(NOW + 100) } });
    timeToLive.sweep();
    expect(await keys()).toEqual(["a"]);
    now = NOW + 101;
    timeToLive.sweep();
    expect(await keys()).toEqual([]);
  });

  test("deletes from the indexes, and keeps to what the stream shows", async () => {
    const TableName = `${world.table}-indexed`;
    const key = (name: string, KeyType: "HASH" | "RANGE") => ({ AttributeName: name, KeyType });
    await world.dynamo.database.send(
      new CreateTableCommand({
        TableName,
        BillingMode: "PAY_PER_REQUEST",
        KeySchema: [key("pk", "HASH"), key("n", "RANGE")],
        AttributeDefinitions: [
          { AttributeName: "pk", AttributeType: "S" },
          { AttributeName: "n", AttributeType: "N" },
          { AttributeName: "group", AttributeType: "S" },
        ],
        GlobalSecondaryIndexes: [
          { IndexName: "by-group", KeySchema: [key("group", "HASH")], Projection: { ProjectionType: "ALL" } },
        ],
        LocalSecondaryIndexes: [
          {
            IndexName: "in-group",
            KeySchema: [key("pk", "HASH"), key("group", "RANGE")],
            Projection: { ProjectionType: "KEYS_ONLY" },
          },
        ],
        StreamSpecification: { StreamEnabled: true, StreamViewType: "KEYS_ONLY" },
      }),
    );
    await declare(TableName);
    for (const [pk, at] of [["old", NOW - 1] as const, ["new", NOW + 1] as const]) {
      const Item = { pk: { S: pk }, n: { N: "7" }, group: { S: "one" }, until: { N: String(at) } };
      await world.dynamo.database.send(new PutItemCommand({ TableName, Item }));
    }
    expect(sweeper().sweep()).toBe(1);

    const query = (IndexName: string, name: string, value: string) =>
      world.dynamo.database.send(
        new QueryCommand({
          TableName,
          IndexName,
          KeyConditionExpression: "#k = :v",
          ExpressionAttributeNames: { "#k": name },
          ExpressionAttributeValues: { ":v": { S: value } },
        }),
      );
    expect((await query("by-group", "group", "one")).Items?.map(({ pk }) => pk?.S)).toEqual(["new"]);
    expect((await query("in-group", "pk", "old")).Items).toEqual([]);
    const mappings = await start([mapping({ table: TableName })], { work: keep });
    await mappings.idle();
    expect(removals()[0]?.dynamodb).toMatchObject({ Keys: { pk: { S: "old" }, n: { N: "7" } } });
    expect(removals()[0]?.dynamodb?.OldImage).toBeUndefined();
  });

  test("sweeps by itself, more than one transaction takes, while others write", async () => {
    await declare();
    const many = Array.from({ length: 250 }, (_, i) => `key-${i}`);
    for (let i = 0; i < many.length; i += 25) {
      await Promise.all(many.slice(i, i + 25).map((key) => put(key, { until: { N: String(NOW - 1) } })));
    }
    const timeToLive = startTimeToLive({
      file: world.dynamo.file,
      everyMs: 5,
      now: () => NOW * 1_000,
      log: () => undefined,
    });
    running.push(timeToLive);
    const others = Array.from({ length: 100 }, (_, i) => `other-${i}`);
    await putAll(...others);
    await until(async () => (await keys()).length === others.length, { what: "the expired items to go" });
    const mappings = await start([mapping()], { work: keep });
    await mappings.idle();

    expect(removals()).toHaveLength(250);
    const numbers = seen.map(({ dynamodb }) => Number(dynamodb?.SequenceNumber));
    expect(numbers).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  });

  test("has a record of each deletion, and no other, when the sweep is killed", async () => {
    await declare();
    const many = Array.from({ length: 400 }, (_, i) => `key-${i}`);
    for (let i = 0; i < many.length; i += 40) {
      await Promise.all(many.slice(i, i + 40).map((key) => put(key, { until: { N: String(NOW - 1) } })));
    }
    const child = spawn(process.execPath, [
      "--disable-warning=ExperimentalWarning",
      join(import.meta.dirname, "sweep.ts"),
      world.dynamo.file,
      String(NOW),
    ]);
    await until(async () => (await keys()).length < many.length, { what: "the first items to go" });
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
    const left = await keys();
    const mappings = await start([mapping({ batchSize: 100 })], { work: keep });
    await mappings.idle();

    expect(removals().every(({ userIdentity }) => userIdentity?.type === "Service")).toBe(true);
    expect([...removals().map(keyOf), ...left].toSorted()).toEqual(many.toSorted());
  });

  test("shows other readers of the stream too which deletion was the service's", async () => {
    await declare();
    await put("expired", { until: { N: String(NOW - 1) } });
    sweeper().sweep();
    const StreamArn = await world.dynamo.describeStreamArn(world.table);
    const { ShardIterator } = await world.dynamo.streams.send(
      new GetShardIteratorCommand({
        StreamArn,
        ShardId: `shardId-00000001-${world.table}`,
        ShardIteratorType: "TRIM_HORIZON",
      }),
    );
    const { Records = [] } = await world.dynamo.streams.send(new GetRecordsCommand({ ShardIterator }));
    expect(Records.map(({ userIdentity }) => userIdentity !== undefined)).toEqual([false, true]);
  });
});
