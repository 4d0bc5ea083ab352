import { otaKeys } from "../keys.ts";
import { increment } from "./table.ts";

/**
 * One more of something in a window of time. The counters are in the `ota` table, whose stream has no reader for them.
 * @returns how many there have been in this window
 */
export const count = (what: string, window: number, windowSeconds: number): Promise<number> =>
  increment(otaKeys.rate(what, window), "ota", "count", { expiresAt: (window + 2) * windowSeconds });
