import { isBuiltin } from "node:module";
import { build } from "esbuild";
import { expect, test } from "vitest";

const CLIENT = new URL("../../client/index.ts", import.meta.url).pathname;

/** The client as a browser gets it. */
const bundled = (contents: string) =>
  build({
    stdin: { contents, resolveDir: import.meta.dirname, loader: "ts" },
    bundle: true,
    platform: "browser",
    format: "esm",
    target: "es2022",
    minify: true,
    write: false,
    metafile: true,
    logLevel: "silent",
  });

test("the client is bundled for the browser without a module of Node's, nor the types' text", async () => {
  const { outputFiles, metafile } = await bundled(`export * from ${JSON.stringify(CLIENT)};`);
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.some((path) => path.endsWith("client/retry.ts"))).toBe(true);
  expect(inputs.filter((path) => path.endsWith("schema.ts"))).toEqual([]);
  const imports = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  expect(imports.filter((path) => isBuiltin(path))).toEqual([]);
  expect(outputFiles[0]?.text).not.toMatch(/\bBuffer\b|\brequire\(|\b__dirname\b/);
  expect(outputFiles[0]?.contents.length).toBeLessThan(32_000);
});
