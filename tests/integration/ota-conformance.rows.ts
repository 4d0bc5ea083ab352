import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import { readTar } from "../unit/ota/read-tar.ts";
import { SAMPLE_ROWS } from "../unit/ota/releases.ts";
import type { Told } from "./support/http.ts";
import type { Binary } from "./support/ota.ts";

export type Where = "cdn" | "origin";

export interface Row {
  /** The rule, and where it is written. `seed`: what the sample's clients rely on; `defect`: what the sample got wrong. */
  readonly rule: string;
  readonly query: string;
  readonly method?: string;
  readonly headers?: readonly string[];
  readonly path?: string;
  readonly status: number;
  /** Header fields: exactly so, like so, or absent. */
  readonly has?: Readonly<Record<string, string | RegExp | undefined>>;
  /** What else must be so. `again` asks once more, for the same path. */
  readonly check?: (told: Told, again: (headers: readonly string[], method?: string) => Promise<Told>) => unknown;
  /** Where it holds; both unless said. */
  readonly at?: readonly Where[];
}

const text = (app: string, environment: string, version: string) => `${app} ${environment} ${version} `.repeat(40);

export const BINARIES: readonly Binary[] = SAMPLE_ROWS.map(([app, environment, version, attributes]) => ({
  ...{ app, environment, version, attributes },
  bytes: Buffer.from(text(app, environment, version)),
}));

const hashOf = (app: string, algorithm: "md5" | "sha256", environment = "prod"): string => {
  const found = BINARIES.find((one) => one.app === app && one.environment === environment);
  return createHash(algorithm)
    .update(found?.bytes ?? "")
    .digest("hex");
};

const FOUR = "cpuArch=armv8&attrGamer=prod&attrCellular=prod";
const META = "&payloadType=metadataOnly";
const APPS = ["modemFW", "os_armv8", "scoreboard", "videoStreamer"];
const OS = hashOf("os_armv8", "md5");
const MD5S = APPS.map((app) => hashOf(app, "md5"));
const SHAS = APPS.map((app) => hashOf(app, "sha256"));
const quoted = (tags: readonly string[]) => tags.map((tag) => `"${tag}"`).join(", ");

type Entry = { latestVersion: string; url: string; status_code: number; sha256: string; md5: string; size: number };
const entries = ({ body }: Told) => JSON.parse(body.toString()) as Record<string, Entry>;
const versions = (told: Told) =>
  Object.fromEntries(Object.entries(entries(told)).map(([app, { latestVersion }]) => [app, latestVersion]));
const members = ({ body }: Told) => readTar(gunzipSync(body)).map(({ name }) => name);

const PROBLEM = {
  "content-type": "application/problem+json",
  "cache-control": /^(no-store|public, max-age=([0-9]|10))$/,
};
const problemIs = (code: string, rule?: string) => (told: Told) => {
  const document = JSON.parse(told.body.toString());
  expect(document).toMatchObject({ status: told.status, code, ...(rule && { errors: [{ rule }] }) });
  expect(document.type).toBe(`/v1/problems/${code}`);
};

const selects = (rule: string, query: string, expected: Record<string, string>): Row => ({
  rule: `seed: ${rule}`,
  query: query + META,
  status: 200,
  check: (told) => expect(versions(told)).toEqual(expected),
});
const OS_PROD = { os_armv8: "1.1.0" };

const refused = (rule: string, query: string, finding: string): Row => ({
  rule,
  query,
  status: 400,
  has: PROBLEM,
  check: problemIs("invalid-request", finding),
});

