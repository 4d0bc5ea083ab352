import { createServer as createHttpsServer } from "node:https";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import mqtt from "mqtt-packet";
import type { ServerCertificate } from "./certificates.ts";
import { listen, shut } from "./listen.ts";

/** MQTT 5 §3.2.2.2 and MQTT 3.1.1 §3.2.2.3: server unavailable. */
const UNAVAILABLE = { 5: 0x88, 4: 3 } as const;

const refuseMqtt = (socket: TLSSocket): void => {
  socket.setNoDelay(true);
  const parser = mqtt.parser();
  parser.on("packet", (packet) => {
    if (packet.cmd !== "connect") return socket.destroy();
    const version = packet.protocolVersion === 5 ? 5 : 4;
    const refusal = { cmd: "connack" as const, sessionPresent: false };
    const code = UNAVAILABLE[version];
    socket.end(
      mqtt.generate(version === 5 ? { ...refusal, reasonCode: code } : { ...refusal, returnCode: code }, {
        protocolVersion: version,
      }),
    );
  });
  parser.on("error", () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.on("data", (data) => parser.parse(data));
};

/**
 * The ports that devices speak to: MQTT, the Greengrass data plane and the credentials provider. None of them is
 * emulated yet, and each says so in its own protocol, over TLS with a certificate of the data folder's CA.
 */
export const startDevicePorts = async (options: {
  certificate: ServerCertificate;
  ports: { mqtt: number; dataPlane: number; credentials: number };
}) => {
  const tls = { cert: options.certificate.certificate, key: options.certificate.key };
  const broker = createTlsServer(tls, refuseMqtt);
  broker.on("tlsClientError", () => undefined); // a client that does not trust us is the client's affair
  const notEmulated = (what: string) =>
    createHttpsServer(tls, (_, response) => {
      response.writeHead(501, { "content-type": "application/json" });
      response.end(JSON.stringify({ message: `${what} is not emulated` }));
    });
  const dataPlane = notEmulated("the Greengrass data plane");
  const credentials = notEmulated("the credentials provider");
  const servers = [broker, dataPlane, credentials];
  try {
    await listen("mqtt", broker, options.ports.mqtt);
    await listen("dataPlane", dataPlane, options.ports.dataPlane);
    await listen("credentials", credentials, options.ports.credentials);
  } catch (error) {
    await Promise.all(servers.filter(({ listening }) => listening).map((server) => shut(server)));
    throw error;
  }
  return { close: async () => void (await Promise.all(servers.map((server) => shut(server)))) };
};
