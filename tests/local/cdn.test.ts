import { request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import { type Behaviour, type Cdn, type CdnOptions, type OriginRequest, startCdn } from "../../local/cdn.ts";
import { pathMatcher } from "../../local/cdn-http.ts";
import { viewerRequest, viewerResponse } from "../../shared/ota/edge.ts";
import { parseEntityTags } from "../../shared/ota/entity-tags.ts";
import { answerPackage } from "../../shared/ota/package.ts";
import { rangeOf } from "../../shared/ota/range.ts";
import { parseQuery, select } from "../../shared/ota/select.ts";
import { SAMPLE } from "../unit/ota/releases.ts";

interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

const running: Cdn[] = [];
afterEach(async () => {
  for (const cdn of running.splice(0)) await cdn.close();
});

const BEHAVIOUR: Behaviour = {
  pathPattern: "*",
  origin: "origin",
  cacheKey: { queryStrings: "all", headers: [] },
  minTtl: 0,
  defaultTtl: 100,
  maxTtl: 1000,
  methods: ["GET", "HEAD", "OPTIONS"],
};

/** A CDN before one origin that answers with `reply`, and what that origin was asked. Time stands still until told. */
const setUp = async (
  reply: (request: OriginRequest, count: number) => Reply | Promise<Reply>,
  behaviour: Partial<Behaviour> = {},
  options: Partial<CdnOptions> = {},
) => {
  const asked: OriginRequest[] = [];
  const lines: string[] = [];
  const clock = { ms: Date.parse("2026-01-01T00:00:00Z") };
  const cdn = await startCdn({
    port: 0,
    behaviours: [{ ...BEHAVIOUR, ...behaviour }],
    origins: {
      origin: {
        fetch: async (request) => {
          asked.push(request);
          const { status = 200, headers = {}, body = "" } = await reply(request, asked.length);
          return { status, headers, body: typeof body === "string" ? Buffer.from(body) : body };
        },
      },
    },
    now: () => clock.ms,
    log: (line) => lines.push(line),
    ...options,
  });
  running.push(cdn);
  const get = async (path = "/a", headers: Record<string, string> = {}, method = "GET") => {
    const response = await fetch(cdn.url + path, { method, headers });
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      cache: response.headers.get("x-cache"),
    };
  };
  const pass = (seconds: number) => {
    clock.ms += seconds * 1000;
  };
  return { cdn, get, asked, lines, pass };
};

