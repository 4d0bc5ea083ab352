import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { bundle } from "../../stacks/bundle.ts";
import { ENTRY } from "../../stacks/bundle-directory.ts";
import { percentile, type Row } from "./report.ts";

const MODULE = `${ENTRY.split(".")[0]}.mjs`;

/** Prints how long the first import of a bundle takes, with what Lambda gives to a function that streams. */
const IMPORT = `
  globalThis.awslambda = { streamifyResponse: (handler) => handler };
  const from = performance.now();
  await import(process.argv[1]);
  console.log(performance.now() - from);
`;

/** Milliseconds from an empty process, with all that a function needs of Node yet to be loaded. */
const initMs = async (file: string): Promise<number> => {
  const args = ["--input-type=module", "--enable-source-maps", "--eval", IMPORT, pathToFileURL(file).href];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { AWS_REGION: "us-east-1", AWS_LAMBDA_FUNCTION_NAME: "bench" },
  });
  return Number(stdout);
};

/** Every function's bundle: its size as Lambda gets it, minified and not compressed, and the time that its init takes. */
export const benchBundles = async (tries: number): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "slipway-bench-"));
  try {
    const bundles = Object.entries(await bundle(dir));
    const sizes = bundles.map(([, { bytes }]) => bytes / 1_000);
    const rows: Row[] = [];
    const inits: number[] = [];
    for (const [index, [name]] of bundles.entries()) {
      const samples: number[] = [];
      for (let i = 0; i < tries; i += 1) samples.push(await initMs(join(dir, name, MODULE)));
      const init = percentile(samples, 0.5);
      inits.push(init);
      rows.push({ name: `bundle of ${name}`, value: sizes[index] ?? Number.NaN, unit: "KB" });
      rows.push({ name: `init of ${name}, median`, value: init, unit: "ms" });
    }
    return [
      ...rows,
      { name: "largest bundle", value: Math.max(...sizes), unit: "KB" },
      { name: "slowest init", value: Math.max(...inits), unit: "ms" },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
};
