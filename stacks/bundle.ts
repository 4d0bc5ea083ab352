import { join, resolve } from "node:path";
import { build } from "esbuild";
import { functions } from "../functions/declared.ts";
import { premade } from "./premade.ts";
import { slimSdk } from "./slim-sdk.ts";

const ROOT = join(import.meta.dirname, "..");

export interface Bundle {
  /** Minified, without its source map and before Lambda's compression. */
  readonly bytes: number;
  /** The files that something of is in it, below the project's folder or with `node_modules/` in the path. */
  readonly modules: readonly string[];
}

/**
 * Bundles functions as Lambda gets them: each one into `{outDir}/{name}/index.mjs`, with its source map beside it.
 * The same sources give the same bytes. Writes over what is there, and deletes nothing.
 * @param names keys of `functions`; all of them unless given
 * @throws Error esbuild's, which it has printed as well
 */
export const bundle = async (
  outDir: string,
  names: readonly string[] = Object.keys(functions),
): Promise<Record<string, Bundle>> => {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: names.map((name) => {
      const declared = functions[name];
      if (declared === undefined) throw new RangeError(`no function is named ${name}`);
      return { in: `${declared.module}.ts`, out: `${name}/index` };
    }),
    outdir: resolve(outDir),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    minify: true,
    // For stack traces: names and lines, not the sources once more.
    sourcemap: "linked",
    sourcesContent: false,
    metafile: true,
    platform: "node",
    target: "node24",
    format: "esm",
    // Module entries first: they shake better, and bundles are a third smaller.
    mainFields: ["module", "main"],
    plugins: [slimSdk, premade],
    // What is left of CommonJS in the bundles calls require for Node's own modules.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: "warning",
  });
  return Object.fromEntries(
    Object.entries(metafile.outputs).flatMap(([path, { bytes, inputs }]) => {
      const name = /([^/]+)\/index\.mjs$/.exec(path)?.[1];
      if (name === undefined) return [];
      const modules = Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
      return [[name, { bytes, modules: modules.map(([module]) => module) }]];
    }),
  );
};