const deferred = () => Promise.withResolvers<void>();
async function* chunksOf(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

describe("time to live", () => {
  test.each<[string, Record<string, string>, Partial<Behaviour>, number]>([
    ["nothing said: the default", {}, {}, 100],
    ["max-age", { "cache-control": "max-age=30" }, {}, 30],
    ["s-maxage before max-age", { "cache-control": "max-age=30, s-maxage=50" }, {}, 50],
    ["not under the minimum", { "cache-control": "max-age=5" }, { minTtl: 20 }, 20],
    ["not over the maximum", { "cache-control": "max-age=5000" }, {}, 1000],
    ["Expires", { expires: "Thu, 01 Jan 2026 00:00:40 GMT" }, {}, 40],
    ["the default is not under the minimum", {}, { minTtl: 200 }, 200],
    ["a minimum above 0 keeps even what must not be", { "cache-control": "no-store" }, { minTtl: 7 }, 7],
    ["Vary and Set-Cookie change nothing", { vary: "*", "set-cookie": "a=b" }, {}, 100],
  ])("%s", async (_note, headers, behaviour, seconds) => {
    const { get, asked, pass } = await setUp((_, count) => ({ headers, body: `body ${count}` }), behaviour);
    expect(await get()).toMatchObject({ text: "body 1", cache: "Miss from cloudfront" });
    pass(seconds - 1);
    const hit = await get();
    expect(hit).toMatchObject({ text: "body 1", cache: "Hit from cloudfront" });
    expect(hit.headers.get("age")).toBe(String(seconds - 1));
    expect(hit.headers.get("via")).toContain("cloudfront");
    pass(1);
    expect((await get()).text).toBe("body 2");
    expect(asked).toHaveLength(2);
  });

  test.each(["no-store", "private", "no-cache", "max-age=0"])("%s is not kept", async (value) => {
    const { get } = await setUp((_, count) => ({ headers: { "cache-control": value }, body: `body ${count}` }));
    expect([(await get()).text, (await get()).text]).toEqual(["body 1", "body 2"]);
  });

  test.each<[number, Record<string, string>, number]>([
    [404, {}, 10],
    [500, {}, 10],
    [404, { "cache-control": "max-age=900" }, 10],
    [404, { "cache-control": "max-age=3" }, 3],
    [400, { "cache-control": "max-age=60" }, 10],
    [400, {}, 0],
    [429, { "cache-control": "max-age=60" }, 0],
    [503, { "cache-control": "no-store" }, 0],
  ])("an error %i with %j is kept for %i s", async (status, headers, seconds) => {
    const { get, asked, pass } = await setUp(() => ({ status, headers, body: "no" }));
    expect(await get()).toMatchObject({ status, cache: "Error from cloudfront" });
    if (seconds > 0) {
      pass(seconds - 0.5);
      expect(await get()).toMatchObject({ status, text: "no", cache: "Error from cloudfront" });
      expect(asked).toHaveLength(1);
    }
    pass(0.5);
    await get();
    expect(asked).toHaveLength(2);
  });
});

describe("the cache key", () => {
  test("has the path and, if so configured, the query", async () => {
    const all = await setUp(({ query }) => ({ body: query }));
    expect([(await all.get("/a?x=1")).text, (await all.get("/a?x=2")).text]).toEqual(["x=1", "x=2"]);
    const none = await setUp(({ query }) => ({ body: `[${query}]` }), {
      cacheKey: { queryStrings: "none", headers: [] },
    });
    expect([(await none.get("/a?x=1")).text, (await none.get("/a?x=2")).text]).toEqual(["[]", "[]"]);
    expect(none.asked).toHaveLength(1);
  });

  test("has the chosen headers, and the origin sees no other of the viewer's", async () => {
    const { get, asked } = await setUp(({ headers }) => ({ body: headers["x-ota-have"] ?? "none" }), {
      cacheKey: { queryStrings: "all", headers: ["X-Ota-Have"] },
    });
    const viewer = { cookie: "secret", authorization: "Bearer t", "if-none-match": '"x"', "cache-control": "no-cache" };
    expect((await get("/a", { ...viewer, "x-ota-have": "1" })).text).toBe("1");
    expect((await get("/a", { "x-ota-have": "2" })).text).toBe("2");
    expect((await get("/a")).text).toBe("none");
    expect((await get("/a", { "x-ota-have": "1" })).cache).toBe("Hit from cloudfront");
    expect(Object.keys(asked[0]?.headers ?? {}).sort()).toEqual(["user-agent", "via", "x-ota-have"]);
  });

  test("names in Vary that the origin is not told go", async () => {
    const vary = "X-Ota-Have, Prefer, Accept-Encoding";
    const { get } = await setUp(({ path }) => ({ headers: { vary: path === "/a" ? vary : "Prefer" } }), {
      cacheKey: { queryStrings: "all", headers: ["x-ota-have"] },
    });
    expect((await get("/a")).headers.get("vary")).toBe("X-Ota-Have, Accept-Encoding");
    expect((await get("/b")).headers.get("vary")).toBeNull();
  });

  test("a viewer's no-cache does not get round the cache", async () => {
    const { get, asked } = await setUp(() => ({ body: "x" }));
    await get();
    expect((await get("/a", { "cache-control": "no-cache", pragma: "no-cache" })).cache).toBe("Hit from cloudfront");
    expect(asked).toHaveLength(1);
  });
});

describe("collapsed forwarding", () => {
  test("equal concurrent misses are one fetch", async () => {
    const gate = deferred();
    const { get, asked } = await setUp(async () => gate.promise.then(() => ({ body: "shared" })));
    const answers = Array.from({ length: 10 }, () => get());
    await expect.poll(() => asked.length).toBe(1);
    gate.resolve();
    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(Array(10).fill("shared"));
    expect(asked).toHaveLength(1);
  });

  test("what is private is never shared, not even among concurrent requests", async () => {
    const gate = deferred();
    const { get, asked } = await setUp(async (_, count) => {
      await gate.promise;
      return { headers: { "cache-control": "private" }, body: `for ${count}` };
    });
    const answers = [get(), get(), get()];
    await expect.poll(() => asked.length).toBe(1);
    gate.resolve();
    expect(new Set((await Promise.all(answers)).map(({ text }) => text)).size).toBe(3);
  });

  test("a failure reaches all who waited, and the next request tries again", async () => {
    const gate = deferred();
    const { get, asked } = await setUp(async (_, count) => {
      await gate.promise;
      if (count === 1) throw new Error("refused");
      return { body: "fine" };
    });
    const answers = [get(), get()];
    await expect.poll(() => asked.length).toBe(1);
    gate.resolve();
    expect((await Promise.all(answers)).map(({ status }) => status)).toContain(502);
    expect((await get()).text).toBe("fine");
  });
});

describe("conditional requests", () => {
  const headers = {
    etag: '"v1"',
    "last-modified": "Wed, 31 Dec 2025 00:00:00 GMT",
    "cache-control": "max-age=50",
    "content-type": "text/plain",
  };
  test.each<[Record<string, string>, number]>([
    [{ "if-none-match": '"v1"' }, 304],
    [{ "if-none-match": 'W/"v1"' }, 304],
    [{ "if-none-match": '"v0", "v1"' }, 304],
    [{ "if-none-match": "*" }, 304],
    [{ "if-none-match": '"v2"' }, 200],
    [{ "if-none-match": "v1" }, 200],
    [{ "if-none-match": '"v2"', "if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT" }, 200],
    [{ "if-modified-since": "Wed, 31 Dec 2025 00:00:00 GMT" }, 304],
    [{ "if-modified-since": "Tue, 30 Dec 2025 00:00:00 GMT" }, 200],
    [{ "if-modified-since": "rubbish" }, 200],
  ])("%j → %i, on a miss and on a hit, without asking the origin twice", async (condition, status) => {
    const { get, asked } = await setUp(() => ({ headers, body: "text" }));
    for (const cache of ["Miss from cloudfront", "Hit from cloudfront"]) {
      const answer = await get("/a", condition);
      expect(answer).toMatchObject({ status, cache, text: status === 304 ? "" : "text" });
      expect(answer.headers.get("etag")).toBe('"v1"');
      expect(answer.headers.get("cache-control")).toBe("max-age=50");
      expect(answer.headers.get("content-type")).toBe(status === 304 ? null : "text/plain");
    }
    expect(asked).toHaveLength(1);
    expect(asked[0]?.headers["if-none-match"]).toBeUndefined();
  });
});

describe("revalidation", () => {
  const headers = { etag: '"v1"', "cache-control": "max-age=10" };

  test("asks with the stored ETag, never the viewer's, and refreshes", async () => {
    const { get, asked, pass } = await setUp(({ headers: { "if-none-match": tag } }) =>
      tag === '"v1"'
        ? { status: 304, headers: { etag: '"v1"', "cache-control": "max-age=20", "x-new": "1" } }
        : { headers, body: "one" },
    );
    await get();
    pass(11);
    const refreshed = await get("/a", { "if-none-match": '"other"' });
    expect(refreshed).toMatchObject({ status: 200, text: "one", cache: "RefreshHit from cloudfront" });
    expect(refreshed.headers.get("x-new")).toBe("1");
    expect(asked[1]?.headers["if-none-match"]).toBe('"v1"');
    pass(19);
    expect((await get()).cache).toBe("Hit from cloudfront");
  });

  test("takes a new body", async () => {
    const { get, pass } = await setUp((_, count) => ({
      headers: { ...headers, etag: `"v${count}"` },
      body: `body ${count}`,
    }));
    await get();
    pass(11);
    expect(await get()).toMatchObject({ text: "body 2", cache: "Miss from cloudfront" });
  });

  test("max-age=0 with an ETag is kept and revalidated each time", async () => {
    const { get, asked } = await setUp(({ headers: { "if-none-match": tag } }) =>
      tag === undefined ? { headers: { etag: '"z"', "cache-control": "max-age=0" }, body: "zero" } : { status: 304 },
    );
    await get();
    expect(await get()).toMatchObject({ text: "zero", cache: "RefreshHit from cloudfront" });
    expect(asked).toHaveLength(2);
  });

  test("a 304 about something else is not believed", async () => {
    const { get, pass, asked } = await setUp((_, count) =>
      count === 2 ? { status: 304, headers: { etag: '"v9"' } } : { headers, body: `body ${count}` },
    );
    await get();
    pass(11);
    expect((await get()).text).toBe("body 3");
    expect(asked[2]?.headers["if-none-match"]).toBeUndefined();
  });

  test("a 304 without a question is a bad gateway", async () => {
    const { get } = await setUp(() => ({ status: 304 }));
    expect((await get()).status).toBe(502);
  });

  test.each<[string, () => Reply]>([
    ["answers 503", () => ({ status: 503, body: "no" })],
    [
      "does not answer",
      () => {
        throw new Error("ECONNREFUSED");
      },
    ],
  ])("while the origin %s, the stale object is served", async (_note, failure) => {
    const { get, pass, asked, lines } = await setUp((_, count) =>
      count === 2 ? failure() : { headers, body: `body ${count}` },
    );
    await get();
    pass(11);
    expect(await get()).toMatchObject({ status: 200, text: "body 1" });
    expect(lines.join()).toContain("stale");
    pass(9);
    await get();
    expect(asked).toHaveLength(2);
    pass(1);
    expect((await get()).text).toBe("body 3");
  });
});

describe("ranges", () => {
  const body = "0123456789";
  test.each<[string, number, string, string | null]>([
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=7-", 206, "789", "bytes 7-9/10"],
    ["bytes=-2", 206, "89", "bytes 8-9/10"],
    ["bytes=5-999", 206, "56789", "bytes 5-9/10"],
    ["bytes=10-", 416, "", "bytes */10"],
    ["bytes=-0", 416, "", "bytes */10"],
    ["bytes=1-2,4-5", 200, body, null],
    ["bytes=4-2", 200, body, null],
    ["lines=1-2", 200, body, null],
    ["bytes=-", 200, body, null],
  ])("%s of a cached object → %i %s", async (range, status, text, contentRange) => {
    const { get } = await setUp(() => ({ body, headers: { etag: '"r"' } }));
    await get();
    const answer = await get("/a", { range });
    expect(answer).toMatchObject({ status, text });
    expect(answer.headers.get("content-range")).toBe(contentRange);
  });

  test.each([
    ['"r"', 206],
    ['"old"', 200],
    ['W/"r"', 200],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 206],
  ])("If-Range: %s → %i", async (condition, status) => {
    const headers = { etag: '"r"', "last-modified": "Wed, 31 Dec 2025 00:00:00 GMT" };
    const { get } = await setUp(() => ({ body, headers }));
    await get();
    expect((await get("/a", { range: "bytes=0-1", "if-range": condition })).status).toBe(status);
  });

  test("a small object is fetched whole at its first range, then served from the cache", async () => {
    const { get, asked } = await setUp(({ headers }) =>
      headers.range === undefined
        ? { body }
        : { status: 206, body: "01", headers: { "content-range": "bytes 0-1/10" } },
    );
    expect(await get("/a", { range: "bytes=0-1" })).toMatchObject({ status: 206, text: "01" });
    expect(await get("/a", { range: "bytes=3-4" })).toMatchObject({
      status: 206,
      text: "34",
      cache: "Hit from cloudfront",
    });
    expect(asked).toHaveLength(2);
  });

  test("a part of a large object is passed through, one request each", async () => {
    const { get, asked } = await setUp(
      () => ({ status: 206, body: "part", headers: { "content-range": "bytes 0-3/1000" } }),
      {},
      { objectBytes: 100 },
    );
    expect(await get("/a", { range: "bytes=0-3", "if-range": '"e"' })).toMatchObject({ status: 206, text: "part" });
    await get("/a", { range: "bytes=0-3" });
    expect(asked.map(({ headers }) => headers.range)).toEqual(["bytes=0-3", "bytes=0-3"]);
    expect(asked[0]?.headers["if-range"]).toBe('"e"');
  });

  test("an empty object ignores ranges", async () => {
    const { get } = await setUp(() => ({ body: "" }));
    expect((await get("/a", { range: "bytes=5-" })).status).toBe(200);
  });

  test("reads one range only", () => {
    expect(rangeOf("bytes=0-0", 1)).toEqual({ first: 0, last: 0 });
    expect(rangeOf("bytes=-5", 3)).toEqual({ first: 0, last: 2 });
    expect(rangeOf("", 3)).toBeUndefined();
  });
});

