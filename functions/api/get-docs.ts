import { gunzipSync } from "node:zlib";
import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { docsPage } from "../docs/page.ts";
import { endpoint } from "../http/endpoint.ts";

/** RFC 9110 §12.5.3, as far as it matters here: whoever names gzip with a weight above 0, or takes anything, gets it. */
const takesGzip = (header: string | undefined): boolean =>
  (header ?? "").split(",").some((part) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(part));

/** The contract as a page to read: nothing of it is fetched from anybody else. */
export const handler = endpoint(recordRoutes, "getDocs", async ({ acceptEncoding }) => {
  const isGzip = takesGzip(acceptEncoding);
  return {
    statusCode: 200,
    headers: {
      "content-type": `${recordRoutes.getDocs.media}; charset=utf-8`,
      "cache-control": "public, max-age=300",
      "content-security-policy": docsPage.policy,
      vary: "accept-encoding",
      ...(isGzip && { "content-encoding": "gzip" }),
    },
    ...(isGzip
      ? { body: docsPage.gzipped, isBase64Encoded: true }
      : { body: gunzipSync(Buffer.from(docsPage.gzipped, "base64")).toString("utf8") }),
  };
});
