import { spawnSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { runCloud } from "../../local/child.ts";
import { otaKeys } from "../../shared/keys.ts";
import type { PublicSigningKeys } from "../../shared/ota/signing-keys.ts";
import type { NamedWorkspace } from "../../shared/ota/snapshot.ts";
import { keyIdOf, successorStatement } from "../../shared/ota/statements.ts";
import {
  isSigned,
  type MetadataEntry,
  type Trust,
  type VerifiedSnapshot,
  verifyFile,
  verifyRelease,
  verifySnapshot,
} from "../../shared/ota/verify.ts";
import type { Key } from "../../shared/writes.ts";
import { until } from "../local/until.ts";
import {
  aWorkspace,
  expecting,
  inParallel,
  range,
  startTestCloud,
  type TestCloud,
  testCloud,
} from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { ask } from "./support/http.ts";
import { ageSnapshot, publishBinary } from "./support/ota.ts";

const SCRIPT = fileURLToPath(new URL("../../functions/device/verify.sh", import.meta.url));

let cloud: TestCloud;
let api: ApiClient;
let path: string;
let workspaceId: string;
let folder: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path, id: workspaceId } = await aWorkspace(api, "signed"));
  folder = await mkdtemp(join(tmpdir(), "slipway-device-"));
});
afterAll(async () => {
  await cloud?.remove();
  await rm(folder, { recursive: true, force: true });
});

const now = () => Math.floor(Date.now() / 1_000);
const itemOf = async ({ pk, sk }: Key, of: TestCloud = cloud) => (await of.items())[`ota ${pk} ${sk}`];
const lastOf = async (workspace: string, of: TestCloud = cloud) =>
  ((await itemOf(otaKeys.workspaceName(workspace), of)) as NamedWorkspace | undefined)?.snapshot;

/** The stage's keys, as whoever makes devices gets them. */
const signingKeys = async (of: TestCloud = cloud): Promise<PublicSigningKeys["keys"]> => {
  const client = await of.client("maker");
  const { body } = await expecting(200, client.call<PublicSigningKeys>("GET", "/v1/ota/signing-keys"));
  expect(body.algorithm).toBe("ecdsa-p256-sha256");
  return body.keys;
};
const derOf = (pem: string): string => pem.replaceAll(/-----.*-----|\s/g, "");
const publicKeys = async (of: TestCloud = cloud): Promise<string[]> =>
  (await signingKeys(of)).map(({ publicKey }) => derOf(publicKey));

const get = async (where: string, of: TestCloud = cloud) => {
  const told = await ask(of.endpoints.ota, { path: where });
  return { ...told, text: told.body.toString() };
};

/** The metadata of an app, past the cache. */
let asked = 0;
const poll = async (query: string, of: TestCloud = cloud) => {
  asked += 1;
  return get(`/signed/package?${query}&payloadType=metadataOnly&attrAsked${asked}=prod`, of);
};

/** The workspace's snapshot, past the cache, once it lists just this many releases. */
const snapshotOf = async (entries: number, trust: Trust, of: TestCloud = cloud): Promise<VerifiedSnapshot> =>
  until(
    async () => {
      const last = await lastOf("signed", of);
      if (last === undefined) return undefined;
      const { text } = await get(`/${last.key}`, of);
      const snapshot = verifySnapshot("signed", text, trust, now());
      return snapshot.entries.size === entries ? snapshot : undefined;
    },
    { what: `a snapshot of ${entries} releases` },
  );

