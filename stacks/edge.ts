import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import type * as edge from "../shared/ota/edge.ts";

/** A function of `shared/ota/edge.ts`, by its name there. */
export type EdgeFunction = keyof typeof edge;

/** SST bundles the stacks into another folder, and esbuild does not run from inside a bundle. */
const esbuild = (): typeof import("esbuild") => createRequire(resolve("package.json"))("esbuild");

/**
 * The code of a CloudFront function, at most 10 KB: `shared/ota/edge.ts` without its types, and a `handler` that is one
 * of its functions. The runtime has no modules, hence no `export`.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
 */
export const edgeCode = (name: EdgeFunction): string => {
  const source = readFileSync(resolve("shared/ota/edge.ts"), "utf8").replaceAll(/^export /gm, "");
  return esbuild().transformSync(`${source}\nfunction handler(event) { return ${name}(event); }`, {
    loader: "ts",
    minifyWhitespace: true,
    target: "es2015",
  }).code;
};
