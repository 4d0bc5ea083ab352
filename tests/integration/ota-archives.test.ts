import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { DeleteObjectCommand, HeadObjectCommand } from "@aws-sdk/client-s3";
import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import type { Intent } from "../../shared/intent/intent.ts";
import { otaKeys } from "../../shared/keys.ts";
import { until } from "../local/until.ts";
import { readTar } from "../unit/ota/read-tar.ts";
import { aWorkspace, expecting, type StoredItem, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { ask, type Told } from "./support/http.ts";
import { type OtaOrigin, publishBinary, startOrigin } from "./support/ota.ts";

const MIB = 1024 ** 2;
/** Bytes that do not compress, the same for the same seed. */
const noise = (size: number, seed: number): Buffer => {
  const pieces: Buffer[] = [];
  for (let index = 0; index * 32 < size; index += 1) {
    pieces.push(createHash("sha256").update(`${seed} ${index}`).digest());
  }
  return Buffer.concat(pieces).subarray(0, size);
};
const sha256 = (bytes: Uint8Array, encoding: "hex" | "base64" = "hex") =>
  createHash("sha256").update(bytes).digest(encoding);

let cloud: TestCloud;
let origin: OtaOrigin;
let api: ApiClient;
let workspace: { id: string; path: string };
let releases: Record<string, string>;
/** Segments of which S3 copies a part, and nothing. Not much: what is streamed comes at 2 MB/s, as from Lambda. */
const BINARIES = {
  os_big: noise(9.5 * MIB, 1),
  extra: noise(0.6 * MIB, 2),
  small: Buffer.from("small"),
  tiny: Buffer.from("tiny"),
};

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  workspace = await aWorkspace(api, "air");
  releases = {};
  for (const [app, bytes] of Object.entries(BINARIES)) {
    releases[app] = await publishBinary(api, workspace.path, { app, version: "1.0.0", bytes, attributes: ["all"] });
  }
  origin = await startOrigin(cloud, { streamedBytes: 8 * MIB });
}, 60_000);
afterAll(async () => {
  await origin?.close();
  await cloud?.remove();
});

const ALL = "/air/package?cpuArch=big&attrAll=prod";
const REDIRECT = ["Prefer", "redirect"];
const cdn = () => cloud.endpoints.ota;

/** Asks until the archive is there, and follows the redirect. */
const fetched = async (base: string, path: string, headers: readonly string[]): Promise<{ at: Told; key: string }> => {
  let at: Told | undefined;
  await until(
    async () => {
      at = await ask(base, { path, headers });
      return at.status === 307;
    },
    { what: "a redirect to the stored archive", deadlineMs: 20_000 },
  );
  const { headers: told } = at as Told;
  return { at: at as Told, key: new URL(told.location ?? "").pathname.slice(1) };
};

const membersOf = (archive: Buffer) =>
  Object.fromEntries(readTar(gunzipSync(archive)).map(({ name, content }) => [name, content]));

const intentsOf = async (): Promise<Intent[]> =>
  (await expecting(200, api.call<{ items: Intent[] }>("GET", `${workspace.path}/intents?limit=100`))).body.items.filter(
    ({ kind }) => kind === "archive.create",
  );

const itemOf = async (key: string): Promise<StoredItem | undefined> =>
  Object.values(await cloud.items()).find((item) => item.type === "archive" && item.key === key);

const segmentKeyOf = async (app: keyof typeof BINARIES): Promise<string> => {
  const release = Object.values(await cloud.items()).find(({ id, type }) => type === "release" && id === releases[app]);
  return release?.segmentKey as string;
};

