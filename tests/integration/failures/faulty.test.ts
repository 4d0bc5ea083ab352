import { test } from "vitest";
import { faultyRun } from "../support/faulty.ts";

test(
  "with one call in ten of every operation failing, all ends, and AWS holds what is wanted",
  () => faultyRun(100, 1),
  240_000,
);