describe("methods", () => {
  test("HEAD is answered from a cached GET", async () => {
    const { get, asked } = await setUp(() => ({ body: "text", headers: { etag: '"h"' } }));
    await get();
    const head = await get("/a", {}, "HEAD");
    expect(head).toMatchObject({ status: 200, text: "", cache: "Hit from cloudfront" });
    expect(head.headers.get("content-length")).toBe("4");
    expect(asked).toHaveLength(1);
  });

  test("HEAD without a cached GET asks the origin with HEAD, and its empty body is never a GET's answer", async () => {
    const { get, asked } = await setUp(({ method }) =>
      method === "HEAD" ? { headers: { "content-length": "4" } } : { body: "text" },
    );
    expect((await get("/a", {}, "HEAD")).headers.get("content-length")).toBe("4");
    expect((await get()).text).toBe("text");
    expect(asked.map(({ method }) => method)).toEqual(["HEAD", "GET"]);
  });

  test("OPTIONS is passed on with what a preflight says, and not cached", async () => {
    const { get, asked } = await setUp(() => ({ status: 204, headers: { allow: "GET" } }));
    const preflight = { origin: "https://a.example", "access-control-request-method": "GET" };
    expect(await get("/a", preflight, "OPTIONS")).toMatchObject({ status: 204 });
    await get("/a", preflight, "OPTIONS");
    expect(asked).toHaveLength(2);
    expect(asked[0]).toMatchObject({ method: "OPTIONS", headers: preflight });
  });

  test("others are refused", async () => {
    const { get, asked } = await setUp(() => ({}));
    const answer = await get("/a", {}, "DELETE");
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
    expect(asked).toHaveLength(0);
  });
});

