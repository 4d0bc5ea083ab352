import fc from "fast-check";
import mqtt from "mqtt-packet";
import { expect, test } from "vitest";
import { open } from "./client.ts";
import { policyDocument, withBroker } from "./support.ts";

const broker = withBroker();

test("MQTT 5 is told what the server takes, as AWS IoT tells it", async () => {
  const { connack } = await broker.tryConnect({ identity: await broker.identity(), clientId: "limits", keepalive: 60 });
  expect(connack).toMatchObject({
    reasonCode: 0,
    sessionPresent: false,
    properties: {
      receiveMaximum: 100,
      maximumQoS: 1,
      retainAvailable: true,
      maximumPacketSize: 149_504,
      topicAliasMaximum: 8,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: true,
      serverKeepAlive: 60,
    },
  });
});

const will = (topic: string, more: object = {}) => ({
  will: { topic, payload: Buffer.from("w"), qos: 0 as const, retain: false, ...more },
});
const NARROW = policyDocument(
  { Action: "iot:Connect", Resource: "client/mine" },
  { Action: "iot:Publish", Resource: "topic/mine" },
);

test.each([
  ["an id of 128 bytes", { clientId: "c".repeat(128) }, 0, 0],
  ["an id of 129 bytes", { clientId: "c".repeat(129) }, 0x85, 2],
  ["an id that begins with a dollar sign", { clientId: "$mine" }, 0x85, 2],
  ["an id that the policy does not have", { clientId: "another", narrow: true }, 0x87, undefined],
  ["the id that the policy has", { clientId: "mine", narrow: true }, 0, 0],
  ["a will on a topic with a wildcard", { clientId: "w1", ...will("a/#") }, 0x90, undefined],
  ["a will on a reserved topic", { clientId: "w2", ...will("$aws/things/t/jobs/get") }, 0x90, undefined],
  ["a will with QoS 2", { clientId: "w3", ...will("a", { qos: 2 }) }, 0x9b, undefined],
  ["a will that the policy has", { clientId: "mine", narrow: true, ...will("mine") }, 0, 0],
  ["a will that the policy does not have", { clientId: "mine", narrow: true, ...will("yours") }, 0x87, undefined],
  [
    "a will that the policy does not let be retained",
    { clientId: "mine", narrow: true, ...will("mine", { retain: true }) },
    0x87,
    undefined,
  ],
])(
  "%s",
  async (_what, { narrow = false, ...packet }: { narrow?: boolean; clientId: string }, reasonCode, returnCode) => {
    const identity = await broker.identity(narrow ? NARROW : undefined);
    const five = await broker.tryConnect({ ...packet, identity });
    expect(five.connack?.reasonCode).toBe(reasonCode);
    if (reasonCode !== 0) await five.client.end();
    const three = await broker.tryConnect({ ...packet, identity, version: 4 });
    expect(three.connack?.returnCode).toBe(returnCode);
    if (returnCode !== 0) await three.client.end();
  },
);

/** A CONNECT without an id for a session that is to last, which the generator refuses to write. */
test.each([
  ["5", 5, "100d00044d515454050000" + "3c" + "00" + "0000", { reasonCode: 0x85 }],
  ["3.1.1", 4, "100c00044d515454040000" + "3c" + "0000", { returnCode: 2 }],
] as const)("a session that is to last needs an id in MQTT %s", async (_what, version, bytes, connack) => {
  const client = await open(broker.target(), await broker.identity(), version);
  client.write(Buffer.from(bytes, "hex"));
  expect(await client.next("connack")).toMatchObject(connack);
  await client.end();
});

test.each([{ receiveMaximum: 0 }, { maximumPacketSize: 0 }])("%j is a protocol error", async (properties) => {
  const identity = await broker.identity();
  const { connack } = await broker.tryConnect({ identity, clientId: broker.unique("none"), properties });
  expect(connack?.reasonCode).toBe(0x82);
});

test("a client without an id gets one", async () => {
  const { connack } = await broker.tryConnect({ identity: await broker.identity() });
  expect(connack?.properties?.assignedClientIdentifier).toMatch(/^\$GEN\/[0-9a-f-]{36}$/);
});

test("version 3.1 is not served", async () => {
  const client = await open(broker.target(), await broker.identity(), 4);
  client.send({ cmd: "connect", protocolId: "MQIsdp", protocolVersion: 3, clientId: "old", clean: true, keepalive: 0 });
  expect((await client.next("connack")).returnCode).toBe(1);
  await client.end();
});

