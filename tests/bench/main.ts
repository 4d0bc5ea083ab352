import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCloud } from "../../local/child.ts";
import { benchApi } from "./api.ts";
import { benchBundles } from "./bundles.ts";
import { benchCalls } from "./calls.ts";
import { benchCli } from "./cli.ts";
import { benchComponents } from "./components.ts";
import { benchDevices } from "./devices.ts";
import { benchGreengrass } from "./greengrass.ts";
import { benchImports } from "./imports.ts";
import { benchIntents } from "./intents.ts";
import { benchIot } from "./iot.ts";
import { benchOta } from "./ota.ts";
import { benchPlans } from "./plans.ts";
import { type Row, table } from "./report.ts";
import { benchResolver } from "./resolver.ts";
import { benchS3 } from "./s3.ts";
import { benchStepFunctions } from "./step-functions.ts";
import { benchStreams } from "./streams.ts";

/** The whole: time to ready, intents, memory. */
const benchCloud = async (quick: boolean): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  const rows: Row[] = [];
  try {
    const cold = await runCloud(join(dir, "data"), { strict: false });
    rows.push({ name: "time to ready, new data folder", value: cold.readyMs, unit: "ms" });
    await cold.stop();
    const cloud = await runCloud(join(dir, "data"), { args: ["--test-mode"], strict: false });
    rows.push({ name: "time to ready, existing data folder", value: cloud.readyMs, unit: "ms" });
    try {
      rows.push(...(await benchIntents(cloud, quick ? 100 : 1_000)));
    } finally {
      await cloud.stop();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return rows;
};

/** Each engine alone, beside the bare thing: the cost of being honest. */
const SUITES: Readonly<Record<string, (quick: boolean) => Promise<Row[]>>> = {
  cloud: benchCloud,
  api: (quick) => benchApi(quick ? 100 : 1_000),
  imports: (quick) => benchImports(quick ? 200 : 10_000),
  s3: (quick) => benchS3(quick ? 200 : 2_000),
  iot: (quick) => benchIot(quick ? 200 : 2_000),
  greengrass: (quick) => benchGreengrass(quick ? 50 : 500),
  "step-functions": (quick) => benchStepFunctions(quick ? 100 : 2_000),
  ota: benchOta,
  bundles: (quick) => benchBundles(quick ? 1 : 5),
  calls: (quick) => benchCalls(quick ? 3 : 20),
  cli: (quick) => benchCli(quick ? 3 : 20, quick ? 500 : 10_000),
  components: (quick) => benchComponents(quick ? 50 : 1_000, (quick ? 50 : 1_000) * 1_000_000),
  devices: (quick) => benchDevices(quick ? 50 : 1_000),
  plans: (quick) => benchPlans(quick ? 1_000 : 10_000, quick ? 5 : 50),
  resolver: (quick) => benchResolver(quick),
  streams: (quick) => benchStreams(quick ? 200 : 2_000),
};

/** `npm run bench -- [--json FILE] [--quick] [--only SUITE]`: figures of this machine, printed and, if asked, as JSON. */
const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      json: { type: "string" },
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: Object.keys(SUITES) },
    },
  });
  const unknown = values.only.filter((name) => !(name in SUITES));
  if (unknown.length > 0) throw new Error(`--only takes ${Object.keys(SUITES).join(", ")}, not ${unknown.join(", ")}`);
  const rows: Row[] = [];
  for (const name of values.only) {
    const suite = (await SUITES[name]?.(values.quick)) ?? [];
    process.stdout.write(table(suite));
    rows.push(...suite);
  }
  if (values.json !== undefined) {
    const report = { at: new Date().toISOString(), node: process.version, platform: process.platform, rows };
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
};

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
