import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { changes, inventoryOf, readInventory, writeInventory } from "./inventory.ts";
import { installPlatform } from "./platform.ts";
import { synthesiseAll } from "./stages.ts";

/**
 * `npm run infra:check`: installs SST's platform if it is absent, type-checks the stacks, evaluates every stage, tells what
 * would become of the cloud, writes the inventory anew, and tests what was made. `npm test` compares the inventory with the
 * committed one, and fails with the same lines.
 */
const run = (...command: string[]): void => {
  const { status } = spawnSync("npx", ["--no-install", ...command], {
    cwd: join(import.meta.dirname, "../.."),
    stdio: "inherit",
  });
  if (status !== 0) process.exit(status ?? 1);
};

await installPlatform();
run("tsc", "-p", "stacks");
const inventory = inventoryOf(await synthesiseAll());
for (const line of changes(readInventory(), inventory)) process.stdout.write(`${line}\n`);
writeInventory(inventory);
run("vitest", "run", "tests/infrastructure");
