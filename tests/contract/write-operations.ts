import { writeFileSync } from "node:fs";
import { sdkOperations } from "./operations.ts";

/** `node tests/contract/write-operations.ts`: after the stand-ins were held against an SDK update. */
writeFileSync(new URL("./operations.json", import.meta.url), `${JSON.stringify(sdkOperations(), null, 1)}\n`);