const selection: Row[] = [
  selects("cpuArch alone is the system in prod", "cpuArch=armv8", OS_PROD),
  selects("os is the system's environment", "cpuArch=armv8&os=beta", { os_armv8: "2.0.0" }),
  selects("cpuArch chooses the system", "cpuArch=armv7", { os_armv7: "1.0.0" }),
  selects("attrX=E is the apps with attribute x in E", "cpuArch=armv8&attrGamer=prod", {
    ...OS_PROD,
    scoreboard: "1.0.0",
    videoStreamer: "0.0.1",
  }),
  selects("several attributes unite", FOUR, {
    ...OS_PROD,
    modemFW: "1.0",
    scoreboard: "1.0.0",
    videoStreamer: "0.0.1",
  }),
  selects("K=E is the app K in E", "cpuArch=armv8&scoreboard=beta", { ...OS_PROD, scoreboard: "2.0.0" }),
  selects("attributes are of a release in its environment", "cpuArch=armv8&attrCamera=beta", {
    ...OS_PROD,
    videoStreamer: "0.1.2",
  }),
  selects("an attribute that nothing has selects nothing", "cpuArch=armv8&attrNone=prod", OS_PROD),
  selects("names and values compare without case", "CPUARCH=ARMV8&ATTRGAMER=PROD&OS=Beta", {
    os_armv8: "2.0.0",
    scoreboard: "1.0.0",
    videoStreamer: "0.0.1",
  }),
  {
    ...selects("names with capitals are reachable", "cpuArch=armv8&modemFW=prod", { ...OS_PROD, modemFW: "1.0" }),
    rule: "defect: names with capitals unreachable",
  },
  {
    ...selects("", "cpuArch=armv8&attrCamera=prod&videoStreamer=beta", { ...OS_PROD, videoStreamer: "0.1.2" }),
    rule: "defect: one app asked for in two environments ships both",
  },
  { ...selects("", "cpuArch=armv8&a-b=prod", OS_PROD), rule: "defect: a dash answers 500" },
  {
    rule: "seed: metadata has latestVersion, url, status_code; and sha256, md5, size, and a signature beside",
    query: `cpuArch=armv8${META}`,
    status: 200,
    check: (told) =>
      expect(entries(told).os_armv8).toEqual({
        latestVersion: "1.1.0",
        url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/seed\/releases\/rel_\w{20}\/os_armv8_1\.1\.0$/),
        status_code: 200,
        sha256: hashOf("os_armv8", "sha256"),
        md5: OS,
        size: text("os_armv8", "prod", "1.1.0").length,
        environment: "prod",
        cpuArch: "*",
        signature: expect.stringMatching(/^[\w+/]{92,96}={0,2}$/),
        keyId: expect.stringMatching(/^[0-9a-f]{64}$/),
      }),
  },
  {
    rule: "defect: s3:// URLs that no device can fetch",
    query: `cpuArch=armv8${META}`,
    status: 200,
    at: ["cdn"],
    check: async (told) => {
      const answer = await fetch(entries(told).os_armv8?.url ?? "");
      expect(await answer.text()).toBe(text("os_armv8", "prod", "1.1.0"));
      expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect(answer.headers.get("accept-ranges")).toBe("bytes");
    },
  },
  {
    rule: "RFC 9110 §14.2, §13.1.5: a binary is had in parts, which resume while it is the same",
    query: `cpuArch=armv8${META}`,
    status: 200,
    at: ["cdn"],
    check: async (told, again) => {
      const { url = "" } = entries(told).os_armv8 ?? {};
      const of = (headers: readonly string[]) => again(headers, `GET ${new URL(url).pathname}`);
      const bytes = text("os_armv8", "prod", "1.1.0");
      const whole = await of([]);
      const rest = await of(["Range", "bytes=100-", "If-Range", whole.headers.etag ?? ""]);
      expect([rest.status, rest.body.toString()]).toEqual([206, bytes.slice(100)]);
      expect(rest.headers["content-range"]).toBe(`bytes 100-${bytes.length - 1}/${bytes.length}`);
      expect((await of(["Range", "bytes=0-9", "If-Range", '"x"'])).status).toBe(200);
      expect((await of(["Range", `bytes=${bytes.length}-`])).status).toBe(416);
      expect((await of(["If-None-Match", whole.headers.etag ?? ""])).status).toBe(304);
    },
  },
  {
    rule: "seed: fullPayload is the default: a .tar.gz with <app>_<version> of each, package_details.json last",
    query: FOUR,
    status: 200,
    check: (told) =>
      expect(members(told)).toEqual([
        "modemFW_1.0",
        "os_armv8_1.1.0",
        "scoreboard_1.0.0",
        "videoStreamer_0.0.1",
        "package_details.json",
      ]),
  },
  {
    rule: "seed: payloadType=fullPayload, in any case, is the same",
    query: `${FOUR}&PayloadType=FULLPAYLOAD`,
    status: 200,
    check: (told) => expect(members(told)).toHaveLength(5),
  },
  {
    rule: "seed: package_details.json is the metadata",
    query: "cpuArch=armv8",
    status: 200,
    check: (told) => {
      const details = readTar(gunzipSync(told.body)).at(-1)?.content.toString() ?? "";
      expect(JSON.parse(details).os_armv8).toMatchObject({ latestVersion: "1.1.0", status_code: 200 });
    },
  },
  {
    rule: "the top level of the metadata is the apps alone, also of what is signed",
    query: FOUR + META,
    status: 200,
    has: {
      "x-ota-snapshot":
        /^url="\/snapshots\/ws_\w{20}\/\d+-[0-9a-f]{16}", sequence=\d+, issued=\d+, expires=\d+, entries=/,
    },
    check: (told) => expect(Object.keys(entries(told))).toEqual(APPS),
  },
  {
    rule: "a snapshot is at a URL of its own, whatever the query",
    query: "any=thing",
    path: "/seed/snapshot",
    status: 200,
    has: { "content-type": "text/plain; charset=us-ascii", etag: /^"s-\d+"$/, "cache-control": "public, max-age=10" },
    check: (told) => expect(told.body.toString().match(/^entry /gm)).toHaveLength(BINARIES.length),
  },
  {
    rule: "RFC 9110 §13.1.2: a snapshot's own ETag is 304",
    query: "",
    path: "/seed/snapshot",
    status: 200,
    check: async (told, again) => {
      const told304 = await again(["If-None-Match", String(told.headers.etag)]);
      expect([told304.status, told304.body.length]).toEqual([304, 0]);
    },
  },
  {
    rule: "a snapshot of a workspace that is not there is 404",
    query: "",
    path: "/nobody/snapshot",
    status: 404,
    has: PROBLEM,
    check: problemIs("not-found"),
  },
  refused("seed: no cpuArch is 400", "os=beta", "required"),
  refused("seed: another payloadType is 400", "cpuArch=armv8&payloadType=all", "one-of"),
  refused("defect: an empty attr answers 500", "cpuArch=armv8&attr=prod", "empty-name"),
  refused("a parameter without a value is 400", "cpuArch=armv8&os=", "empty-value"),
  refused("a parameter without a name is 400", "cpuArch=armv8&=prod", "empty-name"),
  refused(
    "a query that contradicts itself is 400",
    "cpuArch=armv8&scoreboard=prod&scoreboard=beta",
    "ambiguous-environment",
  ),
  refused("os and os_{cpuArch} that differ are 400", "cpuArch=armv8&os=prod&os_armv8=beta", "ambiguous-environment"),
  refused("a control character is 400", "cpuArch=armv8&a=%00", "characters"),
  refused("more than 4,096 characters are 400", `cpuArch=armv8&${"a".repeat(5_000)}=prod`, "query-too-long"),
  refused("a name of more than 128 characters is 400", `cpuArch=armv8&${"a".repeat(129)}=prod`, "too-long"),
  refused(
    "more than 64 parameters are 400",
    `cpuArch=armv8&${Array.from({ length: 64 }, (_, index) => `p${index}=prod`).join("&")}`,
    "too-many-parameters",
  ),
  {
    ...refused("defect: a 9 KB query answers 500", `cpuArch=armv8&${"a".repeat(9_000)}=prod`, "query-too-long"),
    at: ["origin"],
  },
  {
    rule: "defect: a 9 KB query answers 500; CloudFront's bound of a URL comes first",
    query: `cpuArch=armv8&${"a".repeat(9_000)}=prod`,
    status: 414,
    at: ["cdn"],
  },
  {
    rule: "seed: nothing found is 404",
    query: "cpuArch=mips",
    status: 404,
    has: PROBLEM,
    check: problemIs("not-found"),
  },
  {
    rule: "defect: a stray quote reaches the query language",
    query: "cpuArch=armv8'%20or%20'1'='1&os=%22",
    status: 404,
    has: PROBLEM,
    check: problemIs("not-found"),
  },
  {
    rule: "a workspace that is not there is 404",
    query: "cpuArch=armv8",
    path: "/nobody/package",
    status: 404,
    has: PROBLEM,
  },
  {
    rule: "/package without a default workspace is 404",
    query: "cpuArch=armv8",
    path: "/package",
    status: 404,
    has: PROBLEM,
  },
  {
    rule: "a path with more to it is no workspace's",
    query: "cpuArch=armv8",
    path: "/a/seed/package",
    status: 404,
    has: PROBLEM,
  },
];

