/** How often an operation may be called. */
export interface Rate {
  readonly perSecond: number;
  /** How many calls a rested bucket takes at once; one second's worth if it is not given. */
  readonly burst?: number;
}

/** Takes a call of the operation, or refuses it. */
export type Throttle = (operation: string) => boolean;

/**
 * A token bucket for each operation: full at first, refilled steadily. An operation without a rate is never refused.
 *
 * @param now a monotonic clock in milliseconds
 */
export const tokenBuckets = (
  rates: Readonly<Record<string, Rate>>,
  now: () => number = () => performance.now(),
): Throttle => {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (operation) => {
    const rate = Object.hasOwn(rates, operation) ? rates[operation] : undefined;
    if (rate === undefined) return true;
    const size = rate.burst ?? rate.perSecond;
    const at = now();
    const bucket = buckets.get(operation) ?? { tokens: size, at };
    const elapsed = Math.max(0, at - bucket.at);
    const tokens = Math.min(size, bucket.tokens + (elapsed * rate.perSecond) / 1_000);
    const taken = tokens >= 1;
    buckets.set(operation, { tokens: taken ? tokens - 1 : tokens, at });
    return taken;
  };
};
