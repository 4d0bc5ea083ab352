import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import vm from "node:vm";
import { transformSync } from "esbuild";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type EdgeRequest,
  type EdgeResponse,
  type EdgeValue,
  viewerRequest,
  viewerResponse,
} from "../../../shared/ota/edge.ts";
import { parseEntityTags } from "../../../shared/ota/entity-tags.ts";
import { parseQuery } from "../../../shared/ota/select.ts";
import { AppError, PROBLEMS } from "../../../shared/problems.ts";

const A = "0123456789abcdef0123456789abcdef";
const B = "fedcba9876543210fedcba9876543210";

const eventOf = (
  querystring: Record<string, EdgeValue> | string,
  headers: Record<string, EdgeValue> = {},
): { request: EdgeRequest } => ({ request: { method: "GET", uri: "/package", querystring, headers } });

const accepted = (result: EdgeRequest | EdgeResponse): EdgeRequest => {
  if (!("uri" in result)) throw new Error(`refused: ${JSON.stringify(result)}`);
  return result;
};
const value = (text: string): EdgeValue => ({ value: text });
const values = (...texts: string[]): EdgeValue => ({
  value: texts[0] ?? "",
  multiValue: texts.map((text) => ({ value: text })),
});

describe("the viewer request's query", () => {
  test.each([
    [{}, "", "none"],
    ["", "", "none, as text"],
    [{ cpuArch: value("ARMv8"), os: value("Beta") }, "cpuarch=armv8&os=beta", "lower case"],
    [{ os: value("beta"), cpuArch: value("armv8") }, "cpuarch=armv8&os=beta", "sorted"],
    [{ x: values("prod", "PROD", "prod") }, "x=prod", "repeated with one value"],
    [{ x: values("prod", "beta") }, "x=beta&x=prod", "a contradiction is left for the origin to refuse"],
    [{ Scoreboard: value("prod"), scoreboard: value("prod") }, "scoreboard=prod", "two spellings of one name"],
    [{ flag: value("") }, "flag=", "no value"],
    [{ "%41pp": value("%42eta") }, "app=beta", "percent-encoded letters"],
    [{ "a+b": value("x%20y") }, "a%20b=x%20y", "two ways to write a space"],
    [{ "%C3%89": value("1") }, "%C3%A9=1", "letters beyond ASCII"],
    [{ "%zz": value("%FF") }, "%zz=%ff", "what cannot be decoded stays"],
    ["b=1&a=2&&b=1&c", "a=2&b=1&c=", "as text"],
  ])("%j → %s (%s)", (query, expected, _note) => {
    expect(accepted(viewerRequest(eventOf(query))).querystring).toBe(expected);
  });

  test.each([
    ["query-too-long", { cpuArch: value("a".repeat(4100)) }],
    ["query-too-long", { a: values(...Array.from({ length: 60 }, (_, i) => `${i}${"x".repeat(100)}`)) }],
    ["too-many-parameters", Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`p${i}`, value("1")]))],
    ["too-many-parameters", { a: values(...Array.from({ length: 65 }, () => "1")) }],
    ["characters", { a: value("%00") }],
    ["characters", { "a%0D%0Ab": value("1") }],
    ["characters", { a: value("%7f") }],
  ])("refuses %s", (rule, query) => {
    const response = viewerRequest(eventOf(query));
    if ("uri" in response) throw new Error("was accepted");
    expect(response).toMatchObject({
      statusCode: 400,
      headers: { "content-type": { value: "application/problem+json" } },
    });
    expect(JSON.parse(String(response.body))).toMatchObject({
      type: "/v1/problems/invalid-request",
      title: PROBLEMS["invalid-request"].title,
      status: 400,
      errors: [{ rule }],
    });
  });

  const part = fc.oneof(
    fc.constantFrom("cpuArch", "OS", "attrX", "a b", "é", "prod", "%", "+"),
    fc.string({ unit: "grapheme", maxLength: 4 }),
  );
  test("means to the origin what the viewer's own query meant", () => {
    const meaning = (query: string) => {
      try {
        return parseQuery(query);
      } catch (error) {
        if (error instanceof AppError) return error.findings[0]?.rule;
        throw error;
      }
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(part, part), { maxLength: 5 }), (pairs) => {
        const raw = new URLSearchParams([["cpuArch", "armv8"], ...pairs]).toString();
        const edge = viewerRequest(eventOf(raw));
        const original = meaning(raw);
        if (!("uri" in edge)) expect(original).toBe("characters");
        else {
          const after = meaning(String(edge.querystring));
          if (typeof original === "object") expect(after).toEqual(original);
          else expect(typeof after).toBe("string");
        }
      }),
    );
  });
});