/** Every way to say that the device has all four binaries. */
const ALL_HELD: readonly (readonly [how: string, headers: readonly string[]])[] = [
  ["bare hashes, as the sample's clients send them", ["If-None-Match", MD5S.join(",")]],
  ["with a comma at the end, as in the sample's own example", ["If-None-Match", `${MD5S.join(",")},`]],
  ["quoted (§8.8.3)", ["If-None-Match", quoted(MD5S)]],
  ["weak (§8.8.3.2)", ["If-None-Match", MD5S.map((tag) => `W/"${tag}"`).join(",")]],
  ["with spaces and tabs (§5.6.1)", ["If-None-Match", MD5S.map((tag) => `"${tag}"`).join(" \t , ")]],
  ["with empty elements (§5.6.1.2)", ["If-None-Match", `, ,${MD5S.map((tag) => `"${tag}"`).join(",,")}, ,`]],
  ["in repeated lines (§5.3)", MD5S.flatMap((tag) => ["If-None-Match", `"${tag}"`])],
  ["in capitals", ["If-None-Match", quoted(MD5S.map((tag) => tag.toUpperCase()))]],
  ["in SHA-256", ["If-None-Match", quoted(SHAS)]],
  ["in both", ["If-None-Match", quoted([...SHAS.slice(0, 2), ...MD5S.slice(2)])]],
  ["among hashes of others", ["If-None-Match", quoted([...MD5S, "0".repeat(32), "f".repeat(64)])]],
  ["several in one pair of quotes", ["If-None-Match", `"${MD5S.join(",")}"`]],
  ["as * (§13.1.2)", ["If-None-Match", "*"]],
];