describe("behaviours", () => {
  test.each([
    ["/*/package", "/acme/package", true],
    ["/*/package", "/package", false],
    ["*/package", "/package", false],
    ["*.bin", "/a/b.bin", true],
    ["files/*", "/files/a/b", true],
    ["/a?c", "/abc", true],
    ["/a?c", "/ac", false],
    ["/A", "/a", false],
    ["/a.c", "/abc", false],
    ["*", "/", true],
  ])("%s matches %s: %s", (pattern, path, expected) => {
    expect(pathMatcher(pattern)(path)).toBe(expected);
  });

  test("the first that matches is taken, and none is 404", async () => {
    const origin = (text: string) => ({ fetch: async () => ({ status: 200, headers: {}, body: Buffer.from(text) }) });
    const { get } = await setUp(
      () => ({}),
      {},
      {
        behaviours: [
          { ...BEHAVIOUR, pathPattern: "/files/*", origin: "files" },
          { ...BEHAVIOUR, pathPattern: "/f*", origin: "other" },
        ],
        origins: { files: origin("files"), other: origin("other") },
      },
    );
    expect([(await get("/files/a")).text, (await get("/fun")).text]).toEqual(["files", "other"]);
    expect((await get("/x")).status).toBe(404);
  });
});

describe("functions", () => {
  test("a viewer request may answer; nothing is asked or cached", async () => {
    const { get, asked } = await setUp(() => ({}), {
      viewerRequest: () => ({
        statusCode: 418,
        headers: { "x-a": { value: "1" } },
        body: { encoding: "base64", data: "aGk=" },
      }),
    });
    const answer = await get();
    expect(answer).toMatchObject({ status: 418, text: "hi", cache: "FunctionGeneratedResponse from cloudfront" });
    expect(asked).toHaveLength(0);
  });

  test("a viewer request rewrites path, query and headers before the look-up", async () => {
    const { get, asked } = await setUp(({ path, query }) => ({ body: `${path}?${query}` }), {
      viewerRequest: ({ request }) => ({
        ...request,
        uri: "/rewritten",
        querystring: { q: { value: "1", multiValue: [{ value: "1" }, { value: "2" }] } },
      }),
    });
    expect((await get("/a?z=9")).text).toBe("/rewritten?q=1&q=2");
    expect((await get("/b")).cache).toBe("Hit from cloudfront");
    expect(asked).toHaveLength(1);
  });

  test("a viewer response sees each answer but errors, and changes no stored object", async () => {
    const { get } = await setUp(
      ({ path }) => ({ status: path === "/e" ? 404 : 200, body: "x", headers: { "x-m": "1" } }),
      {
        viewerResponse: ({ response }) => {
          const headers = response.headers ?? {};
          headers["x-seen"] = { value: headers["x-m"]?.value ?? "lost" };
          delete headers["x-m"];
          return response;
        },
      },
    );
    for (let time = 0; time < 2; time += 1) expect((await get()).headers.get("x-seen")).toBe("1");
    expect((await get("/e")).headers.get("x-seen")).toBeNull();
  });

  test("one that throws is a 503, and is logged", async () => {
    const { get, lines } = await setUp(() => ({}), {
      viewerRequest: () => {
        throw new Error("function broke");
      },
    });
    expect((await get()).status).toBe(503);
    expect(lines.join()).toContain("function broke");
  });
});

