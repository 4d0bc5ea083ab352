import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AttributeValue, DeleteItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type DeadLetters, openDeadLetters } from "../../../local/dead-letters.ts";
import { partitionKeyOf } from "../../../local/dynamodb.ts";
import {
  type EventSourceMappings,
  type EventSourceMappingsOptions,
  type Mapping,
  startEventSourceMappings,
} from "../../../local/event-source-mapping.ts";
import type { InvokeResult } from "../../../local/invoke.ts";
import { startDynoxide } from "../dynoxide.ts";

export type Handler = (records: DynamoDBRecord[]) => InvokeResult | Promise<InvokeResult>;

/** The world of one test: an engine for the file, a table and a folder for the test. */
export interface World {
  dynamo: Awaited<ReturnType<typeof startDynoxide>>;
  folder: string;
  table: string;
  deadLetters: DeadLetters;
  /** The keys of the batches that each function got, in order. */
  batches: Record<string, string[][]>;
}

export const keyOf = (record: DynamoDBRecord): string => record.dynamodb?.Keys?.pk?.S ?? "";
export const numberOf = (record: DynamoDBRecord): string => record.dynamodb?.SequenceNumber ?? "";

export const succeed: Handler = () => ({ payload: null });
export const fail: Handler = () => ({ functionError: { errorType: "Error", errorMessage: "no" } });
/** Stops at the first of these keys and reports it, as a handler that keeps the order does. */
export const stopAt =
  (...keys: string[]): Handler =>
  (records) => {
    const failed = records.find((record) => keys.includes(keyOf(record)));
    return {
      payload: { batchItemFailures: failed === undefined ? [] : [{ itemIdentifier: numberOf(failed) }] },
    };
  };

/** Sets the world up around the tests of a file. */
export const useWorld = () => {
  const world = {} as World;
  let dir: string;
  let tables = 0;
  let running: EventSourceMappings[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "event-sources-"));
    world.dynamo = await startDynoxide(dir);
  });
  afterAll(async () => {
    await world.dynamo.stop();
    await rm(dir, { recursive: true });
  });
  beforeEach(async () => {
    world.folder = await mkdtemp(join(tmpdir(), "event-sources-"));
    world.deadLetters = openDeadLetters(world.folder);
    tables += 1;
    world.table = `table-${tables}`;
    world.batches = {};
    await world.dynamo.createTable(world.table);
  });
  afterEach(async () => {
    for (const mappings of running) await mappings.close();
    running = [];
    world.deadLetters.close();
    await rm(world.folder, { recursive: true });
  });

  const put = (pk: string, item: Record<string, AttributeValue> = {}) =>
    world.dynamo.database.send(new PutItemCommand({ TableName: world.table, Item: { pk: { S: pk }, ...item } }));
  const letters = () =>
    world.deadLetters.list("dead").map(({ body }) => body as { records: DynamoDBRecord[]; [member: string]: unknown });

  return {
    world,
    mapping: (rest: Partial<Mapping> = {}): Mapping => ({
      name: "mapping",
      table: world.table,
      functionName: "work",
      filters: [],
      batchSize: 10,
      maximumRetryAttempts: 2,
      bisectBatchOnFunctionError: false,
      reportBatchItemFailures: true,
      deadLetterQueue: "dead",
      ...rest,
    }),
    start: async (
      mappings: readonly Mapping[],
      handlers: Record<string, Handler>,
      more: Partial<EventSourceMappingsOptions> = {},
    ) => {
      const started = await startEventSourceMappings({
        streams: world.dynamo.streams,
        describeStreamArn: world.dynamo.describeStreamArn,
        partitionKeyOf: (table) => partitionKeyOf(world.dynamo.database, table),
        mappings,
        invoke: async (functionName, payload) => {
          const records = (payload as DynamoDBStreamEvent).Records;
          world.batches[functionName] = [...(world.batches[functionName] ?? []), records.map(keyOf)];
          const handler = handlers[functionName];
          if (handler === undefined) throw new Error(`no function ${functionName}`);
          return handler(records);
        },
        deadLetters: world.deadLetters,
        dir: world.folder,
        region: "eu-central-1",
        accountId: "123456789012",
        log: () => undefined,
        ...more,
      });
      running.push(started);
      return started;
    },
    put,
    putAll: async (...keys: string[]) => {
      for (const key of keys) await put(key);
    },
    remove: (pk: string) =>
      world.dynamo.database.send(new DeleteItemCommand({ TableName: world.table, Key: { pk: { S: pk } } })),
    delivered: (functionName = "work") => (world.batches[functionName] ?? []).flat(),
    letters,
    deadKeys: () => letters().map(({ records }) => records.map(keyOf)),
  };
};