describe("the viewer request's hashes", () => {
  const have = (headers: Record<string, EdgeValue>) =>
    accepted(viewerRequest(eventOf({}, headers))).headers["x-ota-have"];

  test.each([
    [{}, undefined, "no condition"],
    [{ "if-none-match": value(`"${B}", W/"${A.toUpperCase()}"`) }, `${A},${B}`, "sorted, lower case"],
    [{ "if-none-match": values(A, `${B},${A}`) }, `${A},${B}`, "repeated lines"],
    [{ "if-none-match": value("*") }, "*", "anything"],
    [{ "if-none-match": value(`${A}, *`) }, "*", "anything among hashes"],
    [{ "if-none-match": value('"a1-0123"') }, undefined, "an answer's ETag makes no new key"],
    [{ "x-ota-have": value(A) }, undefined, "a client's own header is dropped"],
    [{ "x-ota-have": value(A), "if-none-match": value(B) }, B, "… and does not join the real one"],
  ])("%j → %s (%s)", (headers, expected, _note) => {
    expect(have(headers)?.value).toBe(expected);
  });

  test("leaves If-None-Match for revalidation", () => {
    const request = accepted(viewerRequest(eventOf({}, { "if-none-match": value(`"${A}"`) })));
    expect(request.headers["if-none-match"]).toEqual({ value: `"${A}"` });
  });

  test("refuses more hashes than any device has binaries", () => {
    const many = Array.from({ length: 129 }, (_, index) => index.toString(16).padStart(32, "0")).join(",");
    expect(viewerRequest(eventOf({}, { "if-none-match": value(many) }))).toMatchObject({ statusCode: 400 });
  });

  test("reads the header as the origin does", () => {
    const piece = fc.constantFrom(A, B, A + B, A.toUpperCase(), "*", '"', ",", " ", "W/", "w/", "\t", "x");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const header = pieces.join("");
        const { any, tags } = parseEntityTags(header);
        expect(have({ "if-none-match": value(header) })?.value).toBe(any ? "*" : tags.join(",") || undefined);
      }),
    );
  });
});

describe("the viewer response", () => {
  const respond = (response: EdgeResponse) => viewerResponse({ ...eventOf({}), response });

  test("a marked 200 becomes 304 and keeps what a 304 needs", () => {
    const headers = {
      "x-ota-not-modified": value("1"),
      etag: value('"a1-1"'),
      "cache-control": value("max-age=100"),
      "content-type": value("application/gzip"),
      "content-length": value("0"),
    };
    expect(respond({ statusCode: 200, headers, body: "" })).toEqual({
      statusCode: 304,
      statusDescription: "Not Modified",
      headers: { etag: value('"a1-1"'), "cache-control": value("max-age=100") },
    });
  });

  test.each([
    [{ statusCode: 200, headers: { etag: value('"x"') } }, 200, "not marked"],
    [{ statusCode: 206, headers: { "x-ota-not-modified": value("1") } }, 206, "not a 200"],
    [{ statusCode: 200, headers: { "x-ota-not-modified": value("0") } }, 200, "marked otherwise"],
    [{ statusCode: 404 }, 404, "no headers"],
  ])("%j stays %i (%s), and no marker gets out", (response, status, _note) => {
    const result = respond(response);
    expect(result.statusCode).toBe(status);
    expect(result.headers?.["x-ota-not-modified"]).toBeUndefined();
  });
});

describe("as a CloudFront Function", () => {
  const source = stripTypeScriptTypes(readFileSync(new URL("../../../shared/ota/edge.ts", import.meta.url), "utf8"));

  test.each(["viewerRequest", "viewerResponse"])(
    "%s runs where there is nothing but the language, in 10 KB",
    (name) => {
      const code = transformSync(`${source.replaceAll(/^export /gm, "")}\nvar handler = ${name};`, {
        minifyWhitespace: true,
        target: "es2015",
      }).code;
      expect(Buffer.byteLength(code)).toBeLessThan(10_240);
      const event = { ...eventOf({ B: value("1"), a: value("2") }), response: { statusCode: 200, headers: {} } };
      const result: unknown = vm.runInNewContext(`${code};JSON.stringify(handler(${JSON.stringify(event)}))`, {});
      expect(String(result)).toContain(name === "viewerRequest" ? "a=2&b=1" : "200");
    },
  );

  test("uses no syntax that the runtime lacks", () => {
    const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    expect(code).not.toMatch(/\?\.|\?\?|\.\.\.|\bfor\s*\(|\bclass\b|\bimport\b|\bfunction\b|\/[a-z]*u[a-z]*\./);
  });
});
