import { defineConfig } from "vitest/config";

/** Every suite makes its own data folder and ports, so files may run beside each other on two cores. */
export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    exclude: ["tests/long/**"],
    globalSetup: ["tests/infrastructure/setup.ts"],
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