test.each([
  ["what is not MQTT", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ["a packet before CONNECT", mqtt.generate({ cmd: "pingreq" })],
  ["a CONNECT that is cut short", Buffer.from([0x10, 0x03, 0x00, 0x04, 0x4d])],
  ["a packet that announces more than may be", Buffer.from([0x10, 0xff, 0xff, 0x7f])],
])("%s ends the connection", async (_what, bytes) => {
  const client = await open(broker.target(), await broker.identity());
  client.write(bytes);
  await client.end();
});

test.each([
  [
    "a second CONNECT",
    { cmd: "connect", clientId: "again", protocolId: "MQTT", protocolVersion: 5, keepalive: 0 },
    0x82,
  ],
  ["AUTH", { cmd: "auth", reasonCode: 0x19 }, 0x82],
  ["what only servers send", { cmd: "pingresp" }, 0x82],
  ["PUBREL", { cmd: "pubrel", messageId: 1 }, 0x82],
] as const)("%s is a protocol error", async (_what, packet, reasonCode) => {
  const client = await broker.connect({ identity: await broker.identity(), clientId: broker.unique("client") });
  client.send(packet as never);
  expect((await client.next("disconnect")).reasonCode).toBe(reasonCode);
  await client.end();
});

test("what is written right behind CONNECT is done after it", async () => {
  const client = await open(broker.target(), await broker.identity());
  client.write(
    Buffer.concat([
      mqtt.generate({ cmd: "connect", clientId: "eager", clean: true, keepalive: 0, protocolVersion: 5 }),
      mqtt.generate({ cmd: "pingreq" }),
    ]),
  );
  await client.next("pingresp");
  expect((await client.next("connack")).reasonCode).toBe(0);
});

test("a client takes the place of one with the same id", async () => {
  const identity = await broker.identity();
  for (const version of [5, 4] as const) {
    const clientId = broker.unique("twice");
    const first = await broker.connect({ identity, clientId, version });
    const second = await broker.connect({ identity, clientId, version });
    if (version === 5) expect((await first.next("disconnect")).reasonCode).toBe(0x8e);
    await first.end();
    await second.settled();
    expect(broker.told(`$aws/events/presence/disconnected/${clientId}`)).toMatchObject([
      { disconnectReason: "DUPLICATE_CLIENTID", versionNumber: 0 },
    ]);
  }
});

test.each([
  // A keep alive counts one and a half times, from the last packet; AWS IoT has 30 s as the shortest and 20 minutes else.
  ["60 s", 60, 60, 90],
  ["5 s, which are 30", 5, 30, 45],
  ["none, which is 20 minutes", 0, 1_200, 1_800],
  ["an hour, which is 20 minutes", 3_600, 1_200, 1_800],
])(
  "a client that is silent for one and a half times its keep alive is ended: %s",
  async (_what, keepalive, served, ends) => {
    const clientId = broker.unique("silent");
    const { client, connack } = await broker.tryConnect({ identity: await broker.identity(), clientId, keepalive });
    expect(connack?.properties?.serverKeepAlive).toBe(served);
    broker.clock.advance((ends - 2) * 1_000);
    await client.settled();
    broker.clock.advance((ends - 2) * 1_000);
    await client.settled();
    broker.clock.advance((ends + 1) * 1_000);
    expect((await client.next("disconnect")).reasonCode).toBe(0x8d);
    await client.end();
    expect(broker.told(`$aws/events/presence/disconnected/${clientId}`)).toMatchObject([
      { disconnectReason: "MQTT_KEEP_ALIVE_TIMEOUT" },
    ]);
  },
);

test.each([
  ["throttling", { reasonCode: 0x97 }],
  ["server-error", { reasonCode: 0x88 }],
] as const)("a fault of CONNECT: %s", async (kind, connack) => {
  const identity = await broker.identity();
  broker.faults.arm({ operation: "mqtt:Connect", kind, times: 1 });
  expect((await broker.tryConnect({ identity, clientId: "faulty" })).connack).toMatchObject(connack);
  expect((await broker.tryConnect({ identity, clientId: "faulty" })).connack).toMatchObject({ reasonCode: 0 });
});

test("a fault that loses the answer to CONNECT leaves a client that was connected", async () => {
  broker.faults.arm({ operation: "mqtt:Connect", kind: "lost-answer", times: 1 });
  const clientId = broker.unique("lost");
  expect((await broker.tryConnect({ identity: await broker.identity(), clientId })).connack).toBeUndefined();
  expect(broker.told(`$aws/events/presence/connected/${clientId}`)).toHaveLength(1);
});

/** The head of a packet of any kind, with a body of its length that is anything. */
const packet = fc
  .tuple(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 0, max: 15 }), fc.uint8Array({ maxLength: 40 }))
  .map(([kind, flags, body]) => Buffer.from([(kind << 4) | flags, body.length, ...body]));

test("whatever a client writes, the broker goes on", async () => {
  const identity = await broker.identity();
  const witness = await broker.connect({ identity, clientId: broker.unique("witness") });
  broker.logged.length = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(packet, { minLength: 1, maxLength: 4 }), fc.boolean(), async (packets, connects) => {
      const client = await open(broker.target(), identity);
      if (connects) client.send({ cmd: "connect", protocolVersion: 5, clientId: "fuzz", clean: true, keepalive: 0 });
      client.write(Buffer.concat(packets));
      await witness.settled();
      await client.drop();
      // A failure of the broker's own, in place of a refusal.
      expect(broker.logged.filter(({ message }) => message === "mqtt: a connection failed")).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
