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
  objectRequest,
  objectResponse,
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

const textOf = (query: Record<string, EdgeValue> | string): string =>
  typeof query === "string"
    ? query
    : Object.entries(query)
        .flatMap(([name, entry]) => (entry.multiValue ?? [entry]).map((one) => `${name}=${one.value}`))
        .join("&");
/** What a query means to the origin, or the rule by which the origin refuses it. */
const meaningOf = (query: string) => {
  try {
    return parseQuery(query);
  } catch (error) {
    if (error instanceof AppError) return error.findings[0]?.rule;
    throw error;
  }
};
const refusalOf = (query: string) => {
  const meaning = meaningOf(query);
  return typeof meaning === "object" ? undefined : meaning;
};

describe("the viewer request's query", () => {
  const X = { cpuArch: value("x") };

  test.each([
    [{ cpuArch: value("ARMv8"), os: value("Beta") }, "cpuarch=armv8&os=beta", "lower case"],
    [{ os: value("beta"), cpuArch: value("armv8") }, "cpuarch=armv8&os=beta", "sorted"],
    [{ y: values("prod", "PROD", "prod"), ...X }, "cpuarch=x&y=prod", "repeated with one value"],
    [
      { y: values("prod", "beta"), ...X },
      "cpuarch=x&y=beta&y=prod",
      "a contradiction is left for the origin to refuse",
    ],
    [
      { Scoreboard: value("prod"), scoreboard: value("prod"), ...X },
      "cpuarch=x&scoreboard=prod",
      "two spellings of one name",
    ],
    [{ "%41pp": value("%42eta"), ...X }, "app=beta&cpuarch=x", "percent-encoded letters"],
    [{ "a+b": value("x%20y"), ...X }, "a%20b=x%20y&cpuarch=x", "two ways to write a space"],
    [{ "%C3%89": value("1"), ...X }, "%C3%A9=1&cpuarch=x", "letters beyond ASCII"],
    [{ "%zz": value("%FF"), ...X }, "%zz=%ff&cpuarch=x", "what cannot be decoded stays"],
    ["b=1&cpuArch=x&&b=1", "b=1&cpuarch=x", "as text"],
    [{ payloadType: value("fullPayload"), ...X }, "cpuarch=x", "the payload that is given anyway"],
    [{ payloadType: value("metadataOnly"), ...X }, "cpuarch=x&payloadtype=metadataonly", "the other one"],
    [
      { payloadType: values("fullPayload", "metadataOnly"), ...X },
      "cpuarch=x&payloadtype=fullpayload&payloadtype=metadataonly",
      "both, which the origin refuses",
    ],
    [{ os: value("PROD"), ...X }, "cpuarch=x", "the environment that is meant anyway"],
    [
      { os: value("prod"), os_x: value("beta"), ...X },
      "cpuarch=x&os=prod&os_x=beta",
      "… but not where another is named",
    ],
    [{ os: values("prod", "beta"), ...X }, "cpuarch=x&os=beta&os=prod", "… nor where it is contradicted"],
  ])("%j → %s (%s)", (query, expected, _note) => {
    expect(accepted(viewerRequest(eventOf(query))).querystring).toBe(expected);
  });

  test.each([
    ["required", {}],
    ["required", ""],
    ["required", { os: value("beta") }],
    ["one-of", { ...X, payloadType: value("all") }],
    ["empty-value", { ...X, os: value("") }],
    ["empty-value", { cpuArch: value("") }],
    ["empty-value", "cpuArch=x&app"],
    ["empty-name", "cpuArch=x&=prod"],
    ["empty-name", { ...X, attr: value("prod") }],
    ["too-long", { ...X, a: value("b".repeat(129)) }],
    ["too-long", { ...X, ["%C3%A9".repeat(129)]: value("b") }],
    ["query-too-long", { cpuArch: value("a".repeat(4100)) }],
    ["query-too-long", { a: values(...Array.from({ length: 60 }, (_, i) => `${i}${"x".repeat(100)}`)) }],
    ["too-many-parameters", Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`p${i}`, value("1")]))],
    ["too-many-parameters", { a: values(...Array.from({ length: 65 }, () => "1")) }],
    ["characters", { ...X, a: value("%00") }],
    ["characters", { ...X, "a%0D%0Ab": value("1") }],
    ["characters", { ...X, a: value("%7f") }],
  ])("refuses %s, as the origin would", (rule, query) => {
    const response = viewerRequest(eventOf(query));
    if ("uri" in response) throw new Error("was accepted");
    expect(response).toMatchObject({
      statusCode: 400,
      headers: { "content-type": { value: "application/problem+json" } },
    });
    const document = JSON.parse(String(response.body));
    const { title, status } = PROBLEMS["invalid-request"];
    const finding = { rule, detail: document.detail };
    expect(document).toEqual(
      expect.objectContaining({ type: "/v1/problems/invalid-request", title, status, errors: [finding] }),
    );
    expect(refusalOf(textOf(query))).toBe(rule);
  });

  test("takes names and values of 128 characters, however they are written", () => {
    accepted(viewerRequest(eventOf({ ...X, ["%C3%A9".repeat(128)]: value("b".repeat(128)) })));
  });

  const part = fc.oneof(
    fc.constantFrom("cpuArch", "OS", "os_armv8", "payloadType", "fullPayload", "attrX", "a b", "é", "prod", "%", "+"),
    fc.string({ unit: "grapheme", maxLength: 4 }),
  );
  test("means to the origin what the viewer's own query meant", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(part, part), { maxLength: 5 }), (pairs) => {
        const raw = new URLSearchParams([["cpuArch", "armv8"], ...pairs]).toString();
        const edge = viewerRequest(eventOf(raw));
        const original = meaningOf(raw);
        if (!("uri" in edge)) expect(typeof original).toBe("string");
        else if (typeof original === "object") expect(meaningOf(String(edge.querystring))).toEqual(original);
        else expect(typeof meaningOf(String(edge.querystring))).toBe("string");
      }),
    );
  });
});

