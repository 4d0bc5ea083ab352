import { describe, expect, test } from "vitest";
import { lengthOf } from "../../../shared/ota/archive-parts.ts";
import { parseEntityTags } from "../../../shared/ota/entity-tags.ts";
import { answerPackage, pathOf } from "../../../shared/ota/package.ts";
import { type Conditions, prefersRedirect, redirectTo, respond } from "../../../shared/ota/respond.ts";
import { parseQuery, select } from "../../../shared/ota/select.ts";
import { AppError } from "../../../shared/problems.ts";
import { SAMPLE } from "./releases.ts";

const PLAIN: Conditions = {
  method: "GET",
  ifMatch: undefined,
  range: undefined,
  ifRange: undefined,
  isBehindEdge: true,
  prefersRedirect: false,
  streamedBytes: 1_000_000,
};
const OS = SAMPLE.find(({ app, environment }) => app === "os_armv8" && environment === "prod")?.md5 ?? "";

const answerTo = (query: string, have = "") => {
  const parsed = parseQuery(query);
  const answer = answerPackage({
    payloadType: parsed.payloadType,
    selection: select(parsed, SAMPLE),
    have: parseEntityTags(have),
    urlOf: ({ app }) => `https://ota.example/${app}`,
  });
  if (answer.kind === "not-found") throw new Error("nothing was found");
  return answer;
};
const responseTo = (query: string, have = "", conditions: Partial<Conditions> = {}) => {
  const response = respond(answerTo(query, have), { ...PLAIN, ...conditions });
  if (response.kind === "stored") throw new Error("is stored");
  return response;
};
const QUERY = "cpuArch=armv8&attrGamer=prod";
const META = `${QUERY}&payloadType=metadataOnly`;

describe("an answer that leaves out what a device has", () => {
  test.each([
    [true, OS, "public, max-age=100", "1"],
    [false, OS, "private, max-age=100", undefined],
    [true, "", "public, max-age=100", undefined],
    [false, "", "public, max-age=100", undefined],
    [false, "0".repeat(32), "public, max-age=100", undefined],
  ])("behind the edge: %s, with %s → %s, marked %s", (isBehindEdge, have, control, mark) => {
    for (const query of [QUERY, META]) {
      const { headers } = responseTo(query, have, { isBehindEdge });
      expect(headers["cache-control"]).toBe(control);
      expect(headers["x-ota-personal"]).toBe(mark);
      expect(headers.vary).toBe("if-none-match, prefer, x-device-id, x-device-hardware");
    }
  });

  test("is, when it is everything, a 304 but to the edge", () => {
    expect(responseTo(META, "*", { isBehindEdge: false })).toMatchObject({ status: 304, slices: [] });
    const marked = responseTo(META, "*");
    expect(marked).toMatchObject({ status: 200, slices: [] });
    expect(marked.headers).toMatchObject({ "x-ota-not-modified": "1", "x-ota-personal": "1", "content-length": "0" });
  });

  test("is a plain 304 to the edge's own revalidation", () => {
    const { etag } = answerTo(META);
    expect(responseTo(META, etag)).toMatchObject({ status: 304, kind: "not-modified" });
    expect(responseTo(META, etag).headers).not.toHaveProperty("x-ota-not-modified");
  });
});

describe("where an archive is", () => {
  const { contentLength } = answerTo(QUERY) as { contentLength: number };

  test.each([
    [contentLength, false, "archive"],
    [contentLength - 1, false, "stored"],
    [0, false, "stored"],
    [contentLength, true, "stored"],
  ])("streamed up to %i bytes, redirect preferred: %s → %s", (streamedBytes, prefers, kind) => {
    const response = respond(answerTo(QUERY), { ...PLAIN, streamedBytes, prefersRedirect: prefers });
    expect(response.kind).toBe(kind);
    if (response.kind === "stored") expect(response).toMatchObject({ bytes: contentLength, isPersonal: false });
  });

  test("metadata and 304 are never anywhere else", () => {
    expect(respond(answerTo(META), { ...PLAIN, streamedBytes: 0, prefersRedirect: true }).kind).toBe("metadata");
    expect(respond(answerTo(QUERY, "*"), { ...PLAIN, streamedBytes: 0 }).kind).toBe("not-modified");
  });

  test("is told in header and body, and by whose wish", () => {
    const url = "https://ota.example/archives/x";
    const conditions = { ...PLAIN, prefersRedirect: true };
    expect(redirectTo(url, false, conditions)).toMatchObject({
      status: 307,
      headers: { location: url, "preference-applied": "redirect", "content-length": String(url.length + 1) },
    });
    expect(redirectTo(url, true, { ...PLAIN, method: "HEAD" })).toMatchObject({
      slices: [],
      headers: { "x-ota-personal": "1" },
    });
  });

  test.each([
    ["redirect", true],
    [" Redirect ; q=1", true],
    ["respond-async,redirect", true],
    ["redirect=1", false],
    ["redirects", false],
    [undefined, false],
  ])("Prefer: %s → %s", (field, expected) => {
    expect(prefersRedirect(field)).toBe(expected);
  });
});

describe("preconditions and ranges", () => {
  test("If-Match that is false is an error, before all else", () => {
    for (const [query, have] of [
      [QUERY, ""],
      [META, ""],
      [META, "*"],
    ] as const) {
      expect(() => responseTo(query, have, { ifMatch: '"x"', range: "bytes=0-1" })).toThrow(AppError);
    }
    expect(responseTo(META, "", { ifMatch: ` ${answerTo(META).etag} , "x"` }).status).toBe(200);
  });

  test("a part has the bytes of the part, and the headers of the whole", () => {
    const whole = responseTo(QUERY);
    const part = responseTo(QUERY, "", { range: "bytes=5-" });
    const length = Number(whole.headers["content-length"]);
    expect(part.status).toBe(206);
    expect(part.headers).toEqual({
      ...whole.headers,
      "content-length": String(length - 5),
      "content-range": `bytes 5-${length - 1}/${length}`,
    });
    const sent = part.slices.map((slice) => (slice.kind === "bytes" ? slice.bytes.length : slice.size));
    expect(sent.reduce((sum, size) => sum + size, 0)).toBe(length - 5);
  });

  test("a range beyond the end tells the length, as a problem", () => {
    const { status, headers, slices } = responseTo(META, "", { range: "bytes=99999-" });
    expect(status).toBe(416);
    const length = Number(responseTo(META).headers["content-length"]);
    expect(headers["content-range"]).toBe(`bytes */${length}`);
    expect(headers["content-type"]).toBe("application/problem+json");
    expect(slices).toHaveLength(1);
  });

  test("HEAD has no body and no ranges", () => {
    const head = responseTo(QUERY, "", { method: "HEAD", range: "bytes=0-1" });
    expect(head).toMatchObject({ status: 200, slices: [] });
    expect(head.headers).toEqual(responseTo(QUERY).headers);
  });

  test("the length is that of the parts", () => {
    const answer = answerTo(QUERY);
    if (answer.kind !== "archive") throw new Error(answer.kind);
    expect(responseTo(QUERY).headers["content-length"]).toBe(String(lengthOf(answer.parts)));
  });
});

test("the path of a key is decoded to the key, by a store that takes + for a space too", () => {
  const key = "acme/releases/rel_1/os_a_1.0+b%5Fc";
  const path = pathOf(key);
  expect(path).toBe("acme/releases/rel_1/os_a_1.0%2Bb%255Fc");
  expect(decodeURIComponent(path.replaceAll("+", " "))).toBe(key);
});
