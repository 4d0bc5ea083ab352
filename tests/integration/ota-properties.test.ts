import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CurrentRelease, parseQuery, select } from "../../shared/ota/select.ts";
import { memberName } from "../../shared/ota/tar.ts";
import { readTar } from "../unit/ota/read-tar.ts";
import { aWorkspace, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { ask, type Told } from "./support/http.ts";
import { type Binary, type OtaOrigin, publishBinary, startOrigin } from "./support/ota.ts";

const ENVIRONMENTS = ["prod", "beta"];
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  os_x: [],
  os_y: ["Cellular"],
  player: ["gamer"],
  Camera: ["gamer", "camera"],
  modem: ["cellular"],
};
/** Every app in both environments, of which the versions tell nothing: what is current is what was published last. */
const BINARIES: readonly Binary[] = Object.entries(ATTRIBUTES).flatMap(([app, attributes]) =>
  ENVIRONMENTS.map((environment) => ({
    ...{ app, environment, attributes, version: environment === "prod" ? "2.0_a+1" : "1.0" },
    bytes: Buffer.from(`${app} ${environment} `.repeat(30)),
  })),
);
const digest = (algorithm: "md5" | "sha256", { bytes }: Binary) => createHash(algorithm).update(bytes).digest("hex");

/** What the selection, which its own tests hold, is to choose from. */
const CURRENT: readonly (CurrentRelease & { readonly binary: Binary })[] = BINARIES.map((binary) => ({
  app: binary.app,
  environment: binary.environment ?? "prod",
  version: binary.version,
  attributes: binary.attributes ?? [],
  size: binary.bytes.length,
  sha256: digest("sha256", binary),
  md5: digest("md5", binary),
  segment: { key: "", size: 0, crc32: 0, length: 0 },
  binary,
}));

let cloud: TestCloud;
let origin: OtaOrigin;
beforeAll(async () => {
  cloud = await startTestCloud();
  const api = await cloud.client();
  const { path } = await aWorkspace(api, "fleet");
  for (const binary of BINARIES) await publishBinary(api, path, binary);
  origin = await startOrigin(cloud);
});
afterAll(async () => {
  await origin?.close();
  await cloud?.remove();
});

const cased = (text: string) =>
  fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((ups) => [...text].map((char, index) => (ups[index] ? char.toUpperCase() : char.toLowerCase())).join(""));
const wish = fc
  .constantFrom("os", "player", "camera", "modem", "attrGamer", "attrCamera", "attrCellular", "attrNone")
  .chain((name) => fc.constantFrom(...ENVIRONMENTS, "none").map((environment) => [name, environment] as const));
/** Questions that do not contradict themselves. */
const question = fc
  .record({
    cpuArch: fc.constantFrom("x", "y", "z"),
    wishes: fc.uniqueArray(wish, { selector: ([name]) => name, maxLength: 5 }),
  })
  .map(({ cpuArch, wishes }): (readonly [string, string])[] => [["cpuArch", cpuArch], ...wishes]);
const held = fc
  .subarray([...CURRENT])
  .chain((releases) =>
    fc.tuple(
      ...releases.map((release) => fc.constantFrom(release.md5, release.sha256, `${release.md5.toUpperCase()}`)),
    ),
  );
/** The same question in other words: order, case, repetitions, defaults. */
const spelled = (pairs: readonly (readonly [string, string])[]) =>
  fc
    .tuple(fc.shuffledSubarray([...pairs], { minLength: pairs.length }), fc.subarray([...pairs]))
    .chain(([all, again]) =>
      fc.tuple(...[...all, ...again].map(([name, value]) => fc.tuple(cased(name), cased(value)))),
    )
    .map((said) => said.map(([name, value]) => `${name}=${value}`).join("&"));
const listed = (tags: readonly string[]) =>
  fc
    .tuple(
      fc.shuffledSubarray([...tags], { minLength: tags.length }),
      fc.constantFrom(",", ", ", " ,\t", ",,"),
      fc.constantFrom<(tag: string) => string>(
        (tag) => tag,
        (tag) => `"${tag}"`,
        (tag) => `W/"${tag}"`,
      ),
    )
    .map(([shuffled, separator, quote]) =>
      shuffled.length === 0 ? [] : ["If-None-Match", shuffled.map(quote).join(separator)],
    );

const META = "&payloadType=metadataOnly";
const asking = (base: string, query: string, headers: readonly string[], method = "GET") =>
  ask(base, { method, path: `/fleet/package?${query}`, headers });
const membersOf = ({ body }: Told) => readTar(gunzipSync(body)).map(({ name, content }) => [name, content] as const);

