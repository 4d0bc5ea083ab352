import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** Every suite makes its own data folder and ports, so files may run beside each other: three on two cores, as each waits now and then. */
export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    exclude: ["tests/long/**"],
    globalSetup: ["tests/infrastructure/setup.ts"],
    // Every cloud that a test starts loads the same modules: compiled once, each starts in half the time. It has room for garbage.
    env: {
      NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/slipway/compiled"),
      SLIPWAY_CLOUD_MEMORY: "roomy",
    },
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
