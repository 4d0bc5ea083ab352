import { setTimeout as pause } from "node:timers/promises";

/** What a device tells of its doings. Secrets are not among the fields. */
export type Log = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

const FIRST_MS = 500;
const LONGEST_MS = 60_000;

/**
 * How long to wait before the next try: doubled with each, at most a minute, and anything from half of it on, so that
 * devices that failed together do not come back together.
 * @param tries failed ones so far, from 1
 */
export const backoffMs = (tries: number, random: () => number = Math.random): number =>
  Math.min(LONGEST_MS, FIRST_MS * 2 ** (tries - 1)) * (0.5 + random() / 2);

export interface Retries {
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly what: string;
  /** How long to wait before the next try; undefined when there is to be none. */
  readonly delayMs: (error: unknown, tries: number) => number | undefined;
}

/** Does the work until it succeeds. @throws what it threw last, and AbortError when the device is stopped meanwhile */
export const retrying = async <T>(work: () => Promise<T>, { signal, log, what, delayMs }: Retries): Promise<T> => {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      const delay = delayMs(error, tries);
      if (delay === undefined) throw error;
      log(`${what}: trying again`, { error: String(error), seconds: Math.round(delay / 100) / 10 });
      await pause(delay, undefined, { signal });
    }
  }
};
