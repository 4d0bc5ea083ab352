import { GetObjectCommand, PutBucketCorsCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { beforeAll, describe, expect, test } from "vitest";
import { codeOf, s3Suite } from "./support.ts";

const suite = s3Suite();
const { freshBucket } = suite;

describe("CORS", () => {
  const Bucket = "cors";
  beforeAll(async () => {
    await freshBucket(Bucket);
    await suite.s3.send(
      new PutBucketCorsCommand({
        Bucket,
        CORSConfiguration: {
          CORSRules: [
            {
              AllowedOrigins: ["https://*.example.com"],
              AllowedMethods: ["PUT", "GET"],
              AllowedHeaders: ["X-Amz-*", "content-type"],
              ExposeHeaders: ["ETag"],
              MaxAgeSeconds: 60,
            },
            { AllowedOrigins: ["*"], AllowedMethods: ["GET"] },
          ],
        },
      }),
    );
  });

  test.each<[origin: string, method: string, headers: string, status: number, allowed: string | null]>([
    ["https://a.example.com", "PUT", "x-amz-meta-a, Content-Type", 200, "https://a.example.com"],
    ["https://a.example.com", "PUT", "authorization", 403, null],
    ["https://a.example.com", "DELETE", "", 403, null],
    ["http://a.example.com", "PUT", "", 403, null],
    ["http://elsewhere", "GET", "", 200, "*"],
  ])("a preflight from %s for %s with %j: %i", async (origin, method, headers, status, allowed) => {
    const response = await fetch(`${suite.server.url}/${Bucket}/key`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        ...(headers === "" ? {} : { "access-control-request-headers": headers }),
      },
    });
    const text = await response.text();
    expect(response.status).toBe(status);
    expect(response.headers.get("access-control-allow-origin")).toBe(allowed);
    if (status === 403) expect(text).toContain("<Code>AccessForbidden</Code>");
  });

  test("a preflight tells everything of its rule", async () => {
    const response = await fetch(`${suite.server.url}/${Bucket}/key`, {
      method: "OPTIONS",
      headers: {
        origin: "https://a.example.com",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "X-Amz-Meta-A",
      },
    });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-methods": "PUT, GET",
      "access-control-allow-headers": "x-amz-meta-a",
      "access-control-expose-headers": "ETag",
      "access-control-max-age": "60",
      "access-control-allow-credentials": "true",
    });
  });

  test.each<[note: string, path: string, headers: Record<string, string>, expected: string]>([
    [
      "without rules",
      "/bucket/key",
      { origin: "http://a", "access-control-request-method": "GET" },
      "AccessForbidden 403",
    ],
    ["without an origin", "/cors/key", { "access-control-request-method": "GET" }, "BadRequest 400"],
    ["without a method", "/cors/key", { origin: "http://a" }, "BadRequest 400"],
  ])("a preflight %s", async (_note, path, headers, expected) => {
    expect(await codeOf(await fetch(`${suite.server.url}${path}`, { method: "OPTIONS", headers }))).toBe(expected);
  });

  test("an answer carries the headers, an error too; without an origin it does not", async () => {
    const url = await getSignedUrl(suite.s3, new GetObjectCommand({ Bucket, Key: "missing" }));
    const ask = async (headers: Record<string, string>) => {
      const response = await fetch(url, { headers });
      await response.text();
      return [response.status, response.headers.get("access-control-allow-origin"), response.headers.get("vary")];
    };
    expect(await ask({ origin: "https://a.example.com" })).toEqual([
      404,
      "https://a.example.com",
      "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    ]);
    expect(await ask({})).toEqual([404, null, null]);
  });
});
