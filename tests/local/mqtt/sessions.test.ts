import { expect, test } from "vitest";
import type { Client } from "./client.ts";
import { withBroker } from "./support.ts";

const broker = withBroker();

/** A client whose session is to outlive its connection. */
const lasting = async (clientId: string, version: 4 | 5 = 5, seconds = 600) => {
  const { client, connack } = await broker.tryConnect({
    identity: await broker.identity(),
    clientId,
    version,
    clean: false,
    ...(version === 5 && { properties: { sessionExpiryInterval: seconds } }),
  });
  return { client, present: connack?.sessionPresent, expiry: connack?.properties?.sessionExpiryInterval };
};

const sender = async (): Promise<Client> =>
  broker.connect({ identity: await broker.identity(), clientId: broker.unique("sender") });

const payloads = async (client: Client): Promise<string[]> =>
  (await client.settled()).flatMap((packet) => (packet.cmd === "publish" ? [packet.payload.toString()] : []));

test.each([
  ["MQTT 5", 5, false],
  ["MQTT 3.1.1", 4, false],
  ["MQTT 5, when the broker was started again meanwhile", 5, true],
] as const)(
  "a session goes on with its subscriptions and what came with QoS 1: %s",
  async (_what, version, restarts) => {
    const clientId = broker.unique("lasting");
    const first = await lasting(clientId, version);
    expect(first.present).toBe(false);
    await first.client.subscribe(`${clientId}/+`);
    await first.client.disconnect();
    const before = await sender();
    await before.publish(`${clientId}/a`, "1", {
      properties: { correlationData: Buffer.from([0, 200]), userProperties: { k: "v" } },
    });
    await before.publish(`${clientId}/a`, "lost", { qos: 0 });
    if (restarts) await broker.restart();
    await (await sender()).publish(`${clientId}/b`, "2");

    const second = await lasting(clientId, version);
    expect(second.present).toBe(true);
    const got = await second.client.next("publish");
    expect(got).toMatchObject({ topic: `${clientId}/a`, qos: 1 });
    if (version === 5) expect(got.properties?.correlationData).toEqual(Buffer.from([0, 200]));
    expect(await payloads(second.client)).toEqual(["2"]);
    await second.client.disconnect();
    expect(await payloads((await lasting(clientId, version)).client)).toEqual([]);
  },
);

test("what was not acknowledged comes again on the next connection", async () => {
  const clientId = broker.unique("again");
  const first = await lasting(clientId);
  first.client.acknowledges = false;
  await first.client.subscribe(clientId);
  await (await sender()).publish(clientId, "x");
  await first.client.next("publish");
  await first.client.drop();
  const second = await lasting(clientId);
  expect(await payloads(second.client)).toEqual(["x"]);
});

test("a message that expires while it waits is gone", async () => {
  const clientId = broker.unique("expiring");
  const first = await lasting(clientId);
  await first.client.subscribe(clientId);
  await first.client.disconnect();
  const from = await sender();
  await from.publish(clientId, "short", { properties: { messageExpiryInterval: 10 } });
  await from.publish(clientId, "long", { properties: { messageExpiryInterval: 60 } });
  broker.clock.advance(20_000);
  const second = await lasting(clientId);
  const got = await second.client.next("publish");
  expect([got.payload.toString(), got.properties?.messageExpiryInterval]).toEqual(["long", 40]);
  expect(await payloads(second.client)).toEqual([]);
});

test.each([
  ["its time is over", 600, 601],
  ["an hour is over, whatever it asked for", 100_000, 3_601],
])("a session ends when %s", async (_what, asked, after) => {
  const clientId = broker.unique("ending");
  const first = await lasting(clientId, 5, asked);
  expect(first.expiry).toBe(asked > 3_600 ? 3_600 : undefined);
  await first.client.subscribe(clientId);
  await first.client.disconnect();
  const left = () => broker.told(`$aws/events/presence/disconnected/${clientId}`).length;
  await expect.poll(left).toBe(1);
  broker.clock.advance((after - 2) * 1_000);
  const again = await lasting(clientId, 5, asked);
  expect(again.present).toBe(true);
  await again.client.disconnect();
  await expect.poll(left).toBe(2);
  broker.clock.advance(after * 1_000);
  expect((await lasting(clientId, 5, asked)).present).toBe(false);
});

test("a clean start ends the session of before", async () => {
  const clientId = broker.unique("clean");
  const first = await lasting(clientId);
  await first.client.subscribe(clientId);
  await first.client.disconnect();
  await (await sender()).publish(clientId, "x");
  const clean = await broker.connect({ identity: await broker.identity(), clientId, clean: true });
  expect(await payloads(clean)).toEqual([]);
  await clean.disconnect();
  expect((await lasting(clientId)).present).toBe(false);
});

