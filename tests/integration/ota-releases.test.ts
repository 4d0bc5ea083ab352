import { createHash } from "node:crypto";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { bucketOf } from "../../shared/ota/edge.ts";
import { aWorkspace, expecting, range, sha256, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { publishBinary } from "./support/ota.ts";

let cloud: TestCloud;
let api: ApiClient;
let path: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "terms"));
});
afterAll(() => cloud?.remove());

interface Seen {
  readonly id: string;
  readonly status: string;
  readonly availability?: string;
  readonly rollout: number;
  readonly environment: string;
}
const bytesOf = (app: string, version: string) => `${app} ${version}`;
const release = (app: string, version: string, terms: object = {}) =>
  publishBinary(api, path, { app, version, bytes: Buffer.from(bytesOf(app, version)), terms });
const at = (id: string) => `${path}/releases/${id}`;
const get = async (id: string) => (await expecting(200, api.call<Seen>("GET", at(id)))).body;
const step = async (id: string, verb: string, reason = "") =>
  (await expecting(200, api.call<Seen>("POST", `${at(id)}/${verb}`, { body: reason === "" ? {} : { reason } }))).body;
const edit = async (id: string, body: object) => {
  const { headers } = await expecting(200, api.call("GET", at(id)));
  const sent = { "if-match": headers.get("etag") ?? "" };
  return (await expecting(200, api.call<Seen>("PATCH", at(id), { body, headers: sent }))).body;
};

interface Polled {
  readonly status: number;
  /** Of the app: its version and what is to be done with it. */
  readonly told: string | undefined;
  readonly etag: string | null;
}
let asked = 0;
/** Polls for one app, with a query that no other has asked: the CDN has no answer for it. */
const poll = async (app: string, headers: Record<string, string> = {}, environment = "prod"): Promise<Polled> => {
  asked += 1;
  const query = `cpuArch=none&${app}=${environment}&payloadType=metadataOnly&attrFresh${asked}=prod`;
  const answer = await fetch(`${cloud.endpoints.ota}/terms/package?${query}`, { headers });
  const etag = answer.headers.get("etag");
  if (answer.status !== 200) return { status: answer.status, told: undefined, etag };
  const entry = ((await answer.json()) as Record<string, { latestVersion: string; status_code: number }>)[app];
  return { status: 200, told: entry && `${entry.latestVersion} ${entry.status_code}`, etag };
};
const has = (app: string, version: string) => ({ "if-none-match": sha256(bytesOf(app, version)) });
const toldOf = async (...of: Parameters<typeof poll>) => {
  const { status, told } = await poll(...of);
  return told ?? status;
};
/** An id whose bucket is within these bounds. */
const idIn = (first: number, last: number) => {
  const found = range(10_000).find((one) => {
    const bucket = bucketOf(`device-${one}`) ?? -1;
    return bucket >= first && bucket <= last;
  });
  return { "x-device-id": `device-${found}` };
};

describe("a device that states what it has", () => {
  test("goes by stepping stones to the newest release, and one that states nothing gets what needs none", async () => {
    await release("stone", "1.0");
    await release("stone", "2.0", { minimumVersion: "1.0" });
    await release("stone", "3.0", { minimumVersion: "2.0" });
    expect(await toldOf("stone")).toBe("1.0 200");
    expect(await toldOf("stone", has("stone", "1.0"))).toBe("2.0 200");
    expect(await toldOf("stone", has("stone", "2.0"))).toBe("3.0 200");
    expect(await toldOf("stone", has("stone", "3.0"))).toBe(304);
    const md5 = createHash("md5").update(bytesOf("stone", "2.0")).digest("hex").toUpperCase();
    expect(await toldOf("stone", { "if-none-match": `W/"${md5}"` })).toBe("3.0 200");
  });

  test("is known to have what was deleted since, and never gets an older one unless that allows it", async () => {
    const older = await release("back", "1.0");
    const newer = await release("back", "2.0");
    await api.done("DELETE", at(newer));
    expect(await toldOf("back")).toBe("1.0 200");
    expect(await toldOf("back", has("back", "2.0"))).toBe(304);
    await edit(older, { allowDowngrade: true, reason: "2.0 bricks" });
    expect(await toldOf("back", has("back", "2.0"))).toBe("1.0 200");
  });

  test("gets an older one beside what else it lacks as something it need not fetch", async () => {
    await release("kept", "1.0");
    await step(await release("kept", "2.0"), "withdraw");
    await release("other", "1.0");
    const query = "cpuArch=none&kept=prod&other=prod&payloadType=metadataOnly";
    const answer = await fetch(`${cloud.endpoints.ota}/terms/package?${query}`, { headers: has("kept", "2.0") });
    expect(await answer.json()).toMatchObject({ kept: { status_code: 304 }, other: { status_code: 200 } });
    expect(answer.headers.get("cache-control")).toMatch(/^private/);
  });
});