describe("an archive that a device would rather fetch", () => {
  test("is stored once, byte for byte what is streamed, and served with ranges and its digest", async () => {
    const first = await ask(cdn(), { path: ALL, headers: REDIRECT });
    expect(first.status).toBe(503);
    expect(first.headers["retry-after"]).toMatch(/^[1-9]$/);
    expect(first.headers["content-type"]).toBe("application/problem+json");
    expect(JSON.parse(first.body.toString())).toMatchObject({ status: 503, code: "preparing" });

    const { at } = await fetched(cdn(), ALL, REDIRECT);
    expect(at.headers).toMatchObject({ "cache-control": "public, max-age=100", "preference-applied": "redirect" });
    expect(at.body.toString()).toBe(`${at.headers.location}\n`);

    const streamed = await ask(cdn(), { path: ALL });
    expect(streamed.status).toBe(200);
    const url = new URL(at.headers.location ?? "");
    const stored = await ask(cdn(), { path: url.pathname });
    expect(stored.status).toBe(200);
    expect(stored.body.equals(streamed.body)).toBe(true);
    expect(Object.keys(membersOf(stored.body))).toEqual([
      "extra_1.0.0",
      "os_big_1.0.0",
      "small_1.0.0",
      "tiny_1.0.0",
      "package_details.json",
    ]);
    expect(stored.headers).toMatchObject({
      "content-type": "application/gzip",
      "content-disposition": 'attachment; filename="package.tar.gz"',
      "cache-control": "public, max-age=31536000, immutable",
      "repr-digest": `sha-256=:${sha256(stored.body, "base64")}:`,
      "accept-ranges": "bytes",
    });
    const part = await ask(cdn(), { path: url.pathname, headers: ["Range", "bytes=5000000-5999999"] });
    expect(part.status).toBe(206);
    expect(part.body.equals(stored.body.subarray(5_000_000, 6_000_000))).toBe(true);
    const other = await ask(cdn(), { path: url.pathname, headers: ["Range", "bytes=0-1", "If-Range", '"x"'] });
    expect(other).toMatchObject({ status: 200 });
    expect(await ask(cdn(), { path: url.pathname, method: "PUT" })).toMatchObject({
      status: 405,
      headers: { allow: "GET, HEAD" },
    });
  });

  test("is made of copies within S3 where it can be, and is one intent however many ask", async () => {
    const path = `${ALL}&attrCrowd=prod`;
    const before = (await intentsOf()).length;
    const have = ["If-None-Match", `"${sha256(BINARIES.tiny)}"`];
    const crowd = await Promise.all(
      Array.from({ length: 20 }, () => ask(cdn(), { path, headers: [...REDIRECT, ...have] })),
    );
    expect(new Set(crowd.map(({ status }) => status))).toEqual(new Set([503]));
    const { at, key } = await fetched(cdn(), path, [...REDIRECT, ...have]);
    // It leaves out what this device has: its address is not for other caches to give to all.
    expect(at.headers["cache-control"]).toBe("private, max-age=100");
    const { ETag } = await cloud.s3.send(new HeadObjectCommand({ Bucket: cloud.otaBucket, Key: key }));
    expect(ETag).toMatch(/-3"$/); // sent to 5 MiB, copied, sent: `uploadParts`
    const made = (await intentsOf()).slice(0, (await intentsOf()).length - before);
    expect(made).toHaveLength(1);
    expect(await itemOf(key)).toMatchObject({ status: "active", expiresAt: expect.any(Number) });
    const stored = await ask(cdn(), { path: `/${key}` });
    expect(Object.keys(membersOf(stored.body))).not.toContain("tiny_1.0.0");
    expect(await ask(cdn(), { path, headers: have })).toMatchObject({ status: 200, body: stored.body });
  });

  test("is made again when its object is gone", async () => {
    const path = `${ALL}&attrAgain=prod`;
    const have = ["If-None-Match", `"${sha256(BINARIES.extra)}"`];
    const { key } = await fetched(cdn(), path, [...REDIRECT, ...have]);
    await cloud.s3.send(new DeleteObjectCommand({ Bucket: cloud.otaBucket, Key: key }));
    const again = await fetched(cdn(), `${path}&attrFresh=prod`, [...REDIRECT, ...have]);
    expect(again.key).toBe(key);
    expect(
      (await cloud.s3.send(new HeadObjectCommand({ Bucket: cloud.otaBucket, Key: key }))).ContentLength,
    ).toBeGreaterThan(0);
  });

  test("that cannot be made is an error, and an intent that says why, and is tried again", async () => {
    const gone = await publishBinary(api, workspace.path, {
      app: "os_gone",
      version: "1.0.0",
      bytes: Buffer.from("gone"),
    });
    releases = { ...releases, gone };
    const Key = await segmentKeyOf("gone" as keyof typeof BINARIES);
    await cloud.s3.send(new DeleteObjectCommand({ Bucket: cloud.otaBucket, Key }));
    const path = "/air/package?cpuArch=gone";
    let told: Told | undefined;
    await until(
      async () => {
        told = await ask(cdn(), { path, headers: REDIRECT });
        return JSON.parse(told.body.toString()).code === "unavailable";
      },
      { what: "the failure to be told" },
    );
    expect(told).toMatchObject({ status: 503, headers: { "retry-after": "60" } });
    const [failed] = await intentsOf();
    expect(failed).toMatchObject({ status: "failed", problem: { code: "artifact-missing" } });
    // As if a while had gone by.
    const [item] = Object.values(await cloud.items()).filter(
      ({ type, status }) => type === "archive" && status === "failed",
    );
    await cloud.documents.send(
      new UpdateCommand({
        TableName: cloud.tables.ota,
        Key: otaKeys.archive(workspace.id, item?.id as string),
        UpdateExpression: "SET updatedAt = :then",
        ExpressionAttributeValues: { ":then": new Date(Date.now() - 61_000).toISOString() },
      }),
    );
    await ask(cdn(), { path: `${path}&attrFresh=prod`, headers: REDIRECT });
    await until(async () => (await intentsOf()).filter(({ status }) => status === "failed").length === 2, {
      what: "a second try",
    });
    expect(await ask(cdn(), { path: `${path}&attrMore=prod` })).toMatchObject({ status: 503 }); // and not a 304
  });
});

describe("an archive above the bound of streaming", () => {
  test("is where it is stored, whether or not the device prefers that", async () => {
    const { at } = await fetched(origin.url, ALL, []);
    expect(at.headers).not.toHaveProperty("preference-applied");
    const head = await ask(origin.url, { path: ALL, method: "HEAD" });
    expect(head).toMatchObject({ status: 307, headers: { location: at.headers.location } });
    expect(head.body.length).toBe(0);
  });

  test("is still 304 for who has it, and metadata is as ever", async () => {
    const held = Object.values(BINARIES).map((bytes) => sha256(bytes));
    expect(await ask(origin.url, { path: ALL, headers: ["If-None-Match", held.join(",")] })).toMatchObject({
      status: 304,
    });
    expect(await ask(origin.url, { path: `${ALL}&payloadType=metadataOnly`, headers: REDIRECT })).toMatchObject({
      status: 200,
    });
  });

  test("is streamed to a device that lacks little of it", async () => {
    const have = ["If-None-Match", `"${sha256(BINARIES.os_big)}"`];
    const told = await ask(origin.url, { path: ALL, headers: have });
    expect(told.status).toBe(200);
    expect(Object.keys(membersOf(told.body))).toHaveLength(4);
  });

  test("is refused when a workspace's devices have had enough stored in this hour", async () => {
    const budget = await startOrigin(cloud, { streamedBytes: 0, archivesPerHour: 0 });
    try {
      const told = await ask(budget.url, { path: "/air/package?cpuArch=big" });
      expect(told.status).toBe(503);
      expect(Number(told.headers["retry-after"])).toBeLessThanOrEqual(3_600);
      expect(JSON.parse(told.body.toString())).toMatchObject({ code: "unavailable" });
    } finally {
      await budget.close();
    }
  });
});
