import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCloud } from "../../local/child.ts";
import { benchIntents } from "./intents.ts";
import { type Row, table } from "./report.ts";

/** `npm run bench -- [--json FILE] [--quick]`: figures of this machine, printed and, if asked, written as JSON. */
const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { json: { type: "string" }, quick: { type: "boolean", default: false } } });
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const rows: Row[] = [];
  try {
    const cold = await runCloud(join(dir, "data"));
    rows.push({ name: "time to ready, new data folder", value: cold.readyMs, unit: "ms" });
    await cold.stop();
    const cloud = await runCloud(join(dir, "data"), { args: ["--test-mode"] });
    rows.push({ name: "time to ready, existing data folder", value: cloud.readyMs, unit: "ms" });
    try {
      rows.push(...(await benchIntents(cloud, values.quick ? 100 : 1_000)));
    } finally {
      await cloud.stop();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  process.stdout.write(table(rows));
  if (values.json !== undefined) {
    const report = { at: new Date().toISOString(), node: process.version, platform: process.platform, rows };
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
};

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
