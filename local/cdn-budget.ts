import { BUDGET } from "../shared/declared/distribution.ts";

const STEP_SECONDS = 10;
/** Of so many addresses the requests are counted; then the one that was first is forgotten. */
const MOST_SOURCES = 10_000;

/**
 * Counts requests as a rate-based rule of AWS WAF does: of one address, over the last five minutes, in steps of ten seconds.
 * @returns whether this request is within the limit
 */
export const countRequests = (limit: number, now: () => number): ((source: string) => boolean) => {
  const sources = new Map<string, Map<number, number>>();
  return (source) => {
    const step = Math.floor(now() / 1_000 / STEP_SECONDS);
    const steps = sources.get(source) ?? new Map<number, number>();
    for (const old of steps.keys()) if (old <= step - BUDGET.windowSeconds / STEP_SECONDS) steps.delete(old);
    steps.set(step, (steps.get(step) ?? 0) + 1);
    sources.set(source, steps);
    const [first] = sources.keys();
    if (sources.size > MOST_SOURCES && first !== undefined) sources.delete(first);
    return [...steps.values()].reduce((sum, count) => sum + count, 0) <= limit;
  };
};
