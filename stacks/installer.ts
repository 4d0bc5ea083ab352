import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Plugin } from "esbuild";

/** For esbuild: puts the text of `install.sh` where `functions/device/installer.ts` would read the file. */
export const installerText: Plugin = {
  name: "installer-text",
  setup: ({ onLoad }) => {
    onLoad({ filter: /[\\/]functions[\\/]device[\\/]installer\.ts$/ }, async ({ path }) => {
      const text = await readFile(join(dirname(path), "install.sh"), "utf8");
      return { contents: `export const installer = ${JSON.stringify(text)};` };
    });
  },
};
