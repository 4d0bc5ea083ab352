import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { openDeadLetters } from "./dead-letters.ts";

/** `npm run -s dlq -- [--data DIR]`: the dead letters of an embedded cloud, oldest first, a line of JSON each. */
const { values } = parseArgs({ options: { data: { type: "string", default: ".slipway" } } });
const letters = openDeadLetters(resolve(values.data));
for (const letter of letters.list()) process.stdout.write(`${JSON.stringify(letter)}\n`);
letters.close();
