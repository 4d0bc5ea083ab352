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
 * The MQTT port that devices speak to. It is not emulated yet and says so in its own protocol, over TLS with a
 * certificate of the data folder's CA.
 */
export const startDevicePorts = async (options: { certificate: ServerCertificate; ports: { mqtt: number } }) => {
  const broker = createTlsServer({ cert: options.certificate.certificate, key: options.certificate.key }, refuseMqtt);
  broker.on("tlsClientError", () => undefined); // a client that does not trust us is the client's affair
  await listen("mqtt", broker, options.ports.mqtt);
  return { close: () => shut(broker) };
};
