import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { openDeadLetters } from "./dead-letters.ts";

/** `npm run -s dlq -- [--data DIR]`: the dead letters of an embedded cloud, oldest first, a line of JSON each. */
const USAGE = "Usage: npm run -s dlq -- [--data DIR]";

try {
  const { values } = parseArgs({ options: { data: { type: "string", default: ".slipway" } } });
  const dir = resolve(values.data);
  if (!existsSync(join(dir, "dead-letters.db"))) throw new Error(`${dir} is no data folder of an embedded cloud`);
  const letters = openDeadLetters(dir);
  for (const letter of letters.list()) process.stdout.write(`${JSON.stringify(letter)}\n`);
  letters.close();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
  process.exit(1);
}
