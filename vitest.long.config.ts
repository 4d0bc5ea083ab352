import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** `npm run test:long`: minutes, not seconds; one file at a time, with the machine to itself. */
export default defineConfig({
  test: {
    include: [
      "tests/long/**/*.test.ts",
      "tests/integration/api/fuzz.test.ts",
      "tests/integration/failures/publishing-killed.test.ts",
      "tests/integration/memberships.test.ts",
      "tests/integration/node-imports.test.ts",
    ],
    env: {
      NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/slipway/compiled"),
      FUZZ_RUNS: "300",
      SLIPWAY_LONG: "1",
    },
    maxWorkers: 1,
    testTimeout: 1_800_000,
    hookTimeout: 60_000,
  },
});
