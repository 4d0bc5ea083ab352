import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import type { StoredDelivery } from "../../shared/webhook/delivery.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { isSignedWith, startReceiver } from "./support/receiver.ts";

const TRIES = 3;

interface Shown {
  readonly id: string;
  readonly secret: string;
  readonly enabled: boolean;
  readonly failingSince?: string;
  readonly disabled?: { readonly reason: string };
  readonly previousSecretUntil?: string;
}
interface Listed {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly tries: readonly { readonly status?: number; readonly error?: string; readonly answer?: string }[];
  readonly nextTryAt?: string;
}

let cloud: TestCloud;
let api: ApiClient;
let control: ReturnType<typeof controlOf>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let workspace: { id: string; path: string };

beforeAll(async () => {
  process.env.SLIPWAY_WEBHOOK_TRIES = String(TRIES);
  cloud = await startTestCloud(["--test-mode", "--retry-scale", "0.02", "--webhooks-here"]);
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  workspace = await aWorkspace(api, "hooked");
  receiver = await startReceiver();
});
afterEach(() => control.disarm());
afterAll(async () => {
  await receiver?.close();
  await cloud?.remove();
});

const hooks = () => `${workspace.path}/webhooks`;
const create = async (path: string, more: object = {}): Promise<Shown> =>
  (await expecting(201, api.call<Shown>("POST", hooks(), { body: { url: receiver.url(path), ...more } }))).body;
const get = async ({ id }: Shown) => expecting(200, api.call<Shown>("GET", `${hooks()}/${id}`));
const edit = async (webhook: Shown, body: object) => {
  const { headers } = await get(webhook);
  const ifMatch = { "if-match": headers.get("etag") ?? "" };
  return expecting(200, api.call<Shown>("PATCH", `${hooks()}/${webhook.id}`, { body, headers: ifMatch }));
};
const remove = ({ id }: Shown) => expecting(204, api.call("DELETE", `${hooks()}/${id}`));
const deliveries = async ({ id }: Shown): Promise<readonly Listed[]> =>
  (await expecting(200, api.call<{ items: Listed[] }>("GET", `${hooks()}/${id}/deliveries`))).body.items;
const replay = ({ id }: Shown, body: object) =>
  expecting(200, api.call<{ deliveries: number; next?: string }>("POST", `${hooks()}/${id}/replay`, { body }));

let groups = 0;
/** Something that gives just one event of `slipway.deployment.revised`, and others. */
const happen = async (): Promise<void> => {
  groups += 1;
  await api.done("POST", `${workspace.path}/node-groups`, { name: `g-${groups}` });
};
const REVISED = { events: ["slipway.deployment.revised"] };

/** As if the pauses of all that waits were over, for a webhook. */
const comeDue = async ({ id }: Shown): Promise<void> => {
  const waiting = Object.values(await cloud.items()).filter(
    (item) => item.type === "webhook-delivery" && item.webhookId === id && item.due === "due",
  ) as unknown as StoredDelivery[];
  for (const { pk, sk } of waiting) {
    await cloud.documents.send(
      new UpdateCommand({
        TableName: cloud.tables.control,
        Key: { pk, sk },
        UpdateExpression: "SET dueAt = :then",
        ExpressionAttributeValues: { ":then": new Date(Date.now() - 1_000).toISOString() },
      }),
    );
  }
  await control.invoke("retry-webhooks");
};

/** Waits for the only delivery to have been tried so often. */
const tried = async (webhook: Shown, times: number): Promise<Listed> =>
  until(
    async () => {
      const [first] = await deliveries(webhook);
      return first !== undefined && first.tries.length >= times ? first : undefined;
    },
    { what: `${times} tries` },
  );

describe("an event", () => {
  test("is sent to the webhooks that listen for it, signed, as it is on the bus", async () => {
    const all = await create("/all");
    const some = await create("/some", { events: ["slipway.deployment.*"] });
    const none = await create("/none", { events: ["slipway.node.offline"] });
    await happen();
    const [got] = await receiver.received("/some");
    if (got === undefined) throw new Error("nothing came");
    const event = JSON.parse(got.body) as { id: string; type: string; workspaceid: string };
    expect(event).toMatchObject({ specversion: "1.0", type: "slipway.deployment.revised", workspaceid: workspace.id });
    expect(got.headers).toMatchObject({ "webhook-id": event.id, "content-type": "application/json" });
    expect(isSignedWith(some.secret, got)).toBe(true);
    expect(isSignedWith(all.secret, got)).toBe(false);
    expect(isSignedWith(some.secret, { ...got, body: `${got.body} ` })).toBe(false);
    const onTheBus = (await control.events()).find(({ detail }) => (detail as { id?: string }).id === event.id);
    expect(event).toEqual(onTheBus?.detail);
    await receiver.received("/all", 4);
    expect(receiver.at("/none")).toEqual([]);
    expect(await tried(some, 1)).toMatchObject({ id: event.id, status: "delivered", tries: [{ status: 204 }] });
    for (const one of [all, some, none]) await remove(one);
  });

  test("that comes twice is sent once", async () => {
    const webhook = await create("/twice", REVISED);
    await happen();
    const { id } = await tried(webhook, 1);
    const heard = (await control.events()).find(({ detail }) => (detail as { id?: string }).id === id);
    for (let again = 0; again < 3; again += 1) await control.invoke("send-webhooks", heard);
    expect(receiver.at("/twice")).toHaveLength(1);
    await remove(webhook);
  });
});

