import { randomUUID } from "node:crypto";
import type { IConnectPacket } from "mqtt-packet";
import mqtt from "mqtt-packet";
import { ConnectionReset, InjectedError } from "../faults.ts";
import { end, publishWill } from "./connections.ts";
import { pump } from "./delivery.ts";
import {
  KEEP_ALIVE_SECONDS,
  MAX_CLIENT_ID,
  MAX_PACKET,
  MAX_PAYLOAD,
  MAX_SESSION_EXPIRY_SECONDS,
  MAX_TOPIC_ALIASES,
  MAX_UNACKNOWLEDGED,
} from "./limits.ts";
import { mayDo } from "./policies.ts";
import { tellConnected } from "./presence.ts";
import { areProperties } from "./properties.ts";
import { openSession } from "./sessions.ts";
import type { Broker, Connection, Will } from "./state.ts";
import { isTopic } from "./topics.ts";
import { REASON, type Reason, send } from "./wire.ts";

/** MQTT 3.1.1 §3.2.2.3, for the reasons that it has a return code for. */
const RETURN_CODES: Partial<Record<Reason, number>> = { [REASON.clientIdNotValid]: 2, [REASON.serverUnavailable]: 3 };

/** Refuses a CONNECT. AWS IoT closes the connection of a 3.1.1 client that may not connect without a word. */
const refuse = (broker: Broker, connection: Connection, reasonCode: Reason): void => {
  const { socket, version } = connection;
  connection.endedAt = broker.iot.clock.now();
  const returnCode = RETURN_CODES[reasonCode];
  if (version === 5)
    socket.end(mqtt.generate({ cmd: "connack", sessionPresent: false, reasonCode }, { protocolVersion: 5 }));
  else if (returnCode !== undefined)
    socket.end(mqtt.generate({ cmd: "connack", sessionPresent: false, returnCode }, { protocolVersion: 4 }));
  else socket.end();
};

const keepAliveSeconds = (asked: number): number =>
  asked === 0 ? KEEP_ALIVE_SECONDS.max : Math.min(KEEP_ALIVE_SECONDS.max, Math.max(KEEP_ALIVE_SECONDS.min, asked));

/** How long the session is to outlive the connection: 3.1.1 knows no and as long as may be. */
const expirySeconds = (packet: IConnectPacket): number =>
  packet.protocolVersion === 5
    ? Math.min(packet.properties?.sessionExpiryInterval ?? 0, MAX_SESSION_EXPIRY_SECONDS)
    : packet.clean === false
      ? MAX_SESSION_EXPIRY_SECONDS
      : 0;

const willOf = (broker: Broker, { will }: IConnectPacket): Will | undefined => {
  if (will === undefined) return undefined;
  const { willDelayInterval = 0, messageExpiryInterval, ...properties } = will.properties ?? {};
  return {
    message: {
      topic: will.topic,
      payload: Buffer.from(will.payload),
      qos: will.qos === 1 ? 1 : 0,
      retain: will.retain === true,
      properties,
      ...(messageExpiryInterval !== undefined && {
        expiresAt: broker.iot.clock.now() + messageExpiryInterval * 1_000,
      }),
    },
    delayMs: willDelayInterval * 1_000,
  };
};

/** Why a CONNECT is refused, if it is. */
const refusalOf = (broker: Broker, connection: Connection, packet: IConnectPacket): Reason | undefined => {
  const { clientId, will } = packet;
  if (!areProperties(packet.properties) || !areProperties(will?.properties)) return REASON.protocolError;
  if (clientId === "" && packet.clean === false) return REASON.clientIdNotValid;
  // AWS IoT keeps what begins with a dollar sign to itself.
  if (Buffer.byteLength(clientId) > MAX_CLIENT_ID || clientId.startsWith("$") || /[\0\uFFFD]/.test(clientId))
    return REASON.clientIdNotValid;
  if (will !== undefined && will.qos === 2) return REASON.qosNotSupported;
  if (will !== undefined && (!isTopic(will.topic) || will.topic.startsWith("$"))) return REASON.topicNameInvalid;
  if (will !== undefined && will.payload.length > MAX_PAYLOAD) return REASON.quotaExceeded;
  const attributes = [
    ...(expirySeconds(packet) > 0 ? ["PersistentConnect"] : []),
    ...(will !== undefined ? ["LastWill"] : []),
  ];
  if (!mayDo(broker, connection, "Connect", connection.clientId, attributes)) return REASON.notAuthorized;
  if (will !== undefined && !mayDo(broker, connection, "Publish", will.topic)) return REASON.notAuthorized;
  if (will?.retain === true && !mayDo(broker, connection, "RetainPublish", will.topic)) return REASON.notAuthorized;
  return undefined;
};