describe("a release", () => {
  test("is signed when it is published, and both verifiers believe it with the stage's key alone", async () => {
    const bytes = Buffer.from("a system, 1.0.0");
    await publishBinary(api, path, { app: "os_sig", version: "1.0.0", bytes });
    const [pinned] = await signingKeys();
    if (pinned === undefined) throw new Error("the stage has no key");
    expect([pinned.isCurrent, pinned.successor]).toEqual([true, undefined]);
    const snapshot = await snapshotOf(1, { publicKey: derOf(pinned.publicKey) });
    const { text, headers } = await poll("cpuArch=sig");
    const entry = (JSON.parse(text) as Record<string, MetadataEntry & { url: string }>).os_sig;
    if (entry === undefined) throw new Error(text);
    const wanted = { app: "os_sig", environment: "prod", cpuArch: "sig" };
    verifyFile(verifyRelease(snapshot, wanted, entry), bytes);

    // In shell, by what the header names: the snapshot that goes with this answer.
    const url = /url="([^"]+)"/.exec(headers["x-ota-snapshot"] ?? "")?.[1] ?? "";
    const document = await get(url);
    expect(document.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    const file = (name: string, content: string | Uint8Array) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const options = {
      ...{ workspace: "signed", key: file("key.pem", pinned.publicKey), state: join(folder, "state") },
      ...{ snapshot: file("snapshot", document.text), metadata: file("metadata.json", text) },
      ...{
        app: "os_sig",
        environment: "prod",
        "cpu-arch": "sig",
        file: file("binary", (await get(new URL(entry.url).pathname)).body),
      },
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const { status, stdout, stderr } = spawnSync("sh", [SCRIPT, ...args], { encoding: "utf8" });
    expect([status, stdout, stderr]).toEqual([0, "os_sig 1.0.0\n", ""]);
  });

  test("that is published again has the same bytes, and its archive the same ETag", async () => {
    const id = await publishBinary(api, path, { app: "os_twice", version: "1.0.0", bytes: Buffer.from("twice") });
    const before = await poll("cpuArch=twice");
    await api.done("POST", `${path}/releases/${id}/publish`);
    const after = await poll("cpuArch=twice");
    expect(after.text).toBe(before.text);
    expect(after.headers.etag).toBe(before.headers.etag);
  });

  test("is not in the snapshot any more when it is withdrawn, and the next snapshot has a higher number", async () => {
    const [publicKey = ""] = await publicKeys();
    const before = await snapshotOf(2, { publicKey });
    const id = await publishBinary(api, path, { app: "gone", version: "1.0.0", bytes: Buffer.from("gone") });
    const between = await snapshotOf(3, before.trust);
    expect(between.statement.sequence).toBeGreaterThan(before.statement.sequence);
    await api.done("DELETE", `${path}/releases/${id}`);
    const after = await snapshotOf(2, between.trust);
    expect(after.statement.sequence).toBeGreaterThan(between.statement.sequence);
    expect(after.statement.entries).toBe(before.statement.entries);
  });
});

describe("a snapshot", () => {
  test("is at a URL of its own, with an ETag, and nothing where there never was a release", async () => {
    await aWorkspace(api, "empty");
    const none = await get("/empty/snapshot");
    expect([none.status, none.headers["content-type"]]).toEqual([404, "application/problem+json"]);
    const { status, headers, text } = await get("/signed/snapshot");
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "text/plain; charset=us-ascii",
      "content-length": String(text.length),
      "cache-control": "public, max-age=10",
    });
    const again = await ask(cloud.endpoints.ota, {
      path: "/signed/snapshot",
      headers: ["If-None-Match", headers.etag ?? ""],
    });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    const head = await ask(cloud.endpoints.ota, { path: "/signed/snapshot", method: "HEAD" });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    const posted = await ask(cloud.endpoints.ota, { path: "/signed/snapshot", method: "POST" });
    expect([posted.status, posted.headers.allow]).toEqual([405, "GET, HEAD"]);
  });

  test("comes with every answer, by its number, hash and signature", async () => {
    const [publicKey = ""] = await publicKeys();
    const { statement } = await snapshotOf(2, { publicKey });
    const { headers } = await poll("cpuArch=sig");
    const { sequence, issued, expires, entries } = statement;
    expect(headers["x-ota-snapshot"]).toMatch(
      new RegExp(
        `^url="/snapshots/ws_\\w+/${sequence}-\\w+", sequence=${sequence}, issued=${issued}, expires=${expires}, entries="${entries}", key="[0-9a-f]{64}", signature="[\\w+/=]+"$`,
      ),
    );
    expect(headers["cache-control"]).toBe("public, max-age=100");
  });

  test("of many changes at once lists all of them, and is made no more often than that", async () => {
    const burst = await aWorkspace(api, "burst");
    const count = 12;
    await inParallel(range(count), 4, (index) =>
      publishBinary(api, burst.path, { app: `app${index}`, version: "1.0.0", bytes: Buffer.from(`app ${index}`) }),
    );
    const lines = async () => {
      const last = await lastOf("burst");
      return last && (await get(`/${last.key}`)).text.split("\n").filter((line) => line.startsWith("entry "));
    };
    await until(async () => (await lines())?.length === count, { what: "a snapshot of all" });
    const { KeyCount } = await cloud.s3.send(
      new ListObjectsV2Command({ Bucket: cloud.otaBucket, Prefix: `snapshots/${burst.id}/` }),
    );
    expect(KeyCount).toBeLessThanOrEqual(count);
  });

  test("is renewed by the schedule when a third of its time is over, and before that is not", async () => {
    const [publicKey = ""] = await publicKeys();
    const { statement, trust } = await snapshotOf(2, { publicKey });
    const control = controlOf(cloud.endpoints);
    await control.invoke("renew-snapshots");
    expect((await snapshotOf(2, trust)).statement).toEqual(statement);
    await ageSnapshot(cloud, { id: workspaceId, name: "signed" }, 40);
    await control.invoke("renew-snapshots");
    const renewed = await until(async () => {
      const next = await snapshotOf(2, trust);
      return next.statement.sequence > statement.sequence ? next : undefined;
    });
    expect(renewed.statement.entries).toBe(statement.entries);
  });

  test("goes with its workspace", async () => {
    const { id, path: short } = await aWorkspace(api, "short");
    const release = await publishBinary(api, short, { app: "os_short", version: "1.0.0", bytes: Buffer.from("short") });
    await until(async () => (await itemOf(otaKeys.snapshot(id))) !== undefined, { what: "its snapshot" });
    await api.done("DELETE", `${short}/releases/${release}`);
    await api.done("DELETE", short);
    expect(await itemOf(otaKeys.snapshot(id))).toBeUndefined();
    expect((await get("/short/snapshot")).status).toBe(404);
  });
});

