import "reflect-metadata";
import { createServer, type TLSSocket } from "node:tls";
import { Pkcs10CertificateRequest, X509CertificateGenerator } from "@peculiar/x509";
import mqtt, { type IPublishPacket, type Packet } from "mqtt-packet";
import type { ServerCertificate } from "../../../local/certificates.ts";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A certificate for the key of a request for one, or for another key, in PEM. */
export const certificateFor = async (request: string, forAnotherKey = false): Promise<string> => {
  const keys = await crypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.create({
    subject: "CN=AWS IoT Certificate",
    issuer: "CN=somebody",
    publicKey: forAnotherKey ? keys.publicKey : new Pkcs10CertificateRequest(request).publicKey,
    signingKey: keys.privateKey,
    signingAlgorithm: EC,
  });
  return `${certificate.toString("pem")}\n`;
};

/** How the server answers, where not as it should. */
export interface Manners {
  /** Bytes that are sent at a time; all at once if it is not given. */
  readonly bytes?: number;
  readonly connack?: number;
  readonly suback?: number;
  /** What is sent to a message, in order; nothing for an empty list. */
  readonly answer: (message: IPublishPacket) => Promise<readonly { topic: string; payload: string; qos?: 0 | 1 }[]>;
  /** What is sent instead of all that. */
  readonly raw?: string;
  /** After which kind of packet the connection is closed, without an answer to it. */
  readonly closeAt?: Packet["cmd"];
}

/** The MQTT of fleet provisioning, with manners of one's choice. It keeps what it has received. */
export const startProvisioner = async (
  { certificate, key }: ServerCertificate,
  host: string,
  manners: () => Manners,
) => {
  const received: Packet[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: certificate, key, requestCert: true, rejectUnauthorized: false }, (socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined); // a client that is gone
    socket.on("close", () => sockets.delete(socket));
    const { bytes, raw, closeAt, connack = 0, suback = 0, answer } = manners();
    let sending: Promise<void> = Promise.resolve();
    const write = (data: Buffer): void => {
      sending = sending.then(async () => {
        for (let at = 0; at < data.length && !socket.destroyed; at += bytes ?? data.length) {
          const part = data.subarray(at, at + (bytes ?? data.length));
          await new Promise((resolve) => socket.write(part, resolve));
        }
      });
    };
    const send = (packet: Packet): void => write(mqtt.generate(packet));
    const parser = mqtt.parser();
    parser.on("packet", (packet) => {
      received.push(packet);
      if (raw !== undefined) write(Buffer.from(raw));
      else if (packet.cmd === closeAt) socket.destroy();
      else if (packet.cmd === "connect") send({ cmd: "connack", sessionPresent: false, returnCode: connack });
      else if (packet.cmd === "subscribe") {
        const granted = packet.subscriptions.map(() => suback);
        send({ cmd: "suback", messageId: packet.messageId ?? 0, granted });
      } else if (packet.cmd === "publish") {
        void answer(packet).then((messages) => {
          for (const { topic, payload, qos = 0 } of messages)
            send({ cmd: "publish", topic, payload, qos, messageId: 7, retain: false, dup: false });
        });
      }
    });
    socket.on("data", (data) => parser.parse(data));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  return {
    received,
    port: typeof address === "object" ? (address?.port ?? 0) : 0,
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
};
