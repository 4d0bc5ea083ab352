import { setTimeout as pause } from "node:timers/promises";
import { compilePattern } from "../event-pattern.ts";
import type { Log } from "../invoke.ts";
import { type BatchContext, type BatchMapping, processBatch } from "./batches.ts";
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
  /** False while too many records wait: the reader leaves such a consumer behind and comes back for it. */
  hasRoom(): boolean;
  busy(): boolean;
  offer(records: readonly SourceRecord[]): void;
  /** Settles when the work has stopped, after `signal` aborted. */
  readonly stopped: Promise<void>;
}

const MAX_WAITING = 5_000;
const RESTART_MS = 1_000;

/**
 * Starts to work on what is offered.
 * @throws `InvalidEventPattern` for a filter that AWS would refuse
 */
export const startConsumer = (options: {
  mapping: ConsumerMapping;
  checkpoint: bigint;
  context: Omit<BatchContext, "done" | "mapping">;
  save(checkpoint: bigint): void;
  log: Log;
}): Consumer => {
  const { mapping, save, log } = options;
  const { signal } = options.context;
  const filters = mapping.filters.map(compilePattern);
  const wanted = (record: SourceRecord) =>
    !changedNothing(record) && (filters.length === 0 || filters.some((matches) => matches(record.event)));

  let position = options.checkpoint;
  let checkpoint = options.checkpoint;
  let waiting: SourceRecord[] = [];
  let working = false;
  let wake: (() => void) | undefined;

  const moveTo = (sequence: bigint) => {
    if (sequence <= checkpoint) return;
    checkpoint = sequence;
    save(sequence);
  };

  const context: BatchContext = {
    ...options.context,
    mapping,
    done: (record) => {
      waiting = waiting.filter(({ sequence }) => sequence > record.sequence);
      // With nothing left, the records behind it that matched no filter are done with as well.
      moveTo(waiting.length === 0 ? position : record.sequence);
    },
  };

  const filled = async (ms: number) => {
    const until = performance.now() + ms;
    while (waiting.length < mapping.batchSize) {
      const left = until - performance.now();
      if (left <= 0) return;
      const more = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([more, pause(left, undefined, { signal })]);
    }
  };

  const work = async (): Promise<void> => {
    working = true;
    try {
      while (waiting.length > 0) {
        if (mapping.batchWindowSeconds !== undefined) await filled(mapping.batchWindowSeconds * 1000);
        await processBatch(context, waiting.slice(0, mapping.batchSize));
      }
    } finally {
      working = false;
    }
  };

  const loop = async () => {
    while (!signal.aborted) {
      try {
        if (waiting.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        signal.throwIfAborted();
        await work();
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
    hasRoom: () => waiting.length < MAX_WAITING,
    busy: () => working || waiting.length > 0,
    offer: (records) => {
      const fresh = records.filter(({ sequence }) => sequence > position);
      const last = fresh.at(-1);
      if (last === undefined) return;
      position = last.sequence;
      waiting.push(...fresh.filter(wanted));
      if (waiting.length === 0) moveTo(position);
      else wake?.();
    },
    // A function that runs is not waited for: what it answers after the abort is not looked at.
    stopped: Promise.race([loop(), aborted]),
  };
};