describe("the viewer request's hashes", () => {
  const asked = (headers: Record<string, EdgeValue>, query = "cpuArch=x") =>
    accepted(viewerRequest(eventOf(query, headers))).headers;
  const have = (headers: Record<string, EdgeValue>) => asked(headers)["x-ota-have"];

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
    expect(asked({ "if-none-match": value(`"${A}"`) })["if-none-match"]).toEqual({ value: `"${A}"` });
  });

  test("refuses more hashes than any device has binaries", () => {
    const many = Array.from({ length: 129 }, (_, index) => index.toString(16).padStart(32, "0")).join(",");
    expect(viewerRequest(eventOf("cpuArch=x", { "if-none-match": value(many) }))).toMatchObject({ statusCode: 400 });
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

describe("the viewer request", () => {
  test.each([
    [{ prefer: value("redirect") }, "", "redirect"],
    [{ prefer: value("respond-async, Redirect ; x=1") }, "", "redirect"],
    [{ prefer: values("wait=5", "redirect") }, "", "redirect"],
    [{ prefer: value("redirecting") }, "", undefined],
    [{ prefer: value("redirect=no") }, "", undefined],
    [{ prefer: value("redirect") }, "&payloadType=metadataOnly", undefined],
    [{ "x-ota-prefer": value("redirect") }, "", undefined],
  ])("%j%s → x-ota-prefer %s", (headers: Record<string, EdgeValue>, query, expected) => {
    const request = accepted(viewerRequest(eventOf(`cpuArch=x${query}`, headers)));
    expect(request.headers["x-ota-prefer"]?.value).toBe(expected);
  });

  test.each([
    ["viewerRequest", viewerRequest],
    ["objectRequest", objectRequest],
  ])("%s lets GET and HEAD through, and says so to all others", (_name, run) => {
    const of = (method: string) => run({ request: { ...eventOf("cpuArch=x").request, method } });
    for (const method of ["GET", "HEAD"]) accepted(of(method));
    for (const method of ["OPTIONS", "PUT", "POST", "PATCH", "DELETE"]) {
      const response = of(method);
      if ("uri" in response) throw new Error("was accepted");
      expect(response).toMatchObject({ statusCode: 405, headers: { allow: { value: "GET, HEAD" } } });
      const { title, status } = PROBLEMS["method-not-allowed"];
      expect(JSON.parse(String(response.body))).toMatchObject({ code: "method-not-allowed", title, status });
    }
  });
});

describe("the viewer response of objects", () => {
  test("has the digest under its own name", () => {
    const response = {
      statusCode: 200,
      headers: { "x-amz-meta-repr-digest": value("sha-256=:x:"), etag: value('"e"') },
    };
    expect(objectResponse({ ...eventOf(""), response }).headers).toEqual({
      "repr-digest": value("sha-256=:x:"),
      etag: value('"e"'),
    });
    expect(objectResponse({ ...eventOf(""), response: { statusCode: 200 } }).headers).toEqual({});
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
      headers: {
        etag: value('"a1-1"'),
        "cache-control": value("max-age=100"),
        vary: value("if-none-match, prefer, x-device-id, x-device-hardware"),
      },
      body: "",
    });
  });

  test.each([
    [200, '"m1-a"', '"m1-a"', 304],
    [200, `W/"m1-a" , "${A}"`, '"m1-a"', 304],
    [200, '"x","m1-a"', 'W/"m1-a"', 304],
    [206, '"m1-a"', '"m1-a"', 304],
    [200, '"M1-A"', '"m1-a"', 200],
    [200, `"${A}"`, '"m1-a"', 200],
    [307, '"m1-a"', '"m1-a"', 307],
  ])("%i with If-None-Match: %s of an answer with %s is %i", (statusCode, condition, etag, expected) => {
    const headers = { etag: value(etag), "content-range": value("bytes 0-1/2") };
    const event = eventOf("", { "if-none-match": value(condition) });
    const response = viewerResponse({ ...event, response: { statusCode, headers: structuredClone(headers) } });
    expect(response.statusCode).toBe(expected);
    expect(response.body).toBe(expected === 304 ? "" : undefined);
    expect(response.headers?.["content-range"]).toEqual(expected === 304 ? undefined : headers["content-range"]);
  });

  test("what leaves out what this device has is nobody else's", () => {
    const headers = { "x-ota-personal": value("1"), "cache-control": value("public, max-age=100") };
    expect(respond({ statusCode: 200, headers }).headers).toEqual({
      "cache-control": value("private, max-age=100"),
      vary: value("if-none-match, prefer, x-device-id, x-device-hardware"),
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

  test.each(["viewerRequest", "viewerResponse"])("%s runs where there is nothing but the language", (name) => {
    const code = transformSync(`${source.replaceAll(/^export /gm, "")}\nvar handler = ${name};`, {
      minifyWhitespace: true,
      target: "es2015",
    }).code;
    const event = { ...eventOf({ cpuArch: value("x"), a: value("2") }), response: { statusCode: 200, headers: {} } };
    const result: unknown = vm.runInNewContext(`${code};JSON.stringify(handler(${JSON.stringify(event)}))`, {});
    expect(String(result)).toContain(name === "viewerRequest" ? "a=2&cpuarch=x" : "200");
  });

  test("uses no syntax that the runtime lacks", () => {
    const code = source.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    expect(code).not.toMatch(/\?\.|\?\?|\.\.\.|\bfor\s*\(|\bclass\b|\bimport\b|\bfunction\b|\/[a-z]*u[a-z]*\./);
  });
});
