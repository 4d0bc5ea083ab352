import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";
import { makeDocsPage } from "../functions/docs/make-page.ts";

/** For esbuild: what two modules would read from files as they start stands in their place. Bundles have no files beside them. */
export const premade: Plugin = {
  name: "premade",
  setup: ({ onLoad }) => {
    onLoad({ filter: /[\\/]functions[\\/]device[\\/]installer\.ts$/ }, async ({ path }) => {
      const text = await readFile(join(dirname(path), "install.sh"), "utf8");
      return { contents: `export const installer = ${JSON.stringify(text)};` };
    });
    onLoad({ filter: /[\\/]functions[\\/]docs[\\/]page\.ts$/ }, () => ({
      contents: `export const docsPage = ${JSON.stringify(makeDocsPage())};`,
    }));
  },
};
