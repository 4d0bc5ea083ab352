import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { costsDocument } from "./document.ts";

/** `npm run -s costs`: prints docs/COSTS.md, or writes it with `-- --write`. */
const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });
if (values.write) writeFileSync(join(import.meta.dirname, "../../docs/COSTS.md"), costsDocument());
else process.stdout.write(costsDocument());
