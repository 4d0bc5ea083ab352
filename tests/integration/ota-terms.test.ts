import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DeviceFacts, unknownDevice } from "../../shared/ota/choose.ts";
import { bucketOf } from "../../shared/ota/edge.ts";
import { type CurrentRelease, parseQuery, select } from "../../shared/ota/select.ts";
import { memberName } from "../../shared/ota/tar.ts";
import { readTar } from "../unit/ota/read-tar.ts";
import { aWorkspace, expecting, range, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { ask, type Told } from "./support/http.ts";
import { type Binary, type OtaOrigin, publishBinary, startOrigin } from "./support/ota.ts";

type Terms = Partial<CurrentRelease>;
const FUTURE = "2999-01-01T00:00:00Z";
const binary = (app: string, version: string, terms: Terms = {}, environment = "prod"): Binary => ({
  ...{ app, version, environment, terms, attributes: terms.attributes ?? [] },
  bytes: Buffer.from(`${app} ${version} ${environment} ${JSON.stringify(terms)} `.repeat(20)),
});
/** Of each app few enough that none is superseded. What is withdrawn is known, and no longer offered. */
const OFFERED: readonly Binary[] = [
  binary("os_x", "1.0"),
  binary("os_x", "1.1", { minimumVersion: "1.0" }),
  binary("os_x", "2.0", { minimumVersion: "1.1", rollout: 50 }),
  binary("os_x", "3.0", {}, "beta"),
  binary("os_x", "2.0", { allowDowngrade: true }, "beta"),
  binary("radio", "1.0", { attributes: ["lte"] }),
  binary("radio", "2.0", { attributes: ["lte"], hardware: ["Rev-B"] }),
  binary("radio", "3.0", { attributes: ["lte"], hardware: ["rev-c"], cpuArch: ["x"], rollout: 20 }),
  binary("play", "1.0", { attributes: ["lte"] }),
  binary("play", "2.0", { attributes: ["lte"], isPaused: true }),
  binary("play", "3.0", { attributes: ["lte"], notBefore: FUTURE }),
];
const WITHDRAWN: readonly Binary[] = [binary("os_x", "4.0", {}, "beta"), binary("radio", "4.0"), binary("os_x", "1.5")];
const hashOf = (algorithm: "md5" | "sha256", { bytes }: Binary) => createHash(algorithm).update(bytes).digest("hex");
const CURRENT: readonly CurrentRelease[] = OFFERED.map((one) => ({
  app: one.app,
  environment: one.environment ?? "prod",
  version: one.version,
  size: one.bytes.length,
  sha256: hashOf("sha256", one),
  md5: hashOf("md5", one),
  segment: { key: "", size: 0, crc32: 0, length: 0 },
  attributes: [],
  ...one.terms,
}));

let cloud: TestCloud;
let origin: OtaOrigin;
beforeAll(async () => {
  cloud = await startTestCloud();
  const api = await cloud.client();
  const { path } = await aWorkspace(api, "fleet");
  for (const one of [...OFFERED, ...WITHDRAWN]) {
    const { isPaused = false, ...terms } = (one.terms ?? {}) as Terms;
    const id = await publishBinary(api, path, { ...one, terms });
    const step = isPaused ? "pause" : WITHDRAWN.includes(one) ? "withdraw" : undefined;
    if (step) await expecting(200, api.call("POST", `${path}/releases/${id}/${step}`, { body: {} }));
  }
  origin = await startOrigin(cloud);
});
afterAll(async () => {
  await origin?.close();
  await cloud?.remove();
});

interface Device {
  readonly query: string;
  readonly id: string | undefined;
  readonly labels: readonly string[];
  readonly held: readonly Binary[];
}
const device: fc.Arbitrary<Device> = fc.record({
  query: fc.constantFrom(
    "cpuArch=x",
    "cpuArch=x&os=beta",
    "cpuArch=x&attrLte=prod",
    "cpuArch=y&attrLte=prod&os_x=prod",
    "cpuArch=x&play=prod&radio=beta",
  ),
  id: fc.option(fc.nat(400).map(String), { nil: undefined }),
  labels: fc.subarray(["rev-a", "rev-b", "rev-c", "lte"]),
  held: fc.subarray([...OFFERED, ...WITHDRAWN], { maxLength: 4 }),
});
const cased = (text: string) => fc.boolean().map((isUpper) => (isUpper ? text.toUpperCase() : text));
/** What the device says, in one of many ways. */
const said = ({ id, labels, held }: Device) =>
  fc
    .record({
      id: cased(`unit-${id}`),
      labels: fc
        .shuffledSubarray([...labels, ...labels], { minLength: labels.length * 2 })
        .chain((all) => fc.tuple(...all.map(cased))),
      held: fc.shuffledSubarray([...held], { minLength: held.length }),
      isMd5: fc.boolean(),
      separator: fc.constantFrom(",", ", ", " ,"),
      isSplit: fc.boolean(),
    })
    .map(({ separator, isSplit, isMd5, ...one }) => [
      ...(id === undefined ? [] : ["X-Device-Id", one.id]),
      ...(labels.length === 0
        ? []
        : isSplit
          ? one.labels.flatMap((label) => ["X-Device-Hardware", label])
          : ["X-Device-Hardware", one.labels.join(separator)]),
      ...(held.length === 0
        ? []
        : ["If-None-Match", one.held.map((has) => `"${hashOf(isMd5 ? "md5" : "sha256", has)}"`).join(separator)]),
    ]);
const factsOf = ({ id, labels, held }: Device): DeviceFacts => ({
  ...unknownDevice(new Date()),
  bucket: id === undefined ? undefined : bucketOf(`unit-${id}`),
  hardware: new Set(labels),
  hashes: new Set(held.map((one) => hashOf("sha256", one))),
  installed: held.map(({ app, version, environment = "prod" }) => ({ app, environment, version })),
});
const asking = (base: string, query: string, headers: readonly string[], method = "GET") =>
  ask(base, { method, path: `/fleet/package?${query}&payloadType=metadataOnly`, headers });
const entries = ({ body }: Told) =>
  Object.entries(JSON.parse(body.toString()) as Record<string, { sha256: string; status_code: number }>);

describe("for any device, whatever it is and has", () => {
  test("it is told exactly what the selection says", async () => {
    await fc.assert(
      fc.asyncProperty(
        device.chain((one) => fc.tuple(fc.constant(one), said(one))),
        async ([one, headers]) => {
          const facts = factsOf(one);
          const wanted = select(parseQuery(one.query), CURRENT, facts);
          const isHad = ({ sha256, isKept }: (typeof wanted)[number]) => isKept === true || facts.hashes.has(sha256);
          const told = await asking(cloud.endpoints.ota, one.query, headers);
          expect(told.status).toBe(wanted.length === 0 ? 404 : wanted.every(isHad) ? 304 : 200);
          if (told.status !== 200) return;
          const archive = await ask(cloud.endpoints.ota, { path: `/fleet/package?${one.query}`, headers });
          expect(
            readTar(gunzipSync(archive.body))
              .slice(0, -1)
              .map(({ name, content }) => [name, createHash("sha256").update(content).digest("hex")]),
          ).toEqual(
            wanted
              .filter((release) => !isHad(release))
              .map((release) => [memberName(release.app, release.version), release.sha256]),
          );
          expect(entries(told).map(([app, { sha256, status_code }]) => [app, sha256, status_code])).toEqual(
            wanted.map((release) => [release.app, release.sha256, isHad(release) ? 304 : 200]),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  test("it is never to fetch an older version than it has of that environment, unless that allows it", async () => {
    const all = [...OFFERED, ...WITHDRAWN];
    await fc.assert(
      fc.asyncProperty(
        device.chain((one) => fc.tuple(fc.constant(one), said(one))),
        async ([one, headers]) => {
          const told = await asking(cloud.endpoints.ota, one.query, headers);
          if (told.status !== 200) return;
          for (const [app, { sha256, status_code }] of entries(told)) {
            const got = all.find((each) => hashOf("sha256", each) === sha256);
            if (status_code !== 200 || (got?.terms as Terms | undefined)?.allowDowngrade) continue;
            // Here all versions are of one digit each, and sort as texts.
            const older = one.held.filter(
              (has) => has.app === app && has.environment === got?.environment && has.version > (got?.version ?? ""),
            );
            expect(older).toEqual([]);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test("order, case and repetitions of what it says change nothing, and the CDN in front changes no answer", async () => {
    await fc.assert(
      fc.asyncProperty(
        device.chain((one) => fc.tuple(fc.constant(one), said(one), said(one))),
        fc.constantFrom("GET", "GET", "HEAD"),
        async ([{ query }, one, other], method) => {
          const host = new URL(cloud.endpoints.ota).host;
          const [first, second, direct] = await Promise.all([
            asking(cloud.endpoints.ota, query, one, method),
            asking(cloud.endpoints.ota, query, other, method),
            asking(origin.url, query, ["Host", host, ...one], method),
          ]);
          for (const told of [second, direct]) {
            expect(told.status).toBe(first.status);
            expect(told.body.equals(first.body)).toBe(true);
            for (const name of ["etag", "content-type", "cache-control", "vary", "repr-digest"]) {
              if (first.status < 400 || told === second) expect(told.headers[name], name).toBe(first.headers[name]);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

test("buckets are spread evenly, and are the same for ever", () => {
  const counts = range(100).map(() => 0);
  for (const one of range(100_000)) {
    const bucket = bucketOf(`device-${one}`) ?? -1;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(200);
  expect(["a", "00:1B:44:11:3A:B7", "00:1b:44:11:3a:b7", " a ", "é"].map(bucketOf)).toMatchInlineSnapshot(`
    [
      15,
      61,
      61,
      15,
      73,
    ]
  `);
  expect([bucketOf(""), bucketOf("  ")]).toEqual([undefined, undefined]);
});
