import mqtt, { type Packet } from "mqtt-packet";
import type { Connection } from "./state.ts";

/** Reason codes of MQTT 5 (§2.4) that AWS IoT sends: https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html, "MQTT reason codes". */
export const REASON = {
  success: 0x00,
  disconnectWithWill: 0x04,
  noSubscription: 0x11,
  unspecified: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecific: 0x83,
  clientIdNotValid: 0x85,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverShuttingDown: 0x8b,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  qosNotSupported: 0x9b,
  subscriptionIdentifiersNotSupported: 0xa1,
} as const;

export type Reason = (typeof REASON)[keyof typeof REASON];

/**
 * Writes a packet, unless it is larger than the client takes: MQTT 5 §3.1.2.11.4 has the server drop such a packet as if
 * it had been sent.
 *
 * @returns whether it was written
 */
export const send = (connection: Connection, packet: Packet): boolean => {
  const { socket, version, maximumPacketSize, endedAt } = connection;
  if (endedAt !== undefined || socket.destroyed) return false;
  const bytes = mqtt.generate(packet, { protocolVersion: version });
  if (bytes.length > maximumPacketSize) return false;
  socket.write(bytes);
  return true;
};
