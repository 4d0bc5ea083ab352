import { setTimeout as pause } from "node:timers/promises";
import { compilePattern } from "../event-pattern.ts";
import type { Log } from "../invoke.ts";
import { type BatchContext, type BatchMapping, processBatch } from "./batches.ts";
import { type Disorder, holdMs, isRedelivered, shardOf } from "./disorder.ts";
import { changedNothing, type SourceRecord } from "./records.ts";

export interface ConsumerMapping extends BatchMapping {
  readonly filters: readonly object[];
  readonly batchSize: number;
  readonly batchWindowSeconds?: number;
}

/** One mapping's side of a stream: takes the records that the reader offers and works through them in order. */
export interface Consumer {
  /** The last record that was offered; the reader goes on behind the lowest. */
  position(): bigint;
  /** Up to here everything is done with. */
  checkpoint(): bigint;
  /** False while too many records or bytes wait: the reader leaves such a consumer behind and comes back for it. */
  hasRoom(): boolean;
  busy(): boolean;
  offer(records: readonly SourceRecord[]): void;
  /** Settles when the work has stopped, after `signal` aborted. */
  readonly stopped: Promise<void>;
}

/** One shard's records in their order, and who works on them. */
interface Lane {
  readonly shard: number;
  waiting: SourceRecord[];
  working: boolean;
  wake: (() => void) | undefined;
}

/** What may wait until no more is read: records and their bytes, since one may have 400 KB in each of two images. */
const MAX_WAITING = { records: 5_000, bytes: 8 * 1024 ** 2 };
const RESTART_MS = 1_000;
/** Lambda invokes with what it has when the event reaches the limit of a synchronous invocation. */
const MAX_EVENT_BYTES = 6 * 1024 ** 2;
const EVENT_FRAME_BYTES = '{"Records":[]}'.length;

/** What `CreateEventSourceMapping` takes, from and to. */
const RANGES = {
  batchSize: [1, 10_000],
  batchWindowSeconds: [0, 300],
  maximumRetryAttempts: [-1, 10_000],
  maximumRecordAgeSeconds: [-1, 604_800],
} as const;
const MAX_PATTERN_LENGTH = 4_096;