describe("a receiver", () => {
  test.each<[string, Parameters<typeof receiver.answer>[1], object]>([
    ["fails", (response) => response.writeHead(500).end("broken"), { status: 500, answer: "broken" }],
    [
      "redirects",
      (response) => response.writeHead(302, { location: receiver.url("/followed") }).end(),
      { status: 302 },
    ],
    ["hangs up", (response) => response.destroy(), { error: "ECONNRESET" }],
  ])("that %s gets the event again, the same one, until it takes it", async (what, answer, told) => {
    const path = `/${what.replace(" ", "-")}`;
    receiver.answer(path, answer);
    const webhook = await create(path, REVISED);
    await happen();
    expect(await tried(webhook, 1)).toMatchObject({ status: "pending", tries: [told], nextTryAt: expect.any(String) });
    await until(async () => (await get(webhook)).body.failingSince !== undefined, { what: "the webhook to fail" });
    receiver.answer(path, (response) => response.writeHead(200).end());
    await comeDue(webhook);
    const done = await tried(webhook, 2);
    expect(done).toMatchObject({ status: "delivered", tries: [told, { status: 200 }] });
    const [first, second] = await receiver.received(path, 2);
    expect(second?.body).toBe(first?.body);
    expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(receiver.at("/followed")).toEqual([]);
    await until(async () => (await get(webhook)).body.failingSince === undefined, { what: "the webhook to be well" });
    await remove(webhook);
  });

  test("that says when to come again is asked then", async () => {
    receiver.answer("/busy", (response) => response.writeHead(503, { "retry-after": "7200" }).end());
    const webhook = await create("/busy", REVISED);
    const before = Date.now();
    await happen();
    const { nextTryAt } = await tried(webhook, 1);
    expect(Date.parse(nextTryAt ?? "")).toBeGreaterThanOrEqual(before + 7_200_000);
    await remove(webhook);
  });

  test("whose answer has no end is told by its beginning", async () => {
    receiver.answer("/endless", (response) => {
      response.writeHead(200);
      const write = () => {
        if (!response.destroyed) response.write("x".repeat(65_536), () => setImmediate(write));
      };
      write();
    });
    const webhook = await create("/endless", REVISED);
    await happen();
    const { status, tries } = await tried(webhook, 1);
    expect([status, tries[0]?.answer]).toEqual(["delivered", "x".repeat(512)]);
    await remove(webhook);
  });

  test("that is gone gets nothing more, and the world is told", async () => {
    receiver.answer("/gone", (response) => response.writeHead(410).end());
    const webhook = await create("/gone", REVISED);
    await happen();
    expect(await tried(webhook, 1)).toMatchObject({ status: "failed" });
    await until(async () => (await get(webhook)).body.enabled === false, { what: "the webhook to be disabled" });
    expect((await get(webhook)).body.disabled?.reason).toMatch(/410/);
    await until(
      async () =>
        (await control.events()).some(
          ({ "detail-type": type, detail }) =>
            type === "slipway.webhook.disabled" && (detail as { subject: string }).subject === webhook.id,
        ),
      { what: "the event" },
    );
    await remove(webhook);
  });

  test("that never takes anything is sent nothing more, until it is enabled; what came meanwhile is replayed", async () => {
    receiver.answer("/dead", (response) => response.writeHead(500).end());
    const webhook = await create("/dead", REVISED);
    const since = new Date(Date.now() - 1_000).toISOString();
    await happen();
    for (let times = 1; times < TRIES; times += 1) {
      await tried(webhook, times);
      await comeDue(webhook);
    }
    expect(await tried(webhook, TRIES)).toMatchObject({ status: "failed" });
    await until(async () => (await get(webhook)).body.enabled === false, { what: "the webhook to be disabled" });
    expect((await get(webhook)).body.disabled?.reason).toMatch(/tried 3 times/);
    await happen();
    await until(async () => (await deliveries(webhook)).some(({ status }) => status === "held"), {
      what: "a delivery to be held",
    });
    expect(receiver.at("/dead")).toHaveLength(TRIES);
    const refused = await api.call("POST", `${hooks()}/${webhook.id}/replay`, { body: { since } });
    expect([refused.status, refused.body.code]).toEqual([409, "not-ready"]);

    receiver.answer("/dead", (response) => response.writeHead(204).end());
    const { body } = await edit(webhook, { enabled: true });
    expect(body).not.toHaveProperty("disabled");
    expect((await replay(webhook, { since })).body).toEqual({ deliveries: 2 });
    await comeDue(webhook);
    await until(async () => (await deliveries(webhook)).every(({ status }) => status === "delivered"), {
      what: "both to be delivered",
    });
    expect((await replay(webhook, { since })).body).toEqual({ deliveries: 0 });
    const [{ id: delivery } = { id: "" }] = await deliveries(webhook);
    expect((await replay(webhook, { delivery })).body).toEqual({ deliveries: 1 });
    await comeDue(webhook);
    await receiver.received("/dead", TRIES + 3);
    await remove(webhook);
  });
});

