import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";

/** The page as it is sent. */
export interface DocsPage {
  /** HTML, as one gzip member, in base64. */
  readonly gzipped: string;
  /** Of `Content-Security-Policy`: the page may run its own script and read the contract, and reach nobody else. */
  readonly policy: string;
}

const START = `SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tagsSorter: "alpha",
  validatorUrl: null,
});`;

/** A script may stand in a page if nothing in it ends its element. https://html.spec.whatwg.org/#restrictions-for-contents-of-script-elements */
const inPage = (script: string): string => script.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");

const hashOf = (script: string): string => `'sha256-${createHash("sha256").update(script).digest("base64")}'`;

/**
 * Swagger UI around `/v1/openapi.json` as one file, so that to read it is one request. Its licence notice stays with it.
 * @throws Error Node's, where the package is not installed
 */
export const makeDocsPage = (): DocsPage => {
  const require = createRequire(import.meta.url);
  const read = (file: string) => readFileSync(require.resolve(`swagger-ui-dist/${file}`), "utf8");
  const library = inPage(read("swagger-ui-bundle.js").replace(/\n\/\/# sourceMappingURL=.*\s*$/, ""));
  const style = read("swagger-ui.css").replace(/\/\*# sourceMappingURL=.*?\*\//, "");
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Slipway API</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<noscript>This page needs JavaScript; what it shows is <a href="openapi.json">openapi.json</a>.</noscript>
<main id="reference"></main>
<script>${library}</script>
<script>${START}</script>
</body>
</html>
`;
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(library)} ${hashOf(START)}`,
    // Swagger UI sets styles on its elements.
    "style-src 'unsafe-inline'",
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return { gzipped: gzipSync(html, { level: 9 }).toString("base64"), policy };
};
