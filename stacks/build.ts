import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Budget, kb, overBudget, recorded } from "./budget.ts";
import { bundle } from "./bundle.ts";
import { BUNDLES } from "./bundle-directory.ts";

/**
 * `npm run build [-- --record]`: every declared function as Lambda gets it, in a folder of its own below `dist/`. Prints
 * the sizes, and fails when one is over the budget of `bundles.json`; `--record` makes the sizes of now the budget.
 */
const { values } = parseArgs({ options: { record: { type: "boolean", default: false } } });
const dist = join(import.meta.dirname, "..", BUNDLES);
const file = join(import.meta.dirname, "bundles.json");

// Nothing is deleted: what is left of another build is in no function's folder.
mkdirSync(dist, { recursive: true });
const measured = Object.fromEntries(Object.entries(await bundle(dist)).map(([name, { bytes }]) => [name, bytes]));
for (const [name, bytes] of Object.entries(measured)) {
  process.stdout.write(`${kb(bytes).padStart(9)}  ${name}\n`);
}

let budget = JSON.parse(readFileSync(file, "utf8")) as Budget;
if (values.record) {
  budget = recorded(budget, measured);
  writeFileSync(file, `${JSON.stringify(budget, null, 2)}\n`);
}
const problems = overBudget(budget, measured);
for (const problem of problems) process.stderr.write(`over budget: ${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
