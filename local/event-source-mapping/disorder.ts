import { createHash } from "node:crypto";

/** What the test mode does to deliveries on purpose, within what AWS promises: at least once, in order by shard. */
export interface Disorder {
  /** Over so many shards records are spread, by their partition key; each goes at its own pace. 1 if it is not given. */
  readonly shards?: number;
  /** How likely a batch that succeeded is delivered once more, as after a checkpoint that was lost; 0 to 1. */
  readonly redeliver?: number;
  /** The same one gives the n-th batch of a mapping's shard the same. */
  readonly seed: number;
}

/** How far shards drift apart with each batch. */
const HOLD_UP_TO_MS = 50;

const hash = (...parts: readonly (string | number)[]): number =>
  createHash("sha256").update(parts.join(" ")).digest().readUInt32BE();

/** The shard of a partition key: always the same one. */
export const shardOf = (partitionKey: unknown, shards: number): number =>
  shards === 1 ? 0 : hash(JSON.stringify(partitionKey ?? null)) % shards;

/** How long a shard holds its n-th batch back, in milliseconds. */
export const holdMs = ({ seed, shards = 1 }: Disorder, mapping: string, shard: number, batch: number): number =>
  shards === 1 ? 0 : (hash(seed, "hold", mapping, shard, batch) / 2 ** 32) * HOLD_UP_TO_MS;

/** Whether a shard's n-th batch is delivered once more. */
export const isRedelivered = (
  { seed, redeliver = 0 }: Disorder,
  mapping: string,
  shard: number,
  batch: number,
): boolean => hash(seed, "redeliver", mapping, shard, batch) / 2 ** 32 < redeliver;
