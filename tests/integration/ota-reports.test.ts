import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiClient, apiClient } from "../../local/api-client.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, range, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { publishBinary } from "./support/ota.ts";

let cloud: TestCloud;
let api: ApiClient;
let device: ApiClient;
let path: string;
beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  device = apiClient(cloud.endpoints.api, "");
  ({ path } = await aWorkspace(api, "told"));
});
afterAll(() => cloud?.remove());

const release = (app: string, terms: object = {}) =>
  publishBinary(api, path, { app, version: "1.0", bytes: Buffer.from(app), terms });
const report = (app: string, outcome: string, reason?: string) =>
  expecting(
    204,
    device.call("POST", "/v1/told/reports", { body: { app, version: "1.0", outcome, ...(reason && { reason }) } }),
  );
interface Seen {
  readonly availability: string;
  readonly reports: object;
}
const get = async (id: string) => (await expecting(200, api.call<Seen>("GET", `${path}/releases/${id}`))).body;

describe("reports of devices that nobody knows", () => {
  test("are counted by release, and shown to its owner with the last reason", async () => {
    const id = await release("counted");
    expect((await get(id)).reports).toEqual({ installed: 0, failed: 0, rolledBack: 0 });
    for (const outcome of ["installed", "installed", "rolled-back"]) await report("counted", outcome);
    await report("counted", "failed", "no space left");
    expect((await get(id)).reports).toEqual({ installed: 2, failed: 1, rolledBack: 1, lastReason: "no space left" });
    await api.done("DELETE", `${path}/releases/${id}`);
    expect(Object.keys(await cloud.items()).filter((key) => key.includes(id) && key.includes("report"))).toEqual([]);
  });

  test("of what is not there are refused, and of what makes no sense too", async () => {
    const body = { app: "nothing", version: "1.0", outcome: "failed" };
    await expecting(404, device.call("POST", "/v1/told/reports", { body }));
    await expecting(404, device.call("POST", "/v1/nobody/reports", { body }));
    await expecting(400, device.call("POST", "/v1/told/reports", { body: { ...body, outcome: "fine" } }));
    await expecting(413, device.call("POST", "/v1/told/reports", { body: { ...body, reason: "x".repeat(300_000) } }));
  });

  test("pause a rollout past its threshold, once, as an intent and with its reason in the history", async () => {
    const id = await release("rolling", { rollout: 10, pauseAbove: 20 });
    for (const one of range(19)) await report("rolling", one < 15 ? "installed" : "failed");
    expect((await get(id)).availability).toBe("offered");
    await report("rolling", "failed");
    await until(async () => (await get(id)).availability === "paused", { what: "the rollout to be paused" });
    const { body: history } = await expecting(
      200,
      api.call<{ items: object[] }>("GET", `${path}/releases/${id}/history?limit=1`),
    );
    expect(history.items).toMatchObject([
      { action: "paused", by: "reports of devices", reason: "5 of 20 reports are of failures: more than 20 %" },
    ]);
    const pauses = async () =>
      (
        await expecting(
          200,
          api.call<{ items: { id: string; kind: string; status: string }[] }>("GET", `${path}/intents`),
        )
      ).body.items.filter(({ kind }) => kind === "release.pause");
    expect(await pauses()).toMatchObject([{ status: "succeeded" }]);
    const [pause] = await pauses();
    const { items } = (await expecting(200, api.call<{ items: { intent?: string }[] }>("GET", `${path}/audit`))).body;
    expect(items.filter(({ intent }) => intent === pause?.id)).toMatchObject([
      { actor: "system", operation: "intent.succeeded", object: { type: "release", id } },
      {
        actor: "anonymous",
        operation: "createReport",
        object: { type: "release", id },
        source: { ip: expect.stringMatching(/127\.0\.0\.1$/) },
      },
    ]);
    await expecting(200, api.call("POST", `${path}/releases/${id}/resume`, { body: { reason: "known" } }));
    await report("rolling", "failed");
    expect(await pauses()).toHaveLength(1);
    expect((await get(id)).availability).toBe("offered");
  });

  test("pause nothing that all devices get, or that has no threshold", async () => {
    const ids = [await release("everywhere", { pauseAbove: 20 }), await release("careless", { rollout: 10 })];
    for (const app of ["everywhere", "careless"]) for (const _ of range(21)) await report(app, "failed");
    const { body } = await expecting(
      200,
      api.call<{ items: { kind: string; subject: { id: string } }[] }>("GET", `${path}/intents`),
    );
    expect(body.items.filter(({ kind, subject }) => kind === "release.pause" && ids.includes(subject.id))).toEqual([]);
  });
});
