import { MAX_STORED_MESSAGES, MAX_UNACKNOWLEDGED, MAX_WAITING_BYTES } from "./limits.ts";
import { mayDo } from "./policies.ts";
import type { Broker, Connection, Message, Session } from "./state.ts";
import { type MessageRow, messageOf, propertiesText } from "./store.ts";
import { send } from "./wire.ts";

/** Sends a publication, unless it has expired, the client may not receive it, or takes no packet as large as that. */
const transmit = (broker: Broker, connection: Connection, message: Message, messageId?: number): boolean => {
  const left = message.expiresAt === undefined ? undefined : message.expiresAt - broker.iot.clock.now();
  if (left !== undefined && left <= 0) return false;
  if (!mayDo(broker, connection, "Receive", message.topic)) return false;
  return send(connection, {
    cmd: "publish",
    topic: message.topic,
    payload: message.payload,
    qos: message.qos,
    retain: message.retain,
    dup: false, // AWS IoT never sets it
    ...(messageId !== undefined && { messageId }),
    ...(connection.version === 5 && {
      properties: {
        ...message.properties,
        ...(left !== undefined && { messageExpiryInterval: Math.ceil(left / 1_000) }),
      },
    }),
  });
};

/** The next message that waits for the client, in order. A stored one stays stored until it is acknowledged. */
const takeNext = (broker: Broker, session: Session): { message: Message; position: number } | undefined => {
  if (!session.persistent) {
    const message = session.waiting.shift();
    return message === undefined ? undefined : { message, position: 0 };
  }
  if (session.stored === 0) return undefined;
  const row = broker.store.get<MessageRow & { position: number; retain: number }>(
    "SELECT * FROM session_messages WHERE client = ? AND position > ? ORDER BY position LIMIT 1",
    session.clientId,
    session.sentUpTo,
  );
  if (row === undefined) return undefined;
  session.sentUpTo = row.position;
  return { message: messageOf(row, 1, row.retain === 1), position: row.position };
};

const forget = (broker: Broker, session: Session, position: number): void => {
  if (position > 0) session.stored -= broker.store.run("DELETE FROM session_messages WHERE position = ?", position);
};

const freePacketId = (session: Session): number => {
  do session.lastPacketId = (session.lastPacketId % 65_535) + 1;
  while (session.unacknowledged.has(session.lastPacketId));
  return session.lastPacketId;
};

/** Sends what waits, as far as the client has room for more that it has not acknowledged. */
export const pump = (broker: Broker, session: Session): void => {
  const { connection, unacknowledged } = session;
  if (connection === undefined) return;
  const room = Math.min(connection.receiveMaximum, MAX_UNACKNOWLEDGED);
  while (unacknowledged.size < room && connection.socket.writableLength < MAX_WAITING_BYTES) {
    const next = takeNext(broker, session);
    if (next === undefined) return;
    const messageId = freePacketId(session);
    if (transmit(broker, connection, next.message, messageId)) unacknowledged.set(messageId, next.position);
    else forget(broker, session, next.position);
  }
};

/** The client has a message. An identifier that was not given out is no matter. */
export const acknowledge = (broker: Broker, session: Session, messageId: number): void => {
  const position = session.unacknowledged.get(messageId);
  if (position === undefined) return;
  session.unacknowledged.delete(messageId);
  forget(broker, session, position);
  pump(broker, session);
};

/** What was sent and not acknowledged is sent again on the next connection. */
export const rewind = (session: Session): void => {
  session.unacknowledged.clear();
  session.sentUpTo = 0;
};

/** Brings a message on its way to a client: with QoS 1 through the session's queue, and with QoS 0 at once or never. */
export const deliver = (broker: Broker, session: Session, message: Message): void => {
  const { connection } = session;
  if (message.qos === 0) {
    if (connection !== undefined && connection.socket.writableLength < MAX_WAITING_BYTES)
      transmit(broker, connection, message);
    return;
  }
  if (!session.persistent) {
    if (session.waiting.length < MAX_UNACKNOWLEDGED) session.waiting.push(message);
  } else if (session.stored < MAX_STORED_MESSAGES) {
    broker.store.run(
      `INSERT INTO session_messages (client, topic, payload, retain, properties, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
      session.clientId,
      message.topic,
      message.payload,
      message.retain ? 1 : 0,
      propertiesText(message.properties),
      message.expiresAt ?? null,
    );
    session.stored += 1;
  }
  pump(broker, session);
};
