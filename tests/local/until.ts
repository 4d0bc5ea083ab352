import { setTimeout as pause } from "node:timers/promises";

/**
 * Asks `probe` until its answer is neither `undefined` nor `false`, and returns it. A condition with a deadline
 * takes the place of a sleep: it is as fast as the code allows and fails with what was awaited.
 */
export const until = async <T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { deadlineMs = 60_000, what = "a condition" }: { deadlineMs?: number; what?: string } = {},
): Promise<T> => {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await pause(2);
  }
};