describe("a key that does not sign", () => {
  test("stops no poll and delays publications, which go on when it signs again", async () => {
    const control = controlOf(cloud.endpoints);
    await control.arm("kms:Sign", "KMSInternalException", 500);
    const published = publishBinary(api, path, { app: "os_late", version: "1.0.0", bytes: Buffer.from("late") });
    await until(async () => (await control.faults()).some(({ struck }) => struck >= 3), { what: "refused signatures" });
    expect((await poll("cpuArch=sig")).status).toBe(200);
    expect((await poll("cpuArch=late")).status).toBe(404);
    await control.disarm();
    await published;
    const [publicKey = ""] = await publicKeys();
    await snapshotOf(3, { publicKey });
  });
});

test("a key is rotated by one more in the settings: devices that know the first alone follow, and believe all that there is", async () => {
  const base = await mkdtemp(join(tmpdir(), "slipway-rotation-"));
  const dir = join(base, "data");
  const args = ["--test-mode", "--retry-scale", "0.02"];
  const start = async () => testCloud(await runCloud(dir, { args }), base);
  let of = await start();
  try {
    const client = await of.client();
    await controlOf(of.endpoints).invoke("renew-snapshots");
    expect(await publicKeys(of)).toHaveLength(1); // before there is anything to sign
    const { path: workspace } = await aWorkspace(client, "signed");
    await publishBinary(client, workspace, { app: "os_rot", version: "1.0.0", bytes: Buffer.from("rotated") });
    const [first = ""] = await publicKeys(of);
    const before = await snapshotOf(1, { publicKey: first }, of);
    for (const name of await readdir(join(dir, "kms")))
      expect(statSync(join(dir, "kms", name)).mode & 0o777).toBe(0o600);

    of.disconnect();
    await of.stop();
    vi.stubEnv("SLIPWAY_OTA_SIGNING_KEYS", "2");
    of = await start();
    await controlOf(of.endpoints).invoke("renew-snapshots");
    const [elder, younger] = await signingKeys(of);
    const second = derOf(younger?.publicKey ?? "");
    expect([elder, younger]).toMatchObject([
      { id: keyIdOf(first), isCurrent: false, successor: { id: keyIdOf(second) } },
      { id: keyIdOf(second), isCurrent: true },
    ]);
    const { signature = "", ...link } = elder?.successor ?? {};
    expect(
      isSigned(successorStatement({ notBefore: 0, notAfter: 0, ...link, publicKey: second }), first, signature),
    ).toBe(true);
    const after = await until(async () => {
      const snapshot = await snapshotOf(1, before.trust, of);
      return snapshot.trust.publicKey === second && snapshot;
    });
    expect(after.statement.sequence).toBeGreaterThan(before.statement.sequence);
    const entry = (JSON.parse((await poll("cpuArch=rot", of)).text) as Record<string, MetadataEntry>).os_rot;
    if (entry === undefined) throw new Error("the metadata has no os_rot");
    const wanted = { app: "os_rot", environment: "prod", cpuArch: "rot" };
    verifyFile(verifyRelease(after, wanted, entry), Buffer.from("rotated"));
    // One that is made with the new key believes it as well.
    await snapshotOf(1, { publicKey: second }, of);
  } finally {
    vi.unstubAllEnvs();
    of.disconnect();
    await of.stop();
    await rm(base, { recursive: true, force: true });
  }
});