describe("large and streamed bodies", () => {
  test("a small stream is cached", async () => {
    const { get, asked } = await setUp(() => ({ body: chunksOf("a", "b", "c") }));
    expect([(await get()).text, (await get()).text]).toEqual(["abc", "abc"]);
    expect(asked).toHaveLength(1);
  });

  test.each([
    ["that says its length", { "content-length": "9" }],
    ["that does not", {}],
  ])("a large one %s is passed through, whole, and not cached", async (_note, headers: Record<string, string>) => {
    const { get, asked } = await setUp(
      () => ({ body: chunksOf("123", "456", "789"), headers }),
      {},
      { objectBytes: 5 },
    );
    expect([(await get()).text, (await get()).text]).toEqual(["123456789", "123456789"]);
    expect(asked).toHaveLength(2);
  });

  test("each of several concurrent viewers gets a large one whole", async () => {
    const { get } = await setUp(() => ({ body: chunksOf("123", "456") }), {}, { objectBytes: 4 });
    expect((await Promise.all([get(), get(), get()])).map(({ text }) => text)).toEqual(Array(3).fill("123456"));
  });

  test("a large one that the viewer already has is 304, and its source is let go", async () => {
    const source = Readable.from([Buffer.from("123"), Buffer.from("456")]);
    const { get } = await setUp(
      () => ({ body: source, headers: { etag: '"big"', "content-length": "6" } }),
      {},
      { objectBytes: 4 },
    );
    expect((await get("/a", { "if-none-match": '"big"' })).status).toBe(304);
    expect(source.destroyed).toBe(true);
  });

  test("memory is bounded: the least recently used goes", async () => {
    const { get, asked } = await setUp(() => ({ body: "x".repeat(3000) }), {}, { memoryBytes: 9000 });
    for (const path of ["/a", "/b", "/a", "/c"]) await get(path);
    expect((await get("/a")).cache).toBe("Hit from cloudfront");
    expect((await get("/b")).cache).toBe("Miss from cloudfront");
    expect(asked).toHaveLength(4);
  });
});

