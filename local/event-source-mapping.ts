import { setTimeout as pause } from "node:timers/promises";
import {
  DescribeStreamCommand,
  type DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from "@aws-sdk/client-dynamodb-streams";
import type { DeadLetters } from "./dead-letters.ts";
import { type Changes, watchChanges } from "./event-source-mapping/changes.ts";
import { type Checkpoints, openCheckpoints, trimStream } from "./event-source-mapping/checkpoints.ts";
import { type Consumer, startConsumer } from "./event-source-mapping/consumer.ts";
import type { Disorder } from "./event-source-mapping/disorder.ts";
import { type SourceRecord, toSourceRecord } from "./event-source-mapping/records.ts";
import type { Invoke, Log } from "./invoke.ts";

/** A function that reads a table's stream, with the parameters of `CreateEventSourceMapping`. */
export interface Mapping {
  readonly name: string;
  readonly table: string;
  readonly functionName: string;
  /** Patterns over the record; one that matches is enough, and none at all lets every record through. */
  readonly filters: readonly object[];
  readonly batchSize: number;
  readonly batchWindowSeconds?: number;
  /** -1: for ever. */
  readonly maximumRetryAttempts: number;
  readonly maximumRecordAgeSeconds?: number;
  readonly bisectBatchOnFunctionError: boolean;
  readonly reportBatchItemFailures: boolean;
  readonly deadLetterQueue: string;
}

export interface EventSourceMappingsOptions {
  readonly streams: DynamoDBStreamsClient;
  /** The ARN of a table's latest stream. */
  describeStreamArn(table: string): Promise<string>;
  readonly mappings: readonly Mapping[];
  readonly invoke: Invoke;
  readonly deadLetters: DeadLetters;
  /** Where `event-sources.db` is. */
  readonly dir: string;
  readonly region: string;
  readonly accountId: string;
  /** Needed to spread records over shards: the attribute that is a table's partition key. */
  partitionKeyOf?(table: string): Promise<string>;
  /** Only in the test mode. */
  readonly disorder?: Disorder;
  /** The pause between two reads while records come; it grows to two and a half times that while none do. */
  readonly pollMs?: number;
  /**
   * The local engine's database file. Nothing is read while it does not change, and processed stream records are deleted
   * from it every so many records. An engine that is not ours is read again and again.
   */
  readonly trim?: { readonly file: string; readonly everyRecords?: number };
  readonly log: Log;
}

export interface EventSourceMappings {
  /** Resolves when the streams were read to their ends and everything read is processed. */
  idle(): Promise<void>;
  /** Stops; a batch in work is not waited for, and is delivered again by the next start. */
  close(): Promise<void>;
}

interface Reader {
  /** Resolves after a read that began after the call, found nothing and met no work. */
  quiet(): Promise<void>;
  readonly stopped: Promise<void>;
}

const IDLE_FACTOR = 2.5;
const TRIM_EVERY_RECORDS = 5_000;
const RETRY_READ_MS = 250;
/** How many records a page may have: few at first, since nobody knows beforehand how large they are. */
const LIMIT = { first: 10, growth: 10, most: 1_000 };
/** What a page aims at, measured as the JSON that functions get. */
const PAGE_BYTES = 4 * 1024 ** 2;

const min = (numbers: readonly bigint[]): bigint | undefined =>
  numbers.reduce<bigint | undefined>((low, one) => (low === undefined || one < low ? one : low), undefined);

/**
 * The limit of the next page: more while pages are full, no more than make {@link PAGE_BYTES} if they are as large as the
 * last ones, and few again after a page with none, since what comes after a pause may be of another kind.
 */
const nextLimit = (limit: number, records: readonly SourceRecord[]): number => {
  if (records.length === 0) return LIMIT.first;
  const wanted = records.length < limit ? limit : limit * LIMIT.growth;
  const bytes = records.reduce((sum, record) => sum + record.bytes, 0);
  const fitting = Math.floor((PAGE_BYTES * records.length) / bytes);
  return Math.max(1, Math.min(wanted, fitting, LIMIT.most));
};

const startReader = async (
  table: string,
  mappings: readonly Mapping[],
  checkpoints: Checkpoints,
  changes: Changes | undefined,
  options: EventSourceMappingsOptions,
  signal: AbortSignal,
  counted: () => void,
): Promise<Reader> => {
  const { streams, region, accountId, pollMs = 10, trim, log, disorder = { seed: 1 } } = options;
  const spread = (disorder.shards ?? 1) > 1;
  if (spread && options.partitionKeyOf === undefined) throw new Error("several shards need the tables' partition keys");
  const partitionKey = spread ? ((await options.partitionKeyOf?.(table)) ?? "") : "";
  const streamArn = await options.describeStreamArn(table);
  const { StreamDescription } = await streams.send(new DescribeStreamCommand({ StreamArn: streamArn }));
  // The engine has one shard, which never closes: its EndingSequenceNumber says only how far it has come.
  const shardId = StreamDescription?.Shards?.[0]?.ShardId;
  if (shardId === undefined) throw new Error(`the stream of ${table} has no shard`);

  const consumers: Consumer[] = mappings.map((mapping) =>
    startConsumer({
      mapping,
      checkpoint: checkpoints.get(mapping.name, streamArn),
      partitionKey,
      disorder,
      save: (checkpoint) => checkpoints.set(mapping.name, streamArn, checkpoint),
      context: {
        streamArn,
        shardId,
        functionArn: `arn:aws:lambda:${region}:${accountId}:function:${mapping.functionName}`,
        invoke: async (functionName, payload) => {
          counted();
          try {
            return await options.invoke(functionName, payload);
          } finally {
            counted();
          }
        },
        deadLetters: options.deadLetters,
        signal,
        log,
      },
      log,
    }),
  );
  const lowest = (of: (consumer: Consumer) => bigint, among = consumers) => min(among.map(of)) ?? 0n;

  /** An iterator and the record it stands behind: it serves only a reader that goes on from there. */
  let iterator: { readonly after: bigint; readonly value: string } | undefined;
  const iteratorAfter = async (after: bigint): Promise<string> => {
    if (iterator?.after === after) return iterator.value;
    const start =
      after === 0n
        ? ({ ShardIteratorType: "TRIM_HORIZON" } as const)
        : ({ ShardIteratorType: "AFTER_SEQUENCE_NUMBER", SequenceNumber: String(after) } as const);
    const answer = await streams.send(
      new GetShardIteratorCommand({ StreamArn: streamArn, ShardId: shardId, ...start }),
      { abortSignal: signal },
    );
    if (answer.ShardIterator === undefined) throw new Error(`no iterator for the stream of ${table}`);
    return answer.ShardIterator;
  };

  let limit = LIMIT.first;
  /** Reads on behind the consumer that is least far and answers how many records came, and whether the page was full. */
  const read = async (): Promise<{ readonly records: number; readonly full: boolean }> => {
    const ready = consumers.filter((consumer) => consumer.hasRoom());
    if (ready.length === 0) return { records: 0, full: false };
    const after = lowest((consumer) => consumer.position(), ready);
    const value = await iteratorAfter(after);
    iterator = undefined;
    const page = await streams.send(new GetRecordsCommand({ ShardIterator: value, Limit: limit }), {
      abortSignal: signal,
    });
    const records = (page.Records ?? []).map((record) => toSourceRecord(record, streamArn, region));
    const last = records.at(-1)?.sequence ?? after;
    if (page.NextShardIterator !== undefined) iterator = { after: last, value: page.NextShardIterator };
    for (const consumer of ready) consumer.offer(records);
    const full = records.length === limit;
    limit = nextLimit(limit, records);
    return { records: records.length, full };
  };

  let trimmed = lowest((consumer) => consumer.checkpoint());
  const trimProcessed = () => {
    const checkpoint = lowest((consumer) => consumer.checkpoint());
    if (trim === undefined || checkpoint - trimmed < BigInt(trim.everyRecords ?? TRIM_EVERY_RECORDS)) return;
    // Also after a failure: the next time is soon enough.
    trimmed = checkpoint;
    try {
      const records = trimStream(trim.file, table, checkpoint);
      log("processed stream records were deleted", { table, records });
    } catch (error) {
      log("processed stream records could not be deleted", { table, error: String(error) });
    }
  };

  let waiters: { fresh: boolean; resolve: () => void }[] = [];
  const settleWaiters = (quiet: boolean) => {
    const settled = quiet ? waiters.filter(({ fresh }) => !fresh) : [];
    waiters = waiters.filter((waiter) => !settled.includes(waiter));
    for (const { resolve } of settled) resolve();
    // Whoever came during this read waits for the next.
    for (const waiter of waiters) waiter.fresh = false;
  };

  let wait = pollMs;
  /** Until the next read: soon while records come, and when there is reason to if none do. */
  const rest = async (records: number, seen: number | undefined) => {
    // Who had no room was left behind, and has to be read for again though nothing is written.
    const behind = consumers.some((consumer) => !consumer.hasRoom());
    if (records === 0 && !behind && waiters.length === 0 && changes !== undefined && seen !== undefined) {
      return changes.changed(seen, () => waiters.length > 0, signal);
    }
    wait = records > 0 ? pollMs : Math.min(wait * 1.1, pollMs * IDLE_FACTOR);
    await pause(wait, undefined, { signal });
  };

  const loop = async () => {
    while (!signal.aborted) {
      try {
        const seen = changes?.version();
        const idleBefore = !consumers.some((consumer) => consumer.busy());
        const { records, full } = await read();
        const idle = idleBefore && records === 0 && !consumers.some((consumer) => consumer.busy());
        settleWaiters(idle);
        trimProcessed();
        // A full page says that more is waiting.
        if (!full) await rest(records, seen);
      } catch (error) {
        if (signal.aborted) return;
        log("a stream could not be read", { table, error: String(error) });
        await pause(RETRY_READ_MS);
      }
    }
  };

  const stopped = Promise.all([loop(), ...consumers.map((consumer) => consumer.stopped)]).then(() => {
    for (const { resolve } of waiters) resolve();
  });
  const quiet = () =>
    new Promise<void>((resolve) => {
      waiters.push({ fresh: true, resolve });
      changes?.wake();
    });
  return { quiet, stopped };
};

/**
 * Reads the streams of DynamoDB tables and runs the functions that are mapped to them, as Lambda does: in order, in
 * batches, filtered, again after a failure, and to a dead letter queue in the end. Every record is delivered at least
 * once; a mapping that fails does not keep the others of its table waiting.
 *
 * @throws `InvalidEventPattern` for a malformed filter, RangeError for a figure that AWS would refuse, and what
 *   `describeStreamArn` throws
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
 */
export const startEventSourceMappings = async (options: EventSourceMappingsOptions): Promise<EventSourceMappings> => {
  const stopping = new AbortController();
  const checkpoints = openCheckpoints(options.dir);
  const changes = options.trim === undefined ? undefined : watchChanges(options.trim.file);
  const readers: Reader[] = [];
  let closing: Promise<void> | undefined;
  const stop = async () => {
    stopping.abort();
    await Promise.all(readers.map((reader) => reader.stopped));
    checkpoints.close();
    changes?.close();
  };
  const close = () => {
    closing ??= stop();
    return closing;
  };
  /** How often a function began or ended. */
  let events = 0;
  const counted = () => {
    events += 1;
  };
  try {
    for (const [table, mappings] of Map.groupBy(options.mappings, (mapping) => mapping.table)) {
      readers.push(await startReader(table, mappings, checkpoints, changes, options, stopping.signal, counted));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    idle: async () => {
      // A function that began or ended meanwhile may have written to a table that was already found quiet.
      for (let before = -1; before !== events && !stopping.signal.aborted; ) {
        before = events;
        await Promise.all(readers.map((reader) => reader.quiet()));
      }
    },
    close,
  };
};
