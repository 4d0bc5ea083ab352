import { PutCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { otaKeys } from "../../shared/keys.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { type OtaOrigin, publishBinary, startOrigin } from "./support/ota.ts";

/** Of one address in five minutes; fewer are sent here but by the test that is about it. */
const LIMIT = 60;

let cloud: TestCloud;
let origin: OtaOrigin;
let api: ApiClient;
let path: string;
beforeAll(async () => {
  cloud = await startTestCloud(["--test-mode", "--retry-scale", "0.02", "--ota-requests", String(LIMIT)]);
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "calm"));
  await publishBinary(api, path, { app: "app", version: "1.0", bytes: Buffer.from("x".repeat(4_000)) });
  origin = await startOrigin(cloud);
});
afterAll(async () => {
  await origin?.close();
  await cloud?.remove();
});

let asked = 0;
/** With a query that no other has asked: the CDN has no answer for it. */
const poll = (base = cloud.endpoints.ota, headers: Record<string, string> = {}) => {
  asked += 1;
  return fetch(`${base}/calm/package?cpuArch=x&app=prod&attrFresh${asked}=prod`, { headers });
};
const set = async (ota: object) => {
  const { headers } = await expecting(200, api.call("GET", path));
  const sent = { "if-match": headers.get("etag") ?? "" };
  return (await expecting(200, api.call<{ ota: object }>("PATCH", path, { body: { ota }, headers: sent }))).body.ota;
};
const stopStage = (isStopped: boolean) =>
  cloud.documents.send(
    new PutCommand({ TableName: cloud.tables.ota, Item: { ...otaKeys.stage(), type: "stage", isStopped } }),
  );
const seconds = (answer: Response, name: string) => Number(answer.headers.get(name));

describe("devices are told how soon to ask again", () => {
  test("by their workspace, and each a little later at the edge", async () => {
    expect(seconds(await poll(origin.url), "x-poll-seconds")).toBe(3_600);
    expect(await set({ pollSeconds: 86_400 })).toEqual({ pollSeconds: 86_400, isStopped: false });
    expect(seconds(await poll(origin.url), "x-poll-seconds")).toBe(86_400);
    const url = `${cloud.endpoints.ota}/calm/package?cpuArch=x&app=prod&payloadType=metadataOnly`;
    const told: number[] = [];
    for (let i = 0; i < 5; i += 1) told.push(seconds(await fetch(url), "x-poll-seconds"));
    for (const one of told) {
      expect(one).toBeGreaterThanOrEqual(86_400);
      expect(one).toBeLessThan(108_000);
    }
    // Of 21,600 values the chance of five equal ones is nil.
    expect(new Set(told).size).toBeGreaterThan(1);
  });
});

describe("while a workspace, or the stage, is stopped", () => {
  const expectStopped = async (answer: Response, atEdge: boolean) => {
    expect(answer.status).toBe(503);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("x-ota-stopped")).toBeNull();
    expect(await answer.json()).toMatchObject({ status: 503, code: "stopped", type: "/v1/problems/stopped" });
    expect(seconds(answer, "retry-after")).toBeGreaterThanOrEqual(600);
    expect(seconds(answer, "retry-after")).toBeLessThan(atEdge ? 750 : 601);
  };

  test("polls are answered 503 with Retry-After by edge and origin, and others are not", async () => {
    const { path: other } = await aWorkspace(api, "other");
    await publishBinary(api, other, { app: "app", version: "1.0", bytes: Buffer.from("y") });
    await set({ isStopped: true });
    await expectStopped(await poll(), true);
    await expectStopped(await poll(origin.url), false);
    expect((await fetch(`${cloud.endpoints.ota}/other/package?cpuArch=x&app=prod`)).status).toBe(200);
    await stopStage(true);
    expect((await fetch(`${cloud.endpoints.ota}/other/package?cpuArch=x&app=prod&attrNow=prod`)).status).toBe(503);
    await set({ isStopped: false });
    await expectStopped(await poll(), true);
    await stopStage(false);
    expect((await poll()).status).toBe(200);
  });
});

describe("one address", () => {
  test("that asks too often gets 429 with Retry-After, which requests for ranges neither bring about nor get", async () => {
    const range = { range: "bytes=0-9" };
    for (let i = 0; i < LIMIT; i += 1) expect((await poll(undefined, range)).status).toBe(206);
    const first = await poll();
    expect(first.status).toBe(200);
    let last = first;
    for (let i = 0; i < LIMIT && last.status !== 429; i += 1) {
      await last.arrayBuffer();
      last = await poll();
    }
    expect([last.status, last.headers.get("retry-after")]).toEqual([429, "300"]);
    expect(await last.json()).toMatchObject({ type: "/v1/problems/throttled", status: 429, code: "throttled" });
    expect((await poll(undefined, range)).status).toBe(206);
  });
});