/** @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html */
const check = (mapping: ConsumerMapping): void => {
  for (const [name, [from, to]] of Object.entries(RANGES)) {
    const value = mapping[name as keyof typeof RANGES];
    if (value !== undefined && (!Number.isInteger(value) || value < from || value > to)) {
      throw new RangeError(`mapping ${mapping.name}: ${name} is a whole number from ${from} to ${to}, not ${value}`);
    }
  }
  if (mapping.filters.some((filter) => JSON.stringify(filter).length > MAX_PATTERN_LENGTH)) {
    throw new RangeError(`mapping ${mapping.name}: a filter is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
};

/** As many of the records that wait as one event takes. */
const nextBatch = (waiting: readonly SourceRecord[], batchSize: number): SourceRecord[] => {
  let bytes = EVENT_FRAME_BYTES;
  const tooMany = waiting.slice(0, batchSize).findIndex((record) => {
    bytes += record.bytes + 1;
    return bytes > MAX_EVENT_BYTES;
  });
  // One that is too large alone is Lambda's to refuse.
  return waiting.slice(0, tooMany === -1 ? batchSize : Math.max(tooMany, 1));
};

/**
 * Starts to work on what is offered.
 * @throws `InvalidEventPattern` for a filter, and RangeError for a figure, that AWS would refuse
 */
export const startConsumer = (options: {
  mapping: ConsumerMapping;
  checkpoint: bigint;
  context: Omit<BatchContext, "done" | "mapping" | "redelivers">;
  /** The attribute by which records are spread over shards. */
  partitionKey: string;
  disorder: Disorder;
  save(checkpoint: bigint): void;
  log: Log;
}): Consumer => {
  const { mapping, save, log, disorder, partitionKey } = options;
  const { signal } = options.context;
  check(mapping);
  const filters = mapping.filters.map(compilePattern);
  const wanted = (record: SourceRecord) =>
    !changedNothing(record) && (filters.length === 0 || filters.some((matches) => matches(record.event)));

  let position = options.checkpoint;
  let checkpoint = options.checkpoint;
  const lanes = Array.from(
    { length: disorder.shards ?? 1 },
    (_, shard): Lane => ({ shard, waiting: [], working: false, wake: undefined }),
  );
  const hasRoom = () => {
    const waiting = lanes.flatMap((lane) => lane.waiting);
    const bytes = waiting.reduce((sum, record) => sum + record.bytes, 0);
    return waiting.length < MAX_WAITING.records && bytes < MAX_WAITING.bytes;
  };

  /** Moves the checkpoint to before the first record that any shard has yet to do. */
  const settle = () => {
    const firsts = lanes.flatMap((lane) => lane.waiting[0]?.sequence ?? []);
    const first = firsts.reduce((low, one) => (one < low ? one : low), position + 1n);
    if (first - 1n <= checkpoint) return;
    checkpoint = first - 1n;
    save(checkpoint);
  };

  const contextOf = (lane: Lane, batch: number): BatchContext => ({
    ...options.context,
    // A shard of the engine's own if it is the only one.
    shardId: lanes.length === 1 ? options.context.shardId : `${options.context.shardId}-${lane.shard}`,
    mapping,
    done: (record) => {
      lane.waiting = lane.waiting.filter(({ sequence }) => sequence > record.sequence);
      settle();
    },
    redelivers: () => isRedelivered(disorder, mapping.name, lane.shard, batch),
  });

  const isFull = (lane: Lane) =>
    lane.waiting.length >= mapping.batchSize || nextBatch(lane.waiting, mapping.batchSize).length < lane.waiting.length;

  const filled = async (lane: Lane, ms: number) => {
    const until = performance.now() + ms;
    while (!isFull(lane)) {
      const left = until - performance.now();
      if (left <= 0) return;
      const more = new Promise<void>((resolve) => {
        lane.wake = resolve;
      });
      await Promise.race([more, pause(left, undefined, { signal })]);
    }
  };

  const run = async (lane: Lane) => {
    for (let batch = 0; !signal.aborted; batch += 1) {
      try {
        if (lane.waiting.length === 0) {
          lane.working = false;
          await new Promise<void>((resolve) => {
            lane.wake = resolve;
          });
        }
        signal.throwIfAborted();
        lane.working = true;
        const hold = holdMs(disorder, mapping.name, lane.shard, batch);
        if (hold > 0) await pause(hold, undefined, { signal });
        if (mapping.batchWindowSeconds !== undefined) await filled(lane, mapping.batchWindowSeconds * 1000);
        await processBatch(contextOf(lane, batch), nextBatch(lane.waiting, mapping.batchSize));
      } catch (error) {
        if (signal.aborted) return;
        // Not the function's failure but this engine's, such as a full disk: nothing was lost, so it is tried again.
        log("an event source mapping could not go on", { mapping: mapping.name, error: String(error) });
        await pause(RESTART_MS);
      }
    }
  };
  const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

  return {
    position: () => position,
    checkpoint: () => checkpoint,
    hasRoom,
    busy: () => lanes.some((lane) => lane.working || lane.waiting.length > 0),
    offer: (records) => {
      const fresh = records.filter(({ sequence }) => sequence > position);
      const last = fresh.at(-1);
      if (last === undefined) return;
      position = last.sequence;
      for (const record of fresh.filter(wanted)) {
        lanes[shardOf(record.event.dynamodb?.Keys?.[partitionKey], lanes.length)]?.waiting.push(record);
      }
      settle();
      for (const lane of lanes) if (lane.waiting.length > 0) lane.wake?.();
    },
    // A function that runs is not waited for: what it answers after the abort is not looked at.
    stopped: Promise.race([Promise.all(lanes.map(run)).then(() => undefined), aborted]),
  };
};
