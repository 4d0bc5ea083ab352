import { test } from "vitest";
import { faultyRun } from "../integration/support/faulty.ts";

test.each([1, 2, 3, 4])(
  "1,000 intents with one call in ten of every operation failing all end, and AWS holds what is wanted (seed %i)",
  (seed) => faultyRun(1_000, seed),
);