describe("failing origins", () => {
  test("one that rejects is 502, as a problem document, and not cached", async () => {
    const { get, lines } = await setUp((_, count) => {
      if (count === 1) throw new Error("ECONNREFUSED");
      return { body: "back" };
    });
    const answer = await get();
    expect(answer).toMatchObject({ status: 502, cache: "Error from cloudfront" });
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(JSON.parse(answer.text)).toMatchObject({ status: 502, title: "Bad Gateway" });
    expect(lines.join()).toContain("ECONNREFUSED");
    expect((await get()).text).toBe("back");
  });

  test("one that says nothing is 504", async () => {
    const { get } = await setUp(() => deferred().promise.then(() => ({})), {}, { originTimeoutMs: 20 });
    expect((await get()).status).toBe(504);
  });

  test("one that is not configured is 502", async () => {
    const { get } = await setUp(() => ({}), { origin: "nowhere" });
    expect((await get()).status).toBe(502);
  });

  test("a small body that breaks off, or is shorter than announced, is 502 and never cached", async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from("ab");
      throw new Error("reset");
    };
    const { get } = await setUp((_, count) => {
      if (count === 1) return { body: broken() };
      return count === 2 ? { body: chunksOf("ab"), headers: { "content-length": "4" } } : { body: "abcd" };
    });
    expect([(await get()).status, (await get()).status]).toEqual([502, 502]);
    expect((await get()).text).toBe("abcd");
  });

  test("a large body that breaks off breaks off for the viewer too", async () => {
    const { get } = await setUp(
      () => ({ body: chunksOf("123", "456"), headers: { "content-length": "9" } }),
      {},
      { objectBytes: 4 },
    );
    await expect(get()).rejects.toThrow();
  });
});