describe("for any question and any binaries held", () => {
  test("a device ends up with exactly what the selection says, by its archive and by its metadata", async () => {
    await fc.assert(
      fc.asyncProperty(question, held, async (pairs, tags) => {
        const query = pairs.map(([name, value]) => `${name}=${value}`).join("&");
        const wanted = select(parseQuery(query), CURRENT) as readonly (typeof CURRENT)[number][];
        const headers = tags.length === 0 ? [] : ["If-None-Match", tags.join(",")];
        const isHeld = ({ md5, sha256 }: CurrentRelease) =>
          tags.some((tag) => [md5, sha256].includes(tag.toLowerCase()));
        const [archive, metadata] = await Promise.all([
          asking(cloud.endpoints.ota, query, headers),
          asking(cloud.endpoints.ota, query + META, headers),
        ]);
        const status = wanted.length === 0 ? 404 : wanted.every(isHeld) ? 304 : 200;
        expect([archive.status, metadata.status]).toEqual([status, status]);
        if (status !== 200) return;
        const lacking = wanted.filter((release) => !isHeld(release));
        const got = membersOf(archive);
        expect(got.slice(0, -1).map(([name]) => name)).toEqual(
          lacking.map(({ app, version }) => memberName(app, version)),
        );
        for (const [index, { binary }] of lacking.entries()) expect(got[index]?.[1].equals(binary.bytes)).toBe(true);
        const entries = JSON.parse(metadata.body.toString()) as Record<string, { url: string; status_code: number }>;
        expect(Object.entries(entries).map(([app, { status_code }]) => [app, status_code])).toEqual(
          wanted.map((release) => [release.app, isHeld(release) ? 304 : 200]),
        );
        for (const { app, sha256 } of lacking) {
          const { body } = await ask(cloud.endpoints.ota, { path: new URL(entries[app]?.url ?? "").pathname });
          expect(createHash("sha256").update(body).digest("hex")).toBe(sha256);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("order, case, repetitions and spellings change neither body nor ETag", async () => {
    const both = question.chain((pairs) =>
      held.chain((tags) =>
        fc.tuple(spelled(pairs), spelled(pairs), listed(tags), listed(tags), fc.constantFrom("", META)),
      ),
    );
    await fc.assert(
      fc.asyncProperty(both, async ([one, other, have, alsoHave, payload]) => {
        for (const base of [cloud.endpoints.ota, origin.url]) {
          const [first, second] = await Promise.all([
            asking(base, one + payload, have),
            asking(base, other + payload, alsoHave),
          ]);
          expect(second.status).toBe(first.status);
          expect(second.headers.etag).toBe(first.headers.etag);
          expect(second.body.equals(first.body)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("the CDN in front changes no answer, whatever it has in its cache", async () => {
    const asked = question.chain((pairs) =>
      held.chain((tags) =>
        fc.tuple(
          spelled(pairs),
          listed(tags),
          fc.constantFrom("", META),
          fc.constantFrom<readonly string[]>(
            [],
            [],
            ["Range", "bytes=0-99"],
            ["Range", "bytes=50-"],
            ["Range", "bytes=-20"],
          ),
        ),
      ),
    );
    /** URLs have the host by which the device asked, and tags and digests are of bodies with URLs. */
    const same = async (query: string, headers: readonly string[], method: string): Promise<void> => {
      const host = new URL(cloud.endpoints.ota).host;
      const [behind, direct] = await Promise.all([
        asking(cloud.endpoints.ota, query, headers, method),
        asking(origin.url, query, ["Host", host, ...headers], method),
      ]);
      expect(behind.status).toBe(direct.status);
      expect(behind.body.equals(direct.body)).toBe(true);
      const end = [
        "etag",
        "content-type",
        "content-range",
        "cache-control",
        "vary",
        "repr-digest",
        "content-disposition",
      ];
      for (const name of end) expect(behind.headers[name], name).toBe(direct.headers[name]);
    };
    await fc.assert(
      fc.asyncProperty(asked, fc.constantFrom("GET", "GET", "HEAD"), async ([query, have, payload, range], method) => {
        await same(query + payload, [...have, ...(method === "GET" ? range : [])], method);
      }),
      { numRuns: 100 },
    );
  });
});

describe("whatever is sent", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "cpuArch",
      "x",
      "os",
      "attr",
      "attrGamer",
      "payloadType",
      "metadataOnly",
      "=",
      "&",
      "%",
      "%00",
      "+",
      "'",
      "--",
      "é",
      "%FF",
    ),
    fc.string({ maxLength: 6 }),
    fc.constantFrom("a".repeat(200), "%41".repeat(50), "&".repeat(3_000), "a=b&".repeat(1_500), "%25".repeat(1_300)),
  );
  const query = fc
    .array(piece, { maxLength: 12 })
    .map((pieces) => pieces.join(""))
    // What no HTTP client sends unescaped, and node:http refuses to.
    .map((text) => text.replace(/[^\x21-\x7e]|#/g, (char) => encodeURIComponent(char.toWellFormed())))
    .map((text) => text.slice(0, 5_000));
  /** Four of them and a query are what node:http takes; more never comes to the function. */
  const LONGEST = 2_500;
  const field = fc.array(
    fc.oneof(
      fc.constantFrom(
        "*",
        '"',
        ",",
        "W/",
        "bytes=",
        "-",
        "0",
        "99999999999999999999",
        CURRENT[0]?.md5 ?? "",
        "redirect",
        ";",
        "q=1",
      ),
      fc.string({ maxLength: 5 }).map((text) => text.replace(/[^\x20-\x7e]/g, "~")),
      // What a careless reader of headers goes over again and again.
      fc
        .constantFrom(
          " ",
          ",",
          '"',
          "*,",
          " *",
          "W/",
          'W/"',
          "a",
          "a,",
          "bytes=",
          "0-,",
          "redirect ",
          "redirect;",
          "~1 ",
        )
        .map((unit) => unit.repeat(LONGEST / unit.length)),
    ),
    { maxLength: 12 },
  );
  const header = fc.tuple(
    fc.constantFrom(
      ...["If-None-Match", "If-Match", "If-Range", "Range", "Prefer", "Accept", "Accept-Encoding", "Cookie"],
      ...["X-Device-Id", "X-Device-Hardware", "X-Ota-Bucket", "X-Ota-Hardware"],
      ...["X-Ota-Have", "X-Ota-Prefer", "X-Forwarded-Proto", "If-Modified-Since", "Content-Type"],
    ),
    field.map((pieces) => pieces.join("").slice(0, LONGEST).trim()),
  );
  const method = fc.constantFrom("GET", "GET", "GET", "HEAD", "POST", "OPTIONS", "DELETE");

  /**
   * Milliseconds of CPU that a request took, at least: of this thread, in which the function runs at the origin, with the client
   * and all that is between. A collection of garbage, or the compiler, may come into one of several tries, and not into all.
   */
  const cpuOf = async (send: () => Promise<unknown>, most: number): Promise<number> => {
    let least = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 4 && least > most; tries += 1) {
      const before = process.threadCpuUsage();
      await send();
      const { user, system } = process.threadCpuUsage(before);
      least = Math.min(least, (user + system) / 1_000);
    }
    return least;
  };

  test("no request takes 50 ms of CPU at the origin", async () => {
    await fc.assert(
      fc.asyncProperty(
        question,
        query,
        fc.array(header, { maxLength: 4 }),
        method,
        async (pairs, text, headers, sent) => {
          const asked = `${pairs.map(([name, value]) => `${name}=${value}`).join("&")}&${text}`;
          expect(await cpuOf(() => asking(origin.url, asked, headers.flat(), sent), 50)).toBeLessThan(50);
        },
      ),
      { numRuns: 400 },
    );
  });

  test.each(["cdn", "origin"])("no answer of the %s is a failure, and every refusal says why", async (where) => {
    const base = where === "cdn" ? cloud.endpoints.ota : origin.url;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          query,
          query.map((text) => `cpuArch=x&${text}`),
        ),
        fc.array(header, { maxLength: 4 }),
        method,
        async (text, headers, sent) => {
          const told = await asking(base, text, headers.flat(), sent);
          // A device that would rather fetch is told to wait: that is no failure.
          const isComing =
            told.status === 503 && JSON.parse(told.body.toString() || '{"code":"preparing"}').code === "preparing";
          if (!isComing) expect(told.status).toBeLessThan(500);
          if (told.status >= 400 && told.status !== 416 && sent !== "HEAD") {
            expect(told.headers["content-type"]).toBe("application/problem+json");
            expect(JSON.parse(told.body.toString()).status).toBe(told.status);
          }
          if (told.status >= 400)
            expect(told.headers["cache-control"] ?? "").not.toMatch(/max-age=(1[1-9]|[2-9]\d|\d{3})/);
          for (const mark of ["x-ota-not-modified", "x-ota-personal"]) {
            if (where === "cdn") expect(told.headers).not.toHaveProperty(mark);
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});
