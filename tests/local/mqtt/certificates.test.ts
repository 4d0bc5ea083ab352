import { expect, test } from "vitest";
import { until } from "../until.ts";
import { open } from "./client.ts";
import { EVERYTHING, selfSigned, withBroker } from "./support.ts";

const broker = withBroker();

/** Whether a certificate is let in, and by what the log explains a refusal. */
const tried = async (identity: { cert: string; key: string } | undefined) => {
  broker.logged.length = 0;
  const { connack, client } = await broker.tryConnect({ identity, clientId: broker.unique("client") });
  await client.drop();
  return connack === undefined ? broker.logged.map(({ details }) => details?.reason) : connack.reasonCode;
};

const HOUR_MS = 3_600_000;

test.each([
  ["a certificate that is registered and active", 0, async () => broker.identity()],
  ["no certificate", ["no certificate was presented"], async () => undefined],
  [
    "a certificate that nobody registered",
    ["the certificate is not registered, or is a claim that expired"],
    async () => selfSigned(),
  ],
  [
    "a certificate by nobody's CA that is registered by itself",
    0,
    async () => {
      const own = await selfSigned();
      await broker.iot.registerCertificateWithoutCA({ certificatePem: own.cert, status: "ACTIVE" });
      await broker.iot.attachPolicy({
        policyName: await broker.policy(EVERYTHING),
        target: `arn:aws:iot:eu-central-1:123456789012:cert/${own.id}`,
      });
      return own;
    },
  ],
  [
    "an inactive certificate",
    ["the certificate is INACTIVE"],
    async () => {
      const own = await broker.identity();
      await broker.iot.updateCertificate({ certificateId: own.id, newStatus: "INACTIVE" });
      return own;
    },
  ],
  [
    "a revoked certificate",
    ["the certificate is REVOKED"],
    async () => {
      const own = await broker.identity();
      await broker.iot.updateCertificate({ certificateId: own.id, newStatus: "REVOKED" });
      return own;
    },
  ],
])("%s: %j", async (_what, outcome, identity) => {
  expect(await tried(await identity())).toEqual(outcome);
});

test("a certificate is refused before and after its validity", async () => {
  const own = await selfSigned();
  await broker.iot.registerCertificateWithoutCA({ certificatePem: own.cert, status: "ACTIVE" });
  broker.clock.advance(2 * HOUR_MS);
  expect(await tried(own)).toEqual(["the certificate is not within its validity"]);
});

test("a client that does not trust the server's CA does not disturb it", async () => {
  const stranger = await open({ ...broker.target(), ca: (await selfSigned()).cert }, await broker.identity());
  await stranger.end();
  expect(await tried(await broker.identity())).toBe(0);
});

test.each([
  ["deactivated", "INACTIVE"],
  ["revoked", "REVOKED"],
] as const)("a connection ends when its certificate is %s, and its will is published", async (_what, newStatus) => {
  const identity = await broker.identity();
  const clientId = broker.unique("client");
  const will = { topic: `${clientId}/will`, payload: Buffer.from("gone"), qos: 1 as const, retain: false };
  const client = await broker.connect({ identity, clientId, will });
  const watcher = await broker.connect({ identity: await broker.identity(), clientId: broker.unique("client") });
  await watcher.subscribe(will.topic);
  await broker.iot.updateCertificate({ certificateId: identity.id, newStatus });
  expect((await client.next("disconnect")).reasonCode).toBe(0x87);
  await client.end();
  expect((await watcher.next("publish")).payload.toString()).toBe("gone");
  expect(broker.told(`$aws/events/presence/disconnected/${clientId}`)).toMatchObject([
    { disconnectReason: "AUTH_ERROR", clientInitiatedDisconnect: false },
  ]);
  expect(await tried(identity)).toEqual([`the certificate is ${newStatus}`]);
});

test("a TLS session that is resumed is the same certificate's, and ends with it", async () => {
  const identity = await broker.identity();
  const resumed = async (ticket: Buffer | undefined) => {
    const client = await open(broker.target(), identity, 5, ticket);
    const packet = { clientId: "resumed", protocolId: "MQTT", protocolVersion: 5, clean: true, keepalive: 0 } as const;
    client.send({ cmd: "connect", ...packet });
    return client;
  };
  const first = await resumed(undefined);
  expect((await first.next("connack")).reasonCode).toBe(0);
  const second = await resumed(first.ticket);
  expect([(await second.next("connack")).reasonCode, second.isResumed]).toEqual([0, true]);
  await broker.iot.updateCertificate({ certificateId: identity.id, newStatus: "REVOKED" });
  const third = await resumed(second.ticket);
  await third.end();
  expect(third.received).toEqual([]);
});

test("a connection that has not said CONNECT yet ends with its certificate, too", async () => {
  const identity = await broker.identity();
  const client = await open(broker.target(), identity);
  await broker.iot.updateCertificate({ certificateId: identity.id, newStatus: "INACTIVE" });
  await client.end();
});

test("a socket that never says CONNECT is closed", async () => {
  const client = await open(broker.target(), await broker.identity());
  await until(() => {
    broker.clock.advance(11_000); // the server may see the socket later than the client does
    return client.closed;
  });
});