const NOT_MODIFIED = {
  etag: /^"[am]1-[0-9a-f]{40}"$/,
  "cache-control": /max-age=100$/,
  vary: /if-none-match/,
  "content-type": undefined,
  "x-ota-not-modified": undefined,
};

const preconditions: Row[] = [
  ...ALL_HELD.flatMap(([how, headers]) =>
    [META, ""].map(
      (payload): Row => ({
        rule: `seed, RFC 9110 §13.1.2: all binaries held, ${how}, is 304 ${payload === "" ? "for the archive" : "for metadata"}`,
        query: FOUR + payload,
        headers,
        status: 304,
        has: NOT_MODIFIED,
        check: ({ body }) => expect(body.length).toBe(0),
      }),
    ),
  ),
  {
    rule: "seed: a listed binary is 304 in the metadata",
    query: FOUR + META,
    headers: ["If-None-Match", OS],
    status: 200,
    check: (told) =>
      expect(Object.values(entries(told)).map(({ status_code }) => status_code)).toEqual([200, 304, 200, 200]),
  },
  {
    rule: "seed: a listed binary is left out of the archive, and 304 in its details",
    query: FOUR,
    headers: ["If-None-Match", OS],
    status: 200,
    check: (told) => {
      expect(members(told)).toEqual(["modemFW_1.0", "scoreboard_1.0.0", "videoStreamer_0.0.1", "package_details.json"]);
      const details = JSON.parse(readTar(gunzipSync(told.body)).at(-1)?.content.toString() ?? "");
      expect(details.os_armv8.status_code).toBe(304);
    },
  },
  ...[
    ["the hash of another environment's binary", `"${hashOf("os_armv8", "md5", "beta")}"`],
    ["a star in quotes", '"*"'],
    ["half of a hash", `"${OS.slice(0, 16)}"`],
    ["another answer's tag", `"m1-${"0".repeat(40)}"`],
    ["nothing but commas", ", ,"],
  ].map(
    ([what, tag]): Row => ({
      rule: `§13.1.2: ${what} is no binary`,
      query: FOUR + META,
      headers: ["If-None-Match", tag ?? ""],
      status: 200,
      check: (told) =>
        expect(Object.values(entries(told)).map(({ status_code }) => status_code)).toEqual([200, 200, 200, 200]),
    }),
  ),
  ...[META, ""].flatMap((payload): Row[] => {
    const what = payload === "" ? "the archive's" : "the metadata's";
    return [
      {
        rule: `defect: no ETag of its own; §8.8.3: ${what} is strong, and revalidates it`,
        query: FOUR + payload,
        status: 200,
        has: { etag: /^"[am]1-[0-9a-f]{40}"$/ },
        check: async ({ headers }, again) => {
          const told = await again(["If-None-Match", headers.etag ?? ""]);
          expect(told).toMatchObject({ status: 304, headers: { etag: headers.etag } });
          expect(told.body.length).toBe(0);
        },
      },
      {
        rule: `§8.8.3.2: ${what} tag as a weak one, in a list, revalidates it`,
        query: FOUR + payload,
        status: 200,
        check: async ({ headers }, again) =>
          expect(await again(["If-None-Match", `"x", W/${headers.etag}`])).toMatchObject({ status: 304 }),
      },
      {
        rule: `§13.1.2: ${what} tag of a partial answer revalidates it, with the same hashes`,
        query: FOUR + payload,
        headers: ["If-None-Match", OS],
        status: 200,
        check: async ({ headers }, again) => {
          expect(await again(["If-None-Match", `"${OS}", ${headers.etag}`])).toMatchObject({ status: 304 });
          expect(await again(["If-None-Match", headers.etag ?? ""])).toMatchObject({ status: 200 });
        },
      },
      {
        rule: `§8.8.3.3: ${what} tag is another for another answer`,
        query: FOUR + payload,
        status: 200,
        check: async ({ headers }, again) =>
          expect((await again(["If-None-Match", OS])).headers.etag).not.toBe(headers.etag),
      },
    ];
  }),
  {
    rule: "§13.1.2: 304 to HEAD as to GET",
    query: FOUR,
    method: "HEAD",
    headers: ["If-None-Match", MD5S.join(",")],
    status: 304,
    has: NOT_MODIFIED,
  },
  {
    rule: "§13.2.2: If-None-Match that is false decides, whatever If-Modified-Since says",
    query: FOUR,
    headers: ["If-None-Match", '"x"', "If-Modified-Since", "Fri, 31 Dec 2100 00:00:00 GMT"],
    status: 200,
  },
  {
    rule: "§13.1.3: If-Modified-Since without a Last-Modified to compare is ignored",
    query: FOUR,
    headers: ["If-Modified-Since", "Fri, 31 Dec 2100 00:00:00 GMT"],
    status: 200,
    has: { "last-modified": undefined },
  },
  {
    rule: "§13.1.4: If-Unmodified-Since without a Last-Modified to compare is ignored",
    query: FOUR,
    headers: ["If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"],
    status: 200,
  },
  { rule: "§13.1.1: If-Match * holds", query: FOUR, headers: ["If-Match", "*"], status: 200 },
  {
    rule: "§13.1.1: If-Match with the answer's own tag holds",
    query: FOUR,
    status: 200,
    check: async ({ headers }, again) =>
      expect(await again(["If-Match", `"x", ${headers.etag}`])).toMatchObject({ status: 200 }),
  },
  // CloudFront passes If-Match on only where it is in the cache key, and does not look at it itself.
  ...(
    [
      ["§13.1.1: If-Match with another tag is 412", ["If-Match", '"x"']],
      ["§13.2.2: If-Match comes before If-None-Match", ["If-Match", '"x"', "If-None-Match", MD5S.join(",")]],
      ["§13.2.2: If-Match comes before Range", ["If-Match", '"x"', "Range", "bytes=0-1"]],
    ] as const
  ).map(
    ([rule, headers]): Row => ({
      rule,
      query: FOUR,
      headers,
      status: 412,
      has: PROBLEM,
      check: problemIs("precondition-failed"),
      at: ["origin"],
    }),
  ),
  {
    rule: "§13.1.1: If-Match compares strongly: a weak tag does not hold",
    query: FOUR,
    status: 200,
    at: ["origin"],
    check: async ({ headers }, again) =>
      expect(await again(["If-Match", `W/${headers.etag}`])).toMatchObject({ status: 412 }),
  },
];

