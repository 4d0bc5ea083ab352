import { MAX_SESSION_EXPIRY_SECONDS } from "./limits.ts";
import { publishJson } from "./routing.ts";
import type { Broker, Connection, DisconnectReason, Session } from "./state.ts";

interface PresenceRow {
  readonly client: string;
  readonly version: number;
  readonly identifier: string;
  readonly principal: string;
  readonly connected: number;
  readonly at: number;
}

/** Clients whose ids have wildcards in them get no lifecycle events: they would be topics that nobody can name. */
const isTold = (clientId: string): boolean => !/[+#]/.test(clientId);

const tell = (broker: Broker, kind: "presence" | "subscriptions", clientId: string, event: { eventType: string }) => {
  publishJson(broker, `$aws/events/${kind}/${event.eventType}/${clientId}`, {
    clientId,
    timestamp: broker.iot.clock.now(),
    ...event,
  });
};

/**
 * Tells that a client is connected, as https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html has it.
 * The version rises with every connection, and begins at 0 again for a client that was away for an hour.
 *
 * @returns the version
 */
export const tellConnected = (broker: Broker, connection: Connection, session: Session): number => {
  const { clientId, identifier } = session;
  const now = broker.iot.clock.now();
  const before = broker.store.get<PresenceRow>("SELECT * FROM presence WHERE client = ?", clientId);
  const isNew =
    before === undefined || (before.connected === 0 && now - before.at >= MAX_SESSION_EXPIRY_SECONDS * 1_000);
  const versionNumber = isNew ? 0 : before.version + 1;
  const principalIdentifier = connection.principal.certificateId;
  broker.store.run(
    "INSERT OR REPLACE INTO presence VALUES (?, ?, ?, ?, 1, ?)",
    clientId,
    versionNumber,
    identifier,
    principalIdentifier,
    now,
  );
  if (isTold(clientId))
    tell(broker, "presence", clientId, {
      eventType: "connected",
      ...{ sessionIdentifier: identifier, principalIdentifier, ipAddress: connection.address, versionNumber },
    });
  return versionNumber;
};

const disconnected = (broker: Broker, row: Omit<PresenceRow, "connected" | "at">, reason: DisconnectReason): void => {
  broker.store.run("UPDATE presence SET connected = 0, at = ? WHERE client = ?", broker.iot.clock.now(), row.client);
  if (isTold(row.client))
    tell(broker, "presence", row.client, {
      eventType: "disconnected",
      ...{
        sessionIdentifier: row.identifier,
        principalIdentifier: row.principal,
        clientInitiatedDisconnect: reason === "CLIENT_INITIATED_DISCONNECT",
        disconnectReason: reason,
        versionNumber: row.version,
      },
    });
};

export const tellDisconnected = (
  broker: Broker,
  connection: Connection,
  session: Session,
  reason: DisconnectReason,
): void => {
  const { clientId: client, identifier } = session;
  const { presence: version, principal } = connection;
  disconnected(broker, { client, identifier, version, principal: principal.certificateId }, reason);
};

/** Tells of the clients that were connected when the process ended, and are not any more. Forgets who is long gone. */
export const tellLost = (broker: Broker): void => {
  broker.store.run(
    "DELETE FROM presence WHERE connected = 0 AND at <= ?",
    broker.iot.clock.now() - MAX_SESSION_EXPIRY_SECONDS * 1_000,
  );
  for (const row of broker.store.all<PresenceRow>("SELECT * FROM presence WHERE connected = 1"))
    disconnected(broker, row, "SERVER_INITIATED_DISCONNECT");
};

export const tellSubscriptions = (
  broker: Broker,
  connection: Connection,
  session: Session,
  eventType: "subscribed" | "unsubscribed",
  topics: readonly string[],
): void => {
  if (topics.length === 0 || !isTold(session.clientId)) return;
  tell(broker, "subscriptions", session.clientId, {
    eventType,
    ...{
      sessionIdentifier: session.identifier,
      principalIdentifier: connection.principal.certificateId,
      topics,
    },
  });
};