describe("limits and invalidation", () => {
  test("a URL has an end", async () => {
    const { get } = await setUp(() => ({}));
    expect((await get(`/a?${"x".repeat(9000)}`)).status).toBe(414);
  });

  test("invalidate forgets what matches", async () => {
    const { cdn, get, asked } = await setUp((_, count) => ({ body: `body ${count}` }));
    await get("/a/1");
    await get("/b/1");
    cdn.invalidate("/a/*");
    expect([(await get("/a/1")).text, (await get("/b/1")).text]).toEqual(["body 3", "body 2"]);
    cdn.invalidate();
    await get("/b/1");
    expect(asked).toHaveLength(4);
  });

  test("a fetch that began before an invalidation is neither stored nor shared after it", async () => {
    const gate = deferred();
    const { cdn, get, asked } = await setUp(async (_, count) => {
      if (count === 1) await gate.promise;
      return { body: `body ${count}` };
    });
    const before = get();
    await expect.poll(() => asked.length).toBe(1);
    cdn.invalidate();
    expect((await get()).text).toBe("body 2");
    gate.resolve();
    expect((await before).text).toBe("body 1");
    expect((await get()).text).toBe("body 2");
  });
});

describe("before the OTA origin", () => {
  const hashOf = (app: string) =>
    SAMPLE.find((release) => release.app === app && release.environment === "prod")?.md5 ?? "";
  const METADATA = "/acme/package?cpuArch=armv8&attrGamer=prod&payloadType=metadataOnly";
  const ALL = ["os_armv8", "scoreboard", "videoStreamer"];

  /** The origin as it is: have-all is a marked 200, and If-None-Match only ever is the CDN's own revalidation. */
  const ota = (releases = () => SAMPLE) =>
    setUp(
      ({ query, headers }) => {
        const parsed = parseQuery(query);
        const answer = answerPackage({
          payloadType: parsed.payloadType,
          selection: select(parsed, releases()),
          have: parseEntityTags([headers["x-ota-have"], headers["if-none-match"]].filter(Boolean).join(",")),
          urlOf: (release) => `https://ota.example/${release.app}`,
        });
        if (answer.kind === "not-found" || answer.kind === "archive") return { status: 404 };
        const common = { etag: answer.etag, "cache-control": "max-age=100" };
        if (answer.kind === "metadata") return { headers: common, body: answer.body };
        if (answer.because === "answer") return { status: 304, headers: common };
        return { headers: { ...common, "x-ota-not-modified": "1" } };
      },
      {
        pathPattern: "/*/package",
        viewerRequest,
        viewerResponse,
        cacheKey: { queryStrings: "all", headers: ["x-ota-have"] },
      },
    );
  const statuses = (text: string) =>
    Object.values(JSON.parse(text) as Record<string, { status_code: number }>).map(({ status_code }) => status_code);

  test("one device's partial answer never reaches another", async () => {
    const { get } = await ota();
    for (let round = 0; round < 2; round += 1) {
      expect(statuses((await get(METADATA)).text)).toEqual([200, 200, 200]);
      for (const [index, app] of ALL.entries()) {
        const answer = await get(METADATA, { "if-none-match": `"${hashOf(app)}"` });
        expect(statuses(answer.text)).toEqual(ALL.map((_, at) => (at === index ? 304 : 200)));
      }
      expect((await get(METADATA, { "if-none-match": ALL.map(hashOf).join(",") })).status).toBe(304);
    }
  });

  test("nor does it when all ask at once", async () => {
    const { get } = await ota();
    const havings = [[], ["os_armv8"], ["scoreboard"], ["os_armv8", "scoreboard"], ALL];
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => havings[index % havings.length] ?? []).map(async (held) => ({
        held,
        answer: await get(METADATA, held.length > 0 ? { "if-none-match": held.map(hashOf).join(", ") } : {}),
      })),
    );
    for (const { held, answer } of answers) {
      if (held.length === ALL.length) expect(answer.status).toBe(304);
      else expect(statuses(answer.text)).toEqual(ALL.map((app) => (held.includes(app) ? 304 : 200)));
    }
  });

  test("a client that sets x-ota-have itself reaches no other key", async () => {
    const { get, asked } = await ota();
    await get(METADATA, { "x-ota-have": hashOf("os_armv8") });
    expect(asked[0]?.headers["x-ota-have"]).toBeUndefined();
    expect(statuses((await get(METADATA)).text)).toEqual([200, 200, 200]);
  });

  test("all spellings of one question are one object", async () => {
    const { get, asked } = await ota();
    await get(METADATA, { "if-none-match": `"${hashOf("os_armv8")}", W/"${hashOf("scoreboard")}"` });
    const other = `/acme/package?PAYLOADTYPE=metadataonly&attrgamer=PROD&cpuarch=ARMv8&cpuArch=armv8`;
    const hit = await get(other, { "if-none-match": `${hashOf("scoreboard").toUpperCase()},,${hashOf("os_armv8")}` });
    expect(hit.cache).toBe("Hit from cloudfront");
    expect(asked).toHaveLength(1);
  });

  test("repeated header lines are one list", async () => {
    const { cdn, asked } = await ota();
    const status = await new Promise((resolve, reject) => {
      const lines = [
        "host",
        "cdn",
        "if-none-match",
        hashOf("os_armv8"),
        "If-None-Match",
        ALL.slice(1).map(hashOf).join(","),
      ];
      httpRequest(cdn.url + METADATA, { headers: lines }, (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end();
    });
    expect(status).toBe(304);
    expect(asked[0]?.headers["x-ota-have"]).toBe(ALL.map(hashOf).sort().join(","));
  });

  test("who has everything gets 304 without the marker, from the cache too, and after revalidation", async () => {
    const { get, pass, asked } = await ota();
    const having = { "if-none-match": ALL.map(hashOf).join(",") };
    for (const cache of ["Miss from cloudfront", "Hit from cloudfront", "RefreshHit from cloudfront"]) {
      if (cache.startsWith("Refresh")) pass(101);
      const answer = await get(METADATA, having);
      expect(answer).toMatchObject({ status: 304, text: "", cache });
      expect(answer.headers.get("x-ota-not-modified")).toBeNull();
      expect(answer.headers.get("etag")).toMatch(/^"m/);
      expect(answer.headers.get("cache-control")).toBe("max-age=100");
    }
    expect(asked).toHaveLength(2);
  });

  test("a stale answer is not called fresh when a release has changed meanwhile", async () => {
    let releases = SAMPLE;
    const { get, pass } = await ota(() => releases);
    const having = { "if-none-match": ALL.map(hashOf).join(",") };
    expect((await get(METADATA, having)).status).toBe(304);
    const before = await get(METADATA);
    releases = SAMPLE.map((release) =>
      release.app === "scoreboard" && release.environment === "prod"
        ? { ...release, version: "1.0.1", md5: "0".repeat(32), sha256: "0".repeat(64) }
        : release,
    );
    pass(101);
    expect(statuses((await get(METADATA, having)).text)).toEqual([304, 200, 304]);
    const after = await get(METADATA);
    expect(after.text).toContain("1.0.1");
    expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"));
  });

  test("an answer's own ETag is answered from the cache", async () => {
    const { get, asked } = await ota();
    const etag = (await get(METADATA)).headers.get("etag") ?? "";
    expect(await get(METADATA, { "if-none-match": etag })).toMatchObject({ status: 304, cache: "Hit from cloudfront" });
    expect(asked).toHaveLength(1);
  });

  test("the absurd never reaches the origin", async () => {
    const { get, asked } = await ota();
    const answer = await get(`/acme/package?cpuArch=${"a".repeat(5000)}`);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(asked).toHaveLength(0);
  });
});