/** Both payloads have ranges: `bytes` of what, and what of them is given. */
const part = (rule: string, range: string, cut: (whole: Buffer) => Buffer): Row[] =>
  [META, ""].map((payload) => ({
    rule: `${rule}: Range: ${range} of ${payload === "" ? "the archive" : "the metadata"}`,
    query: FOUR + payload,
    status: 200,
    check: async (whole, again) => {
      const told = await again(["Range", range]);
      const expected = cut(whole.body);
      expect(told.status).toBe(206);
      expect(told.body.equals(expected)).toBe(true);
      const first = expected.byteOffset - whole.body.byteOffset;
      expect(told.headers["content-range"]).toBe(`bytes ${first}-${first + expected.length - 1}/${whole.body.length}`);
      expect(told.headers["content-length"]).toBe(String(expected.length));
      for (const name of ["etag", "content-type", "repr-digest", "cache-control"]) {
        expect(told.headers[name], name).toBe(whole.headers[name]);
      }
    },
  }));

const whole = (rule: string, headers: readonly string[]): Row => ({
  rule,
  query: FOUR,
  headers,
  status: 200,
  has: { "content-range": undefined },
  check: (told) => expect(members(told)).toHaveLength(5),
});

const ranges: Row[] = [
  ...part("§14.1.2", "bytes=0-99", (bytes) => bytes.subarray(0, 100)),
  ...part("§14.1.2", "bytes=100-", (bytes) => bytes.subarray(100)),
  ...part("§14.1.2", "bytes=-50", (bytes) => bytes.subarray(-50)),
  ...part("§14.1.2, one byte", "bytes=0-0", (bytes) => bytes.subarray(0, 1)),
  ...part("§14.1.2, an end beyond the last byte is the last", "bytes=40-99999999", (bytes) => bytes.subarray(40)),
  ...part("§14.1.2, a suffix longer than the whole is the whole", "bytes=-99999999", (bytes) => bytes),
  ...part("§14.1, units compare without case", "Bytes=1-2", (bytes) => bytes.subarray(1, 3)),
  whole("§14.2: a range in another unit is ignored", ["Range", "lines=0-1"]),
  whole("§14.2: several ranges may be ignored, and are", ["Range", "bytes=0-1,3-4"]),
  whole("§14.2: what is no range is ignored", ["Range", "bytes=a-b"]),
  whole("§14.1.1: a range that ends before it begins is invalid, and ignored", ["Range", "bytes=5-2"]),
  ...[
    ["bytes=99999999-", "one that begins beyond the end"],
    ["bytes=-0", "a suffix of nothing"],
  ].map(
    ([range, what]): Row => ({
      rule: `§15.5.17: ${what} is 416 with the length`,
      query: FOUR,
      headers: ["Range", range ?? ""],
      status: 416,
      has: { "content-range": /^bytes \*\/\d+$/ },
    }),
  ),
  {
    rule: "§13.1.5: If-Range with the answer's own tag gives the part",
    query: FOUR,
    status: 200,
    check: async ({ headers }, again) =>
      expect(await again(["Range", "bytes=0-1", "If-Range", headers.etag ?? ""])).toMatchObject({ status: 206 }),
  },
  {
    rule: "§13.1.5: If-Range compares strongly: a weak tag gives the whole",
    query: FOUR,
    status: 200,
    check: async ({ headers }, again) =>
      expect(await again(["Range", "bytes=0-1", "If-Range", `W/${headers.etag}`])).toMatchObject({ status: 200 }),
  },
  whole("§13.1.5: If-Range with another tag gives the whole", ["Range", "bytes=0-1", "If-Range", '"x"']),
  whole("§13.1.5: If-Range with a date, where there is none, gives the whole", [
    "Range",
    "bytes=0-1",
    "If-Range",
    "Sat, 01 Jan 2000 00:00:00 GMT",
  ]),
  {
    rule: "§14.2: a range of HEAD is ignored",
    query: FOUR,
    method: "HEAD",
    headers: ["Range", "bytes=0-1"],
    status: 200,
    has: { "content-range": undefined },
    at: ["origin"],
  },
  {
    rule: "§13.2.2: If-None-Match comes before Range",
    query: FOUR,
    headers: ["If-None-Match", MD5S.join(","), "Range", "bytes=0-1"],
    status: 304,
  },
  {
    rule: "§13.2.2: the answer's own tag comes before Range",
    query: FOUR,
    status: 200,
    check: async ({ headers }, again) =>
      expect(await again(["If-None-Match", headers.etag ?? "", "Range", "bytes=0-1"])).toMatchObject({ status: 304 }),
  },
  {
    rule: "defect: the archive differs at each build; a download resumes where it broke off, 2 kB at a time",
    query: FOUR,
    status: 200,
    has: { "accept-ranges": "bytes", "content-length": /^\d+$/ },
    check: async (told, again) => {
      const pieces: Buffer[] = [];
      for (let at = 0; at < told.body.length; at += 2_000) {
        const more = ["Range", `bytes=${at}-${at + 1_999}`, "If-Range", told.headers.etag ?? ""];
        pieces.push((await again(more)).body);
      }
      expect(Buffer.concat(pieces).equals(told.body)).toBe(true);
    },
  },
];

