import type { IPublishPacket } from "mqtt-packet";
import { MAX_PAYLOAD, MAX_TOPIC_ALIASES } from "./limits.ts";
import { mayDo } from "./policies.ts";
import { areProperties } from "./properties.ts";
import { perform, reservedOperation } from "./reserved.ts";
import { publish, retain } from "./routing.ts";
import type { Broker, Connection, Message, Session } from "./state.ts";
import { isTopic } from "./topics.ts";
import { REASON, type Reason, send } from "./wire.ts";

/** The topic that a publication is to, with MQTT 5's aliases; undefined where the alias stands for none. */
const topicOf = (connection: Connection, packet: IPublishPacket): string | undefined => {
  const alias = packet.properties?.topicAlias;
  if (alias === undefined) return packet.topic;
  if (alias < 1 || alias > MAX_TOPIC_ALIASES) return undefined;
  if (packet.topic === "") return connection.aliases?.get(alias);
  connection.aliases ??= new Map();
  connection.aliases.set(alias, packet.topic);
  return packet.topic;
};

const messageOf = (broker: Broker, topic: string, packet: IPublishPacket): Message => {
  const { topicAlias, messageExpiryInterval, ...properties } = packet.properties ?? {};
  return {
    topic,
    payload: Buffer.from(packet.payload),
    qos: packet.qos === 1 ? 1 : 0,
    retain: packet.retain,
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(messageExpiryInterval !== undefined && {
      expiresAt: broker.iot.clock.now() + messageExpiryInterval * 1_000,
    }),
  };
};

const refusalOf = (broker: Broker, connection: Connection, message: Message): Reason | undefined => {
  const { topic } = message;
  if (!isTopic(topic)) return REASON.topicNameInvalid;
  if (message.payload.length > MAX_PAYLOAD) return REASON.quotaExceeded;
  if (!mayDo(broker, connection, "Publish", topic)) return REASON.notAuthorized;
  // What is reserved cannot be retained: https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html
  if (message.retain && topic.startsWith("$")) return REASON.topicNameInvalid;
  if (message.retain && !mayDo(broker, connection, "RetainPublish", topic)) return REASON.notAuthorized;
  return undefined;
};

/**
 * A publication that is refused: MQTT 5 has a reason code for one with QoS 1; all other connections end.
 * https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html, "MQTT reason codes"
 */
const refuse = (connection: Connection, packet: IPublishPacket, reasonCode: Reason): Reason | undefined => {
  const { messageId } = packet;
  if (connection.version !== 5 || packet.qos !== 1 || messageId === undefined) return reasonCode;
  send(connection, { cmd: "puback", messageId, reasonCode });
  return undefined;
};

/** @returns why the connection has to end, if it has to */
export const onPublish = (
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: IPublishPacket,
): Reason | undefined => {
  if (packet.qos === 2) return REASON.qosNotSupported;
  if (!areProperties(packet.properties)) return REASON.protocolError;
  const topic = topicOf(connection, packet);
  if (topic === undefined) return REASON.topicAliasInvalid;
  const message = messageOf(broker, topic, packet);
  const refusal = refusalOf(broker, connection, message);
  if (refusal !== undefined) return refuse(connection, packet, refusal);

  const { messageId } = packet;
  const acknowledge = () => {
    if (message.qos === 1 && messageId !== undefined)
      send(connection, { cmd: "puback", messageId, reasonCode: REASON.success });
  };
  if (topic.startsWith("$")) {
    const operation = reservedOperation(broker, connection, message);
    if (operation === undefined) return refuse(connection, packet, REASON.topicNameInvalid);
    acknowledge();
    perform(broker, connection, operation);
    return undefined;
  }
  if (message.retain && !retain(broker, message)) return refuse(connection, packet, REASON.quotaExceeded);
  publish(broker, message, session);
  acknowledge();
  return undefined;
};
