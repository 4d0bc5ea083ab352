import { setTimeout as pause } from "node:timers/promises";
import { env } from "../env.ts";
import { keys } from "../keys.ts";
import { AppError } from "../problems.ts";
import type { Write } from "../writes.ts";
import { transact, updated } from "./table.ts";

/**
 * Operations of AWS that grant an account so few calls a second that all functions have to share them; and `SweepReads`, all
 * that sweeps ask, of Greengrass above all, which answers 30 questions a second and is asked by others too.
 * https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html
 */
export const SHARED_RATES = [
  "SweepReads",
  "CreateDeployment",
  "CreateThingGroup",
  "DeleteThingGroup",
  "AddThingToThingGroup",
  "RemoveThingFromThingGroup",
] as const;
export type SharedOperation = (typeof SHARED_RATES)[number];

/** How many calls may be made at once after a pause: those of a second. */
const BURST_MS = 1_000;

/** Who would have to wait longer than this books nothing, and comes again later. */
const LONGEST_MS = 8_000;

const rateOf = (operation: SharedOperation): number => {
  const found = env("AWS_RATES")
    .split(",")
    .find((one) => one.startsWith(`${operation}=`));
  if (found === undefined) throw new Error(`AWS_RATES has no rate for ${operation}`);
  return Number(found.slice(operation.length + 1));
};

const unlessRefused = async <T>(run: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await run();
  } catch (error) {
    if (error instanceof AppError && error.code === "conflict") return undefined;
    throw error;
  }
};

/**
 * Books calls in the bucket that all functions of a stage share: an item says up to when the operation's rate is taken.
 * One conditional write does it, however many come at once; another one is needed after a pause.
 *
 * @param perSecond the rate; `now` in milliseconds
 * @returns how many milliseconds to wait for the turn
 * @throws AppError `throttled` when that were too many; nothing is booked then
 */
export const bookTurn = async (
  operation: SharedOperation,
  calls: number,
  perSecond: number,
  now: number,
): Promise<number> => {
  const key = keys.turn(operation);
  const took = Math.ceil((calls * 1_000) / perSecond);
  const afresh = now - BURST_MS + took;
  const start = (when: NonNullable<Extract<Write, { do: "update" }>["when"]>) =>
    unlessRefused(async () => {
      await transact([{ do: "update", key, set: { type: "turn", until: afresh }, when }]);
      return Math.max(0, afresh - now);
    });
  const book = () =>
    unlessRefused(() =>
      updated({ do: "update", key, add: { until: took }, when: { until: { below: now + LONGEST_MS } } }),
    );
  let booked = await book();
  if (booked === undefined) {
    const first = await start({ until: { exists: false } });
    if (first !== undefined) return first;
    booked = await book(); // it may have been made in between
  }
  if (booked === undefined) throw new AppError("throttled", `too many wait for a turn with ${operation}`);
  const until = Number(booked.until);
  // What was not used for long is no more than a burst. Of two who find that, one starts afresh.
  if (until < afresh) return (await start({ until })) ?? 0;
  return Math.max(0, until - now);
};

/** Waits for the turn to call an operation so many times. @throws AppError `throttled`, which a workflow's Retry tries again */
export const takeTurn = async (operation: SharedOperation, calls = 1): Promise<void> => {
  const milliseconds = await bookTurn(operation, calls, rateOf(operation), Date.now());
  if (milliseconds > 0) await pause(milliseconds);
};