const methods: Row[] = [
  ...["POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map(
    (method): Row => ({
      rule: `§15.5.6: ${method} is 405 with Allow`,
      query: FOUR,
      method,
      status: 405,
      has: { ...PROBLEM, allow: "GET, HEAD" },
      check: problemIs("method-not-allowed"),
    }),
  ),
  ...[META, ""].map(
    (payload): Row => ({
      rule: `defect: HEAD builds the archive; §9.3.2: HEAD tells what GET would${payload === "" ? "" : ", of metadata"}`,
      query: FOUR + payload,
      method: "HEAD",
      status: 200,
      check: async (head, again) => {
        const told = await again([], "GET");
        expect(head.body.length).toBe(0);
        for (const name of ["content-length", "content-type", "etag", "cache-control", "repr-digest", "vary"]) {
          expect(head.headers[name], name).toBe(told.headers[name]);
        }
        expect(head.headers["content-length"]).toBe(String(told.body.length));
      },
    }),
  ),
];

const caching: Row[] = [
  {
    rule: "RFC 9111 §5.2.2: metadata is kept for 100 s, by any cache",
    query: FOUR + META,
    status: 200,
    has: { "cache-control": "public, max-age=100" },
  },
  {
    rule: "RFC 9111 §5.2.2: an archive is kept for 100 s, by any cache",
    query: FOUR,
    status: 200,
    has: { "cache-control": "public, max-age=100" },
  },
  ...[META, ""].map(
    (payload): Row => ({
      rule: `RFC 9111 §5.2.2.7: what leaves out what a device has is that device's${payload === "" ? "" : ", of metadata"}`,
      query: FOUR + payload,
      headers: ["If-None-Match", OS],
      status: 200,
      has: { "cache-control": "private, max-age=100", "x-ota-personal": undefined },
    }),
  ),
  {
    rule: "RFC 9110 §12.5.5: Vary tells what else the answer depends on",
    query: FOUR,
    status: 200,
    has: { vary: "if-none-match, prefer, x-device-id, x-device-hardware" },
  },
  {
    rule: "RFC 9111 §4.1: hashes of other binaries change nothing, and the answer is anyone's",
    query: FOUR + META,
    headers: ["If-None-Match", `"${"0".repeat(32)}"`],
    status: 200,
    has: { "cache-control": "public, max-age=100" },
  },
  { rule: "RFC 9110 §6.6.1: an answer has a Date", query: FOUR + META, status: 200, has: { date: /GMT$/ } },
  {
    rule: "RFC 9111 §5.1: an answer from the cache has an Age",
    query: FOUR + META,
    status: 200,
    at: ["cdn"],
    check: async (_, again) => expect((await again([])).headers.age).toMatch(/^\d+$/),
  },
  {
    rule: "RFC 9111 §4: a device cannot choose another's key",
    query: FOUR + META,
    headers: ["X-Ota-Have", MD5S.join(",")],
    status: 200,
    at: ["cdn"],
    check: (told) =>
      expect(Object.values(entries(told)).map(({ status_code }) => status_code)).toEqual([200, 200, 200, 200]),
  },
  {
    rule: "defect: errors cached like successes",
    query: "cpuArch=none",
    status: 404,
    has: { "cache-control": /max-age=([0-9]|10)$/ },
  },
  {
    rule: "defect: unbounded cache key; more than 128 hashes are refused before they are one",
    query: FOUR,
    headers: ["If-None-Match", Array.from({ length: 129 }, (_, n) => n.toString(16).padStart(32, "0")).join(",")],
    status: 400,
    has: PROBLEM,
    at: ["cdn"],
  },
  {
    rule: "one question in two spellings has one answer",
    query: `attrCellular=PROD&ATTRgamer=prod&cpuarch=ARMv8&cpuarch=armv8&os=prod&payloadType=MetadataOnly`,
    status: 200,
    check: async (told, again) => {
      const other = await again([], `GET /seed/package?${FOUR}${META}`);
      expect(other.body.equals(told.body)).toBe(true);
      expect(other.headers.etag).toBe(told.headers.etag);
    },
  },
];

