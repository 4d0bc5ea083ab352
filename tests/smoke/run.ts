import { setTimeout as pause } from "node:timers/promises";

/** One thing that is looked at. */
export interface Check<Context> {
  readonly name: string;
  /** Checks that must have gone well before this one makes sense. */
  readonly needs?: readonly string[];
  /** @throws Skip when it cannot be done here; any other error is what does not hold */
  readonly run: (context: Context) => Promise<void>;
}

/** Thrown by a check that cannot be done here, with the reason. */
export class Skip extends Error {}

export type Outcome = "ok" | "failed" | "skipped";

/** What went wrong, and why: fetch tells what failed only in its cause. */
const oneLine = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const because = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message || error.name}${because}`.replaceAll(/\s+/g, " ").slice(0, 500);
};

/** Runs the checks one after the other and prints a line for each. @returns how each one went */
export const runChecks = async <Context>(
  checks: readonly Check<Context>[],
  context: Context,
  print: (line: string) => void,
): Promise<ReadonlyMap<string, Outcome>> => {
  const outcomes = new Map<string, Outcome>();
  const tell = (name: string, outcome: Outcome, note: string): void => {
    outcomes.set(name, outcome);
    print(`${outcome.padEnd(8)}${name.padEnd(24)}${note}`.trimEnd());
  };
  for (const { name, needs = [], run } of checks) {
    const unmet = needs.filter((need) => outcomes.get(need) !== "ok");
    if (unmet.length > 0) {
      tell(name, "skipped", `needs ${unmet.join(", ")}`);
      continue;
    }
    const startedAt = performance.now();
    try {
      await run(context);
      tell(name, "ok", `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
    } catch (error) {
      tell(name, error instanceof Skip ? "skipped" : "failed", oneLine(error));
    }
  }
  return outcomes;
};

/** @throws Error with what should hold */
export const expectThat = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what);
};

const AGAIN_AFTER_MS = 500;

/** Tries again until it goes well: for what AWS shows after a while. @throws what was wrong at the last try */
export const eventually = async (withinSeconds: number, work: () => Promise<void>): Promise<void> => {
  const deadline = performance.now() + withinSeconds * 1_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(AGAIN_AFTER_MS);
    }
  }
};