test("a session that was to end with its connection cannot be prolonged when that ends", async () => {
  const client = await broker.connect({ identity: await broker.identity(), clientId: broker.unique("brief") });
  client.send({ cmd: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 60 } });
  expect((await client.next("disconnect")).reasonCode).toBe(0x82);
});

test("a client can end its session with its connection after all", async () => {
  const clientId = broker.unique("changed");
  const { client } = await lasting(clientId);
  await client.disconnect({ reasonCode: 0, properties: { sessionExpiryInterval: 0 } });
  expect((await lasting(clientId)).present).toBe(false);
});

test("a lasting session that ends with a later connection leaves nothing, also when the process ends first", async () => {
  const clientId = broker.unique("shortened");
  const first = await lasting(clientId);
  first.client.acknowledges = false;
  await first.client.subscribe(clientId);
  await (await sender()).publish(clientId, "old");
  await first.client.drop();
  const second = await lasting(clientId, 5, 0);
  expect(second.present).toBe(true);
  await broker.restart();
  const third = await lasting(clientId);
  expect(third.present).toBe(false);
  await third.client.subscribe(clientId);
  await (await sender()).publish(clientId, "new");
  expect((await third.client.next("publish")).payload.toString()).toBe("new");
  expect(await payloads(third.client)).toEqual([]);
});

test("only so many messages are stored for one session", async () => {
  const clientId = broker.unique("full");
  const { client } = await lasting(clientId);
  await client.subscribe(clientId);
  await client.disconnect();
  const from = await sender();
  for (let at = 0; at < 1_002; at += 1) await from.publish(clientId, String(at));
  const got = await lasting(clientId);
  for (let at = 0; at < 1_000; at += 1) expect((await got.client.next("publish")).payload.toString()).toBe(String(at));
  expect(await payloads(got.client)).toEqual([]);
});

test("connects and disconnects are told with the client's version, session and principal", async () => {
  const identity = await broker.identity();
  const clientId = broker.unique("present");
  const told = (kind: string) => broker.told(`$aws/events/presence/${kind}/${clientId}`);
  const first = await broker.connect({ identity, clientId });
  expect(told("connected")).toEqual([
    {
      clientId,
      timestamp: broker.clock.now(),
      eventType: "connected",
      sessionIdentifier: expect.stringMatching(/^[0-9a-f-]{36}$/),
      principalIdentifier: identity.id,
      ipAddress: "127.0.0.1",
      versionNumber: 0,
    },
  ]);
  await first.disconnect();
  await expect
    .poll(() => told("disconnected"))
    .toEqual([
      {
        clientId,
        timestamp: broker.clock.now(),
        eventType: "disconnected",
        sessionIdentifier: told("connected")[0]?.sessionIdentifier,
        principalIdentifier: identity.id,
        clientInitiatedDisconnect: true,
        disconnectReason: "CLIENT_INITIATED_DISCONNECT",
        versionNumber: 0,
      },
    ]);
  const second = await broker.connect({ identity, clientId });
  await second.drop();
  await expect
    .poll(() => told("disconnected")[1])
    .toMatchObject({
      disconnectReason: "CONNECTION_LOST",
      clientInitiatedDisconnect: false,
      versionNumber: 1,
    });
  broker.clock.advance(3_600_000);
  await broker.connect({ identity, clientId });
  expect(told("connected")[2]).toMatchObject({ versionNumber: 0 });
});

test("who was connected when the broker ended is told of at the next start, and its version goes on", async () => {
  const identity = await broker.identity();
  const clientId = broker.unique("cut");
  const client = await broker.connect({ identity, clientId });
  await broker.restart();
  expect((await client.next("disconnect")).reasonCode).toBe(0x8b);
  expect(broker.told(`$aws/events/presence/disconnected/${clientId}`)).toMatchObject([
    { disconnectReason: "SERVER_INITIATED_DISCONNECT", versionNumber: 0, principalIdentifier: identity.id },
  ]);
  await broker.connect({ identity, clientId });
  expect(broker.told(`$aws/events/presence/connected/${clientId}`)[1]).toMatchObject({ versionNumber: 1 });
});

test("lifecycle events reach who subscribes to them, and tell of subscriptions", async () => {
  const watcher = await sender();
  const clientId = broker.unique("watched");
  await watcher.subscribe(`$aws/events/+/+/${clientId}`);
  const client = await broker.connect({ identity: await broker.identity(), clientId });
  expect(await watcher.json(`$aws/events/presence/connected/${clientId}`)).toMatchObject({ clientId });
  await client.subscribe("some/topic");
  expect(await watcher.json(`$aws/events/subscriptions/subscribed/${clientId}`)).toMatchObject({
    eventType: "subscribed",
    topics: ["some/topic"],
  });
});

test("a client id with a wildcard gets no lifecycle events", async () => {
  const before = broker.messages.length;
  await broker.connect({ identity: await broker.identity(), clientId: "a+b" });
  expect(broker.messages).toHaveLength(before);
});