/** The one connection of before, if there is one, makes room; a will that waits is for a session that ends now, or for nobody. */
const takeOver = (broker: Broker, connection: Connection, clean: boolean): void => {
  const { clientId } = connection;
  const before = broker.sessions.get(clientId)?.connection;
  if (before !== undefined) end(broker, before, REASON.sessionTakenOver, "DUPLICATE_CLIENTID");
  const waiting = broker.wills.get(clientId);
  broker.wills.delete(clientId);
  if (waiting !== undefined && clean) publishWill(broker, waiting.message);
};

const acknowledgement = (connection: Connection, packet: IConnectPacket, present: boolean) => {
  const head = { cmd: "connack" as const, sessionPresent: present };
  if (connection.version === 4) return { ...head, returnCode: 0 };
  const seconds = expirySeconds(packet);
  return {
    ...head,
    reasonCode: REASON.success,
    properties: {
      ...(packet.clientId === "" && { assignedClientIdentifier: connection.clientId }),
      ...(seconds !== (packet.properties?.sessionExpiryInterval ?? 0) && { sessionExpiryInterval: seconds }),
      receiveMaximum: MAX_UNACKNOWLEDGED,
      maximumQoS: 1,
      retainAvailable: true,
      maximumPacketSize: MAX_PACKET,
      topicAliasMaximum: MAX_TOPIC_ALIASES,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: true,
      serverKeepAlive: connection.keepAliveMs / 1_000,
    },
  };
};

/** Lets a client in that may be. @returns what is to be done once it is: to answer, and to send what waited */
const admit = (broker: Broker, connection: Connection, packet: IConnectPacket): (() => void) => {
  if (connection.endedAt !== undefined || connection.socket.destroyed) return () => undefined; // gone meanwhile
  connection.clientId = packet.clientId === "" ? `$GEN/${randomUUID()}` : packet.clientId;
  connection.keepAliveMs = keepAliveSeconds(packet.keepalive ?? 0) * 1_000;
  connection.maximumPacketSize = packet.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
  connection.receiveMaximum = packet.properties?.receiveMaximum ?? 65_535;
  const refusal = refusalOf(broker, connection, packet);
  if (refusal !== undefined) {
    broker.log("mqtt: a client was refused", {
      clientId: connection.clientId,
      certificateId: connection.principal.certificateId,
      reasonCode: refusal,
    });
    return () => refuse(broker, connection, refusal);
  }
  const clean = packet.clean !== false;
  takeOver(broker, connection, clean);
  const { session, present } = openSession(broker, connection.clientId, {
    clean,
    expiryMs: expirySeconds(packet) * 1_000,
  });
  session.connection = connection;
  connection.session = session;
  connection.will = willOf(broker, packet);
  connection.presence = tellConnected(broker, connection, session);
  return () => {
    send(connection, acknowledgement(connection, packet, present));
    pump(broker, session);
  };
};

/** Why a CONNECT cannot be understood, if it cannot: a 3.1.1 client is told just that its version is not served. */
const isServed = ({ protocolVersion, protocolId, ...packet }: IConnectPacket): boolean =>
  protocolId === "MQTT" && (protocolVersion === 4 || protocolVersion === 5) && !("bridgeMode" in packet);

/** The first packet of a connection. */
export const connect = async (broker: Broker, connection: Connection, packet: IConnectPacket): Promise<void> => {
  if (!isServed(packet)) {
    connection.endedAt = broker.iot.clock.now();
    connection.socket.end(
      mqtt.generate({ cmd: "connack", sessionPresent: false, returnCode: 1 }, { protocolVersion: 4 }),
    );
    return;
  }
  connection.version = packet.protocolVersion === 5 ? 5 : 4;
  try {
    const answer = await broker.faults.perform("mqtt:Connect", () => admit(broker, connection, packet), {
      repeatable: false,
    });
    answer();
  } catch (error) {
    if (error instanceof InjectedError)
      refuse(broker, connection, error.kind === "throttling" ? REASON.quotaExceeded : REASON.serverUnavailable);
    else if (error instanceof ConnectionReset)
      connection.socket.destroy(); // a TLS socket cannot be reset
    else throw error;
  }
};
