import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { settingsDocument } from "../../stacks/settings-document.ts";
import { inventoryOf, writeInventory } from "./inventory.ts";
import { installPlatform } from "./platform.ts";
import { synthesiseAll } from "./stages.ts";

/**
 * `npm run infra:check`: installs SST's platform if it is absent, type-checks the stacks, and tests what they make of
 * every stage. With `-- --write`, the inventory and docs/SETTINGS.md are written anew before that.
 */
const root = join(import.meta.dirname, "../..");
const run = (...command: string[]): void => {
  const { status } = spawnSync("npx", ["--no-install", ...command], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
};

await installPlatform();
if (process.argv.includes("--write")) {
  writeInventory(inventoryOf(await synthesiseAll()));
  writeFileSync(join(root, "docs/SETTINGS.md"), settingsDocument());
}
run("vitest", "run", "tests/infrastructure");