describe("a device that states what it is", () => {
  test("gets what is for its architecture and hardware, before what is for all", async () => {
    await release("board", "2.0");
    await release("board", "1.0", { hardware: ["rev-B"], cpuArch: ["none", "armv9"] });
    await release("board", "3.0", { cpuArch: ["armv9"] });
    expect(await toldOf("board")).toBe("2.0 200");
    expect(await toldOf("board", { "x-device-hardware": "lte, REV-b" })).toBe("1.0 200");
    expect(await toldOf("board", { "x-device-hardware": "rev-a" })).toBe("2.0 200");
  });

  test("is in a rollout or is not, by its id, whose bucket alone reaches the cache and the origin", async () => {
    await release("rolled", "1.0");
    const id = await release("rolled", "2.0", { rollout: 10 });
    expect(await toldOf("rolled")).toBe("1.0 200");
    expect(await toldOf("rolled", idIn(0, 9))).toBe("2.0 200");
    expect(await toldOf("rolled", idIn(10, 99))).toBe("1.0 200");
    expect(await toldOf("rolled", { ...idIn(10, 99), "x-ota-bucket": "0" })).toBe("1.0 200");
    expect((await edit(id, { rollout: 100 })).rollout).toBe(100);
    expect(await toldOf("rolled", idIn(10, 99))).toBe("2.0 200");
    expect(await toldOf("rolled")).toBe("2.0 200");
  });

  test("shares answer and cache with the others of its bucket, and the answer alone with all where nothing is rolled out", async () => {
    await release("shared", "1.0");
    const etags = await Promise.all([{}, idIn(0, 9), idIn(90, 99)].map(async (id) => (await poll("shared", id)).etag));
    // Of the same URL but for the parameter that keeps the cache out, which is in no answer.
    expect(new Set(etags).size).toBe(1);
    const same = range(10_000).filter((one) => bucketOf(`twin-${one}`) === 7);
    const ask = (one: number | undefined) =>
      fetch(`${cloud.endpoints.ota}/terms/package?cpuArch=none&shared=prod&payloadType=metadataOnly`, {
        headers: { "x-device-id": `twin-${one}` },
      });
    expect((await ask(same[0])).headers.get("x-cache")).toContain("Miss");
    expect((await ask(same[1])).headers.get("x-cache")).toContain("Hit");
  });

  test("with more labels than make sense is refused, by the edge", async () => {
    const answer = await poll("board", { "x-device-hardware": range(17).join(",") });
    expect(answer.status).toBe(400);
  });
});

