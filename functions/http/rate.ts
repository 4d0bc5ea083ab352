import { createHash } from "node:crypto";
import { count } from "../../shared/aws/rates.ts";
import { AppError } from "../../shared/problems.ts";

const WINDOW_SECONDS = 60;

/**
 * Counts a try, and refuses it when there were too many in this minute. What is counted is kept as a hash.
 * @throws AppError `throttled`
 */
export const withinRate = async (what: string, who: string, perMinute: number, now: Date): Promise<void> => {
  const window = Math.floor(now.getTime() / 1_000 / WINDOW_SECONDS);
  const hash = createHash("sha256").update(`${what} ${who}`).digest("hex");
  if ((await count(`${what}#${hash}`, window, WINDOW_SECONDS)) <= perMinute) return;
  throw new AppError("throttled", `more than ${perMinute} tries a minute: wait a little`);
};