const representation: Row[] = [
  {
    rule: "RFC 6266 §4.1, §4.3: the archive is an attachment with a name",
    query: FOUR,
    status: 200,
    has: { "content-disposition": 'attachment; filename="package.tar.gz"' },
  },
  {
    rule: "RFC 6266 §4.2: metadata is to be shown, and named as in the archive",
    query: FOUR + META,
    status: 200,
    has: { "content-disposition": 'inline; filename="package_details.json"' },
  },
  {
    rule: "RFC 9530 §3: Repr-Digest is the SHA-256 of the metadata",
    query: FOUR + META,
    status: 200,
    check: ({ headers, body }) =>
      expect(headers["repr-digest"]).toBe(`sha-256=:${createHash("sha256").update(body).digest("base64")}:`),
  },
  {
    rule: "RFC 9530 §3, RFC 6266 §4.1: a binary has its digest and its name",
    query: `cpuArch=armv8${META}`,
    status: 200,
    at: ["cdn"],
    check: async (told) => {
      const { headers } = await fetch(entries(told).os_armv8?.url ?? "", { method: "HEAD" });
      const digest = Buffer.from(hashOf("os_armv8", "sha256"), "hex").toString("base64");
      expect(headers.get("repr-digest")).toBe(`sha-256=:${digest}:`);
      expect(headers.get("content-disposition")).toBe('attachment; filename="os_armv8_1.1.0"');
    },
  },
  {
    rule: "RFC 9530 §3.1: Repr-Digest of a part is that of the whole",
    query: FOUR + META,
    headers: ["Range", "bytes=0-9"],
    status: 206,
    check: async ({ headers }, again) => expect(headers["repr-digest"]).toBe((await again([])).headers["repr-digest"]),
  },
  {
    rule: "RFC 9530 §3: an archive that was never read whole has none",
    query: FOUR,
    status: 200,
    has: { "repr-digest": undefined },
  },
  {
    rule: "RFC 9530 §2: what is asked for with Want-Repr-Digest and is not there is ignored",
    query: FOUR + META,
    headers: ["Want-Repr-Digest", "sha-512=10, sha-256=0"],
    status: 200,
  },
  {
    rule: "defect: Content-Encoding: gzip on a .tar.gz",
    query: FOUR,
    headers: ["Accept-Encoding", "gzip, br"],
    status: 200,
    has: { "content-encoding": undefined, "content-type": "application/gzip", "transfer-encoding": undefined },
  },
  {
    rule: "§8.4: metadata is not encoded either",
    query: FOUR + META,
    headers: ["Accept-Encoding", "gzip"],
    status: 200,
    has: { "content-encoding": undefined, "content-type": "application/json" },
  },
  {
    rule: "§8.8.3.3: equal content, equal bytes, equal tag",
    query: FOUR,
    status: 200,
    check: async (told, again) => {
      const more = await again(["Cache-Control", "no-cache"]);
      expect(more.body.equals(told.body)).toBe(true);
      expect(more.headers.etag).toBe(told.headers.etag);
    },
  },
  {
    rule: "§8.6: Content-Length is the length of the archive",
    query: FOUR,
    status: 200,
    check: ({ headers, body }) => expect(headers["content-length"]).toBe(String(body.length)),
  },
];

export const ROWS: readonly Row[] = [
  ...selection,
  ...preconditions,
  ...ranges,
  ...methods,
  ...caching,
  ...representation,
];
