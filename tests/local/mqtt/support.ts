import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IConnackPacket } from "mqtt-packet";
import { afterAll, beforeAll } from "vitest";
import { type ServerCertificate, serverCertificate } from "../../../local/certificates.ts";
import { Faults } from "../../../local/faults.ts";
import type { CoreDevices } from "../../../local/greengrass/server.ts";
import type { Invoke } from "../../../local/invoke.ts";
import { type MqttOptions, type MqttServer, startMqtt } from "../../../local/mqtt/server.ts";
import { ACCOUNT, openIot, REGION, type Running } from "../iot-server.ts";
import { type ManualClock, manualClock } from "../manual-clock.ts";
import { type Client, type ConnectOptions, type Identity, open } from "./client.ts";

export const iotArn = (resource: string) => `arn:aws:iot:${REGION}:${ACCOUNT}:${resource}`;

type Statement = {
  Effect?: "Allow" | "Deny";
  Action: string | string[];
  Resource: string | string[];
  Condition?: object;
};

export const policyDocument = (...statements: readonly Statement[]): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: statements.map(({ Effect = "Allow", Resource, ...rest }) => ({
      Effect,
      ...rest,
      Resource: [Resource].flat().map((name) => (name === "*" ? "*" : iotArn(name))),
    })),
  });

/** A device may do what it likes, so that a test is about something else. */
export const EVERYTHING = policyDocument({ Action: "iot:*", Resource: "*" });

/** The control plane and the broker on one folder, with a clock that stands still, for the tests of a file. */
export const withBroker = (options: Partial<MqttOptions> = {}) => {
  let dir = "";
  let certificate: ServerCertificate;
  let control: Running;
  let mqtt: MqttServer;
  let clock: ManualClock;
  let count = 0;
  const clients: Client[] = [];
  const messages: { topic: string; payload: Buffer }[] = [];
  const logged: { message: string; details?: Record<string, unknown> | undefined }[] = [];
  const faults = new Faults();
  const health: { thing: string; document: unknown }[] = [];
  const devices: Pick<CoreDevices, "reportHealth"> = {
    reportHealth: (thing, document) => {
      health.push({ thing, document });
      return true;
    },
  };
  /** What a pre-provisioning hook does; a test sets it. */
  const hook: { invoke: Invoke } = {
    invoke: async () => ({ functionError: { errorType: "Error", errorMessage: "there is no hook" } }),
  };

  const start = async (): Promise<void> => {
    control = await openIot(join(dir, "iot"), { clock });
    mqtt = await startMqtt({
      dir: join(dir, "mqtt"),
      port: 0,
      certificate,
      iot: control.server,
      devices,
      invoke: (name, payload) => hook.invoke(name, payload),
      faults,
      log: (message, details) => logged.push({ message, details }),
      onMessage: (topic, payload) => messages.push({ topic, payload }),
      ...options,
    });
  };
  const stop = async (): Promise<void> => {
    await mqtt.close();
    await control.close();
  };

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "slipway-mqtt-"));
    // Certificates are checked by the system's clock in the handshake: the two must agree roughly.
    clock = manualClock(Date.now());
    certificate = await serverCertificate(join(dir, "tls"));
    for (const folder of ["iot", "mqtt"]) mkdirSync(join(dir, folder), { recursive: true });
    await start();
  });
  afterAll(async () => {
    for (const client of clients) await client.drop();
    await stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const target = () => ({ port: mqtt.port, ca: readFileSync(certificate.caFile, "utf8") });
  const unique = (prefix: string): string => {
    count += 1;
    return `${prefix}-${count}`;
  };

  const policy = async (document: string): Promise<string> => {
    const policyName = unique("policy");
    await control.iot.createPolicy({ policyName, policyDocument: document });
    return policyName;
  };

  /** An active certificate with a policy. */
  const identity = async (
    document: string | undefined = EVERYTHING,
  ): Promise<Identity & { id: string; arn: string }> => {
    const made = await control.iot.createKeysAndCertificate({ setAsActive: true });
    const { certificateArn: arn = "", certificateId: id = "", certificatePem: cert = "" } = made;
    if (document !== "") await control.iot.attachPolicy({ policyName: await policy(document), target: arn });
    return { cert, key: made.keyPair?.PrivateKey ?? "", id, arn };
  };

  /** Connects, and answers the client with the CONNACK; undefined if the server closed the connection without one. */
  const tryConnect = async ({ version = 5, identity: who, ...packet }: ConnectOptions) => {
    const client = await open(target(), who, version);
    clients.push(client);
    client.send({ cmd: "connect", protocolId: "MQTT", protocolVersion: version, clientId: "", clean: true, ...packet });
    const connack = await Promise.race([
      client.next("connack"),
      client.end().then((): IConnackPacket | undefined => undefined),
    ]);
    return { client, connack };
  };

  return {
    get dir() {
      return dir;
    },
    get iot() {
      return control.iot;
    },
    get control() {
      return control.server;
    },
    get clock() {
      return clock;
    },
    get port() {
      return mqtt.port;
    },
    messages,
    logged,
    faults,
    health,
    hook,
    target,
    unique,
    policy,
    identity,
    tryConnect,
    /** The same for a connection that has to be let in. */
    connect: async (connectOptions: ConnectOptions & { readonly clientId: string }): Promise<Client> => {
      const { client, connack } = await tryConnect(connectOptions);
      if (connack === undefined || (connack.reasonCode ?? connack.returnCode) !== 0)
        throw new Error(`not let in: ${JSON.stringify(connack)}`);
      return client;
    },
    /** A thing with a certificate that is attached to it. */
    device: async (document: string | undefined = EVERYTHING) => {
      const thingName = unique("thing");
      await control.iot.createThing({ thingName });
      const who = await identity(document);
      await control.iot.attachThingPrincipal({ thingName, principal: who.arn });
      return { thingName, ...who };
    },
    restart: async (): Promise<void> => {
      await stop();
      await start();
    },
    /** The JSON values that topic rules would have been fed with on a topic. */
    told: (topic: string): Record<string, unknown>[] =>
      messages
        .filter((message) => message.topic === topic)
        .map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>),
  };
};

export type Broker = ReturnType<typeof withBroker>;

/** A certificate of nobody's CA, made without the control plane. */
export const selfSigned = async (): Promise<Identity & { id: string }> => {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=somebody",
    keys: {
      privateKey: pair.privateKey.toCryptoKey(algorithm, false, ["sign"]),
      publicKey: pair.publicKey.toCryptoKey(algorithm, true, ["verify"]),
    },
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
  });
  const cert = certificate.toString("pem");
  return {
    cert,
    key: String(pair.privateKey.export({ type: "pkcs8", format: "pem" })),
    id: createHash("sha256").update(new X509Certificate(cert).raw).digest("hex"),
  };
};

/** A signing request, and the key that it is for. */
export const signingRequest = async (): Promise<{ csr: string; key: string }> => {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=device",
    keys: {
      privateKey: pair.privateKey.toCryptoKey(algorithm, false, ["sign"]),
      publicKey: pair.publicKey.toCryptoKey(algorithm, true, ["verify"]),
    },
    signingAlgorithm: algorithm,
  });
  return { csr: request.toString("pem"), key: String(pair.privateKey.export({ type: "pkcs8", format: "pem" })) };
};
