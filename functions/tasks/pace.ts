import { setTimeout as pause } from "node:timers/promises";

/**
 * Spreads calls evenly over time. Each caller waits for its turn, and takes as many as it says.
 * @param perSecond how many calls a second, on average and from the first on
 */
export const paced = (perSecond: number): ((calls: number) => Promise<void>) => {
  let free = performance.now();
  return async (calls) => {
    const now = performance.now();
    const turn = Math.max(free, now);
    free = turn + (calls * 1_000) / perSecond;
    if (turn > now) await pause(turn - now);
  };
};
