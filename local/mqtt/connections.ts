import mqtt from "mqtt-packet";
import { tellDisconnected } from "./presence.ts";
import { publish, retain } from "./routing.ts";
import { leaveSession } from "./sessions.ts";
import type { Broker, Connection, DisconnectReason, Message } from "./state.ts";
import { REASON, type Reason } from "./wire.ts";

/** Publishes a client's last message, in its name. */
export const publishWill = (broker: Broker, message: Message): void => {
  if (message.retain && !retain(broker, message)) broker.log("a will could not be retained", { topic: message.topic });
  publish(broker, message);
};

const leaveWill = (broker: Broker, connection: Connection, expiryMs: number): void => {
  const { will, clientId } = connection;
  if (will === undefined) return;
  // MQTT 5 §3.1.3.2.2: the delay, or the session's end, whichever comes first.
  const delayMs = Math.min(will.delayMs, expiryMs);
  if (delayMs === 0) publishWill(broker, will.message);
  else broker.wills.set(clientId, { message: will.message, at: broker.iot.clock.now() + delayMs });
};

/** What the end of a connection means for its session, its will and those who look at presences; once. */
export const leave = (
  broker: Broker,
  connection: Connection,
  reason: DisconnectReason,
  withWill = reason !== "CLIENT_INITIATED_DISCONNECT",
): void => {
  const { session } = connection;
  if (session === undefined) return;
  connection.session = undefined;
  const { expiryMs } = session;
  leaveSession(broker, session);
  tellDisconnected(broker, connection, session, reason);
  if (withWill) leaveWill(broker, connection, expiryMs);
};

/** Ends a connection. A client of MQTT 5 that is connected hears the reason; 3.1.1 has no words for it. */
export const end = (broker: Broker, connection: Connection, reasonCode: Reason, reason: DisconnectReason): void => {
  if (connection.endedAt !== undefined) return;
  const { socket, version, session } = connection;
  connection.endedAt = broker.iot.clock.now();
  if (version === 5 && session !== undefined)
    socket.end(mqtt.generate({ cmd: "disconnect", reasonCode }, { protocolVersion: 5 }));
  else socket.end();
  leave(broker, connection, reason);
};

/**
 * Ends a connection because the broker ends. Its session and presence stay as they are: the next start takes both up as
 * after a kill.
 */
export const shutOut = (connection: Connection): void => {
  const { socket, version, session } = connection;
  connection.endedAt ??= 0;
  connection.session = undefined;
  const farewell =
    version === 5 && session !== undefined
      ? mqtt.generate({ cmd: "disconnect", reasonCode: REASON.serverShuttingDown }, { protocolVersion: 5 })
      : "";
  socket.end(farewell, () => socket.destroy());
};

/** Ends the connection of a client that broke a rule. */
export const endForError = (broker: Broker, connection: Connection, reasonCode: Reason): void =>
  end(broker, connection, reasonCode, reasonCode === REASON.notAuthorized ? "AUTH_ERROR" : "CLIENT_ERROR");
