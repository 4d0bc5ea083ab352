#!/usr/bin/env node
// JavaScript that any Node.js reads, so that one that is too old can say so. The rest is TypeScript, run as it is.
import module from "node:module";

if (process.features.typescript) {
  module.enableCompileCache();
  await import("./main.ts");
} else {
  const found = `Node.js 24 is needed, and this is ${process.version}`;
  process.stderr.write(`slipway: ${found}. In the project, "npx slipway" finds the right one.\n`);
  process.exitCode = 1;
}
