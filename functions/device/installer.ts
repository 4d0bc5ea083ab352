import { readFileSync } from "node:fs";

/**
 * `GET /v1/install.sh`: the script that makes a device a node. It is read once as a function's instance starts; in bundles,
 * which have no files beside them, its text stands in this module's place (`stacks/bundle.ts`).
 */
export const installer: string = readFileSync(new URL("install.sh", import.meta.url), "utf8");