describe("a release", () => {
  test("is not had before its time", async () => {
    const id = await release("due", "1.0", { notBefore: "2999-01-01T00:00:00Z" });
    expect(await toldOf("due")).toBe(404);
    await edit(id, { notBefore: null });
    expect(await toldOf("due")).toBe("1.0 200");
  });

  test("is paused, resumed and withdrawn, and comes back when it is published again; its history tells", async () => {
    await release("turn", "1.0");
    const id = await release("turn", "2.0");
    expect(await step(id, "pause", "too hot")).toMatchObject({ availability: "paused" });
    expect(await toldOf("turn")).toBe("1.0 200");
    expect(await toldOf("turn", has("turn", "2.0"))).toBe(304);
    await expecting(409, api.call("POST", `${at(id)}/pause`, { body: {} }));
    expect(await step(id, "resume")).toMatchObject({ availability: "offered" });
    expect(await toldOf("turn")).toBe("2.0 200");
    await step(id, "withdraw", "no good");
    expect(await toldOf("turn")).toBe("1.0 200");
    await api.done("POST", `${at(id)}/publish`);
    expect(await toldOf("turn")).toBe("2.0 200");

    const lines: { action: string; by: string; at: string; reason?: string }[] = [];
    let cursor = "";
    do {
      const { body } = await expecting(
        200,
        api.call<{ items: typeof lines; nextCursor?: string }>("GET", `${at(id)}/history?limit=2${cursor}`),
      );
      lines.push(...body.items);
      cursor = body.nextCursor === undefined ? "" : `&cursor=${body.nextCursor}`;
    } while (cursor !== "");
    expect(lines.map(({ action, reason }) => [action, reason])).toEqual([
      ["published", undefined],
      ["withdrawn", "no good"],
      ["resumed", undefined],
      ["paused", "too hot"],
      ["published", undefined],
      ["created", undefined],
    ]);
    expect(new Set(lines.map(({ by }) => by)).size).toBe(1);
    expect(lines.every(({ by, at }) => by !== "" && !Number.isNaN(Date.parse(at)))).toBe(true);
  });

  test("published again, withdraws what is newer", async () => {
    const older = await release("undo", "1.0");
    const newer = await release("undo", "2.0");
    await api.done("POST", `${at(older)}/publish`);
    expect(await toldOf("undo")).toBe("1.0 200");
    expect(await get(newer)).toMatchObject({ status: "published", availability: "withdrawn" });
    expect(await toldOf("undo", has("undo", "2.0"))).toBe(304);
  });

  test("is superseded when three newer ones are there", async () => {
    const ids: string[] = [];
    for (const version of ["1.0", "1.1", "1.2", "1.3"]) ids.push(await release("many", version));
    expect((await Promise.all(ids.map(get))).map(({ availability }) => availability)).toEqual([
      "superseded",
      "offered",
      "offered",
      "offered",
    ]);
    await api.done("DELETE", at(ids[3] ?? ""));
    expect(await toldOf("many")).toBe("1.2 200");
  });

  test("is promoted to another environment without another upload, and outlives the one it came from", async () => {
    const source = await release("up", "1.0", { hardware: ["h"], rollout: 30 });
    const { subject } = await api.done("POST", `${at(source)}/promote`, {
      environment: "beta",
      rollout: 100,
      reason: "a week without complaint",
    });
    expect(await get(subject.id)).toMatchObject({
      ...{ environment: "beta", rollout: 100, hardware: ["h"], status: "published", promotedFrom: source },
      sha256: sha256(bytesOf("up", "1.0")),
    });
    const { body } = await expecting(200, api.call<{ items: object[] }>("GET", `${at(source)}/history?limit=1`));
    expect(body.items).toMatchObject([
      { action: "promoted", reason: "a week without complaint", changes: { environment: "beta", release: subject.id } },
    ]);
    await api.done("DELETE", at(source));
    const { Contents = [] } = await cloud.s3.send(new ListObjectsV2Command({ Bucket: cloud.otaBucket }));
    expect(Contents.filter(({ Key }) => Key?.includes(source))).toEqual([]);
    const headers = { "x-device-hardware": "h" };
    expect(await toldOf("up", headers, "beta")).toBe("1.0 200");
    const archive = await fetch(`${cloud.endpoints.ota}/terms/package?cpuArch=none&up=beta`, { headers });
    expect([archive.status, (await archive.arrayBuffer()).byteLength > 0]).toEqual([200, true]);
  });

  test("is not promoted where it is, nor before it was published", async () => {
    const id = await release("stay", "1.0");
    const same = await expecting(400, api.call("POST", `${at(id)}/promote`, { body: { environment: "PROD" } }));
    expect(same.body).toMatchObject({ code: "invalid-request", errors: [{ rule: "another-environment" }] });
    const body = { app: "draft", environment: "prod", version: "1", size: 1, sha256: sha256("x") };
    const draft = (await expecting(201, api.call<Seen>("POST", `${path}/releases`, { body }))).body.id;
    await expecting(409, api.call("POST", `${at(draft)}/promote`, { body: { environment: "beta" } }));
    await expecting(409, api.call("POST", `${at(draft)}/pause`, { body: {} }));
  });

  test("changes under the revision that was read, and not while it is being published", async () => {
    const id = await release("edited", "1.0");
    await expecting(428, api.call("PATCH", at(id), { body: { rollout: 1 } }));
    const stale = { "if-match": '"1"' };
    await expecting(412, api.call("PATCH", at(id), { body: { rollout: 1 }, headers: stale }));
    await expecting(400, api.call("PATCH", at(id), { body: { reason: "nothing" }, headers: { "if-match": "*" } }));
    const { body } = await expecting(202, api.call<IntentBody>("POST", `${at(id)}/publish`));
    const racing = await api.call("POST", `${at(id)}/pause`, { body: {} });
    expect([200, 409, 412]).toContain(racing.status);
    expect(await api.ended(body.id)).toMatchObject({ status: "succeeded" });
    const availability = racing.status === 200 ? "paused" : "offered";
    expect(await get(id)).toMatchObject({ status: "published", availability });
  });
});
