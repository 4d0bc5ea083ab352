import { writeFileSync } from "node:fs";
import { emulationDocument } from "./emulation-document.ts";
import { emulations } from "./emulations.ts";

/** `npm run docs`: writes what is generated from the code. */
writeFileSync(new URL("../docs/EMBEDDED-CLOUD.md", import.meta.url), await emulationDocument(emulations));
