import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "esbuild";

const STAND_INS = join(import.meta.dirname, "stand-ins.ts");

/** Modules for which `stand-ins.ts` stands in bundles. */
export const REPLACED = ["@aws-sdk/credential-provider-node", "@aws-sdk/endpoint-cache", "@smithy/core/event-streams"];

/** Packages that only declare things, and do not say so in their `package.json`: what is not used of them may go. */
const DECLARES_ONLY = /^@aws-sdk\/lib-(dynamodb|storage)$/;

/**
 * A client's schemas with their keys written out. The SDK writes `{ [_n]: "Name" }` with `const _n = "name"`; esbuild
 * cannot know that a computed key has no effect, and keeps the schemas of all operations.
 */
const withLiteralKeys = (code: string): string => {
  const texts = new Map([...code.matchAll(/^const (_\w+) = ("\w*");$/gm)].map(([, name, text]) => [name, text]));
  return code.replace(/\[(_\w+)\]:/g, (key, name) => (texts.has(name) ? `${texts.get(name)}:` : key));
};

/**
 * For esbuild: leaves out of a bundle what its function does not use of the AWS SDK. Where a new version of the SDK is
 * written otherwise than is looked for here, bundles are larger and right all the same; the budget notices.
 */
export const slimSdk: Plugin = {
  name: "slim-sdk",
  setup: ({ onLoad, onResolve, resolve, initialOptions }) => {
    initialOptions.alias = {
      ...initialOptions.alias,
      ...Object.fromEntries(REPLACED.map((name) => [name, STAND_INS])),
    };
    const asked = Symbol();
    onResolve({ filter: DECLARES_ONLY }, async ({ path, pluginData, ...from }) => {
      if (pluginData === asked) return undefined;
      return { ...(await resolve(path, { ...from, pluginData: asked })), sideEffects: false };
    });
    onLoad({ filter: /[\\/]@aws-sdk[\\/].*[\\/]schemas[\\/]schemas_0\.js$/ }, async ({ path }) => ({
      contents: withLiteralKeys(await readFile(path, "utf8")),
    }));
    // A client tells its version in `User-Agent`, and brings the rest of the file for that.
    onLoad({ filter: /[\\/]@aws-sdk[\\/][^\\/]+[\\/]package\.json$/ }, async ({ path }) => {
      const { version } = JSON.parse(await readFile(path, "utf8")) as { version: string };
      return { loader: "json", contents: JSON.stringify({ version }) };
    });
  },
};