test("a webhook that is deleted while it is asked to send again stays deleted", async () => {
  const webhook = await create("/deleted", { events: ["slipway.node.offline"] });
  const path = `${hooks()}/${webhook.id}`;
  // The replay has read the webhook, and writes after the deletion.
  await control.fault({
    operation: "dynamodb:TransactWriteItems",
    caller: "local-api-replay-webhook",
    kind: "latency",
    milliseconds: 3_000,
  });
  const replaying = api.call("POST", `${path}/replay`, { body: { since: new Date().toISOString() } });
  await until(async () => (await control.faults()).some(({ struck }) => struck > 0), { what: "the write" });
  await remove(webhook);
  const { status, body } = await replaying;
  expect([status, body.code]).toEqual([404, "not-found"]);
  const { items } = (await expecting(200, api.call<{ items: Shown[] }>("GET", hooks()))).body;
  expect(items.map(({ id }) => id)).not.toContain(webhook.id);
});

describe("a secret", () => {
  test("that is replaced signs beside the new one for a day", async () => {
    const webhook = await create("/rotated", REVISED);
    const rotated = (await expecting(200, api.call<Shown>("POST", `${hooks()}/${webhook.id}/secret`))).body;
    expect(rotated.secret).not.toBe(webhook.secret);
    expect(rotated.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    await happen();
    const [got] = await receiver.received("/rotated");
    if (got === undefined) throw new Error("nothing came");
    expect([webhook, rotated].map(({ secret }) => isSignedWith(secret, got))).toEqual([true, true]);
    expect(String(got.headers["webhook-signature"]).split(" ")).toHaveLength(2);
    await remove(webhook);
  });

  test("is in no answer but the one that made it, nor in the table", async () => {
    const webhook = await create("/secret", REVISED);
    const shown = JSON.stringify([(await get(webhook)).body, await deliveries(webhook), await cloud.items()]);
    expect(shown).not.toContain(webhook.secret);
    expect(shown).not.toContain(webhook.secret.replace("whsec_", ""));
    await remove(webhook);
  });
});

test("a webhook is tried with an event of its own, also while it is disabled", async () => {
  const webhook = await create("/tried", REVISED);
  await edit(webhook, { enabled: false });
  const { body } = await expecting(200, api.call("POST", `${hooks()}/${webhook.id}/test`));
  expect(body).toMatchObject({ status: 204 });
  const [got] = await receiver.received("/tried");
  if (got === undefined) throw new Error("nothing came");
  expect(isSignedWith(webhook.secret, got)).toBe(true);
  expect(JSON.parse(got.body)).toMatchObject({ type: "slipway.webhook.test", subject: webhook.id });
  await remove(webhook);
});

describe("a URL", () => {
  test.each([
    "http://example.com/hook",
    "https://10.0.0.1/hook",
    "https://169.254.169.254/latest/meta-data",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://2130706433.0.0.1.nip.io:99999/",
    "https://user:password@example.com/",
    "ftp://example.com/",
    "not a URL",
  ])("%s is refused", async (url) => {
    const { status, body } = await api.call("POST", hooks(), { body: { url } });
    expect([status, body.code, (body as { errors?: { pointer: string }[] }).errors?.[0]?.pointer]).toEqual([
      400,
      "invalid-request",
      "/url",
    ]);
  });
});

test("there are at most twenty webhooks in a workspace", async () => {
  const made: Shown[] = [];
  for (let i = 0; i < 20; i += 1) made.push(await create(`/many-${i}`, { events: ["slipway.webhook.test"] }));
  const { status, body } = await api.call("POST", hooks(), { body: { url: receiver.url("/one-more") } });
  expect([status, body.code]).toEqual([409, "limit-reached"]);
  for (const one of made) await remove(one);
});
