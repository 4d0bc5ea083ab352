import { readFileSync, writeFileSync } from "node:fs";
import { settingsDocument } from "../stacks/settings-document.ts";
import { emulationDocument } from "./emulation-document.ts";
import { emulations } from "./emulations.ts";
import { withEventTypes } from "./events-document.ts";
import { problemsDocument } from "./problems-document.ts";

/** `npm run docs`: writes what is generated from the code. */
const write = (name: string, text: string): void => writeFileSync(new URL(`../docs/${name}`, import.meta.url), text);

write("EMBEDDED-CLOUD.md", await emulationDocument(emulations));
write("SETTINGS.md", settingsDocument());
write("TROUBLESHOOTING.md", problemsDocument());
write("EVENTS.md", withEventTypes(readFileSync(new URL("../docs/EVENTS.md", import.meta.url), "utf8")));
