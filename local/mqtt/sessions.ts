import { randomUUID } from "node:crypto";
import { rewind } from "./delivery.ts";
import type { Broker, Session, Subscription } from "./state.ts";
import { parseFilter } from "./topics.ts";

const newSession = (clientId: string, identifier: string, expiryMs: number, persistent = expiryMs > 0): Session => ({
  clientId,
  identifier,
  persistent,
  expiryMs,
  disconnectedAt: undefined,
  connection: undefined,
  subscriptions: new Map(),
  unacknowledged: new Map(),
  lastPacketId: 0,
  waiting: [],
  stored: 0,
  sentUpTo: 0,
});

const routed = (filter: string): string => parseFilter(filter)?.filter ?? filter;

const attach = (broker: Broker, subscription: Subscription): void => {
  subscription.session.subscriptions.set(subscription.filter, subscription);
  broker.routes.add(routed(subscription.filter), subscription);
};

const detach = (broker: Broker, subscription: Subscription): void => {
  subscription.session.subscriptions.delete(subscription.filter);
  broker.routes.remove(routed(subscription.filter), subscription);
};

/** Stores how long a session lasts and since when it is alone. */
const keepSession = ({ store }: Broker, session: Session): void => {
  if (!session.persistent) return;
  store.run(
    "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)",
    session.clientId,
    session.identifier,
    session.expiryMs,
    session.disconnectedAt ?? null,
  );
};

/** Ends a session, with all that it has. */
export const dropSession = (broker: Broker, session: Session): void => {
  for (const subscription of [...session.subscriptions.values()]) detach(broker, subscription);
  broker.sessions.delete(session.clientId);
  if (!session.persistent) return;
  broker.store.transact(() => {
    for (const table of ["sessions", "session_subscriptions", "session_messages"])
      broker.store.run(`DELETE FROM ${table} WHERE client = ?`, session.clientId);
  });
};

const isExpired = ({ iot }: Broker, { disconnectedAt, expiryMs }: Session): boolean =>
  disconnectedAt !== undefined && disconnectedAt + expiryMs <= iot.clock.now();

export const dropExpired = (broker: Broker): void => {
  for (const session of [...broker.sessions.values()]) if (isExpired(broker, session)) dropSession(broker, session);
};

/**
 * The session that a client goes on with, or a new one.
 *
 * @returns `present`: whether it is one of before
 */
export const openSession = (
  broker: Broker,
  clientId: string,
  { clean, expiryMs }: { readonly clean: boolean; readonly expiryMs: number },
): { readonly session: Session; readonly present: boolean } => {
  const known = broker.sessions.get(clientId);
  const present = known !== undefined && !clean && !isExpired(broker, known);
  if (known !== undefined && !present) dropSession(broker, known);
  const session = present ? known : newSession(clientId, randomUUID(), expiryMs);
  session.expiryMs = expiryMs;
  session.disconnectedAt = undefined;
  broker.sessions.set(clientId, session);
  rewind(session);
  keepSession(broker, session);
  return { session, present };
};

/** The session is without its connection: it ends, or waits for the client. */
export const leaveSession = (broker: Broker, session: Session): void => {
  session.connection = undefined;
  if (session.expiryMs === 0) {
    dropSession(broker, session);
    return;
  }
  session.disconnectedAt = broker.iot.clock.now();
  keepSession(broker, session);
};

/** @returns whether the session had no subscription to this filter before */
export const subscribe = (broker: Broker, subscription: Subscription): boolean => {
  const { session, filter } = subscription;
  const before = session.subscriptions.get(filter);
  if (before !== undefined) detach(broker, before);
  attach(broker, subscription);
  if (session.persistent)
    broker.store.run(
      "INSERT OR REPLACE INTO session_subscriptions VALUES (?, ?, ?, ?, ?)",
      session.clientId,
      filter,
      subscription.qos,
      Number(subscription.noLocal),
      Number(subscription.retainAsPublished),
    );
  return before === undefined;
};

/** @returns whether there was such a subscription */
export const unsubscribe = (broker: Broker, session: Session, filter: string): boolean => {
  const subscription = session.subscriptions.get(filter);
  if (subscription === undefined) return false;
  detach(broker, subscription);
  if (session.persistent)
    broker.store.run("DELETE FROM session_subscriptions WHERE client = ? AND filter = ?", session.clientId, filter);
  return true;
};

/** Brings the sessions of before back; one whose client was connected when the process died is alone from now on. */
export const restoreSessions = (broker: Broker): void => {
  const rows = broker.store.all<{
    client: string;
    identifier: string;
    expiry: number;
    disconnected_at: number | null;
    stored: number;
  }>(`SELECT sessions.*, (SELECT count(*) FROM session_messages WHERE session_messages.client = sessions.client)
      AS stored FROM sessions`);
  for (const row of rows) {
    const session = newSession(row.client, row.identifier, row.expiry, true);
    session.disconnectedAt = row.disconnected_at ?? broker.iot.clock.now();
    session.stored = row.stored;
    broker.sessions.set(row.client, session);
    keepSession(broker, session);
  }
  const subscriptions = broker.store.all<{
    client: string;
    filter: string;
    qos: number;
    no_local: number;
    retain_as_published: number;
  }>("SELECT * FROM session_subscriptions");
  for (const { client, filter, ...row } of subscriptions) {
    const session = broker.sessions.get(client);
    if (session === undefined) continue;
    const share = parseFilter(filter)?.share;
    attach(broker, {
      session,
      filter,
      qos: row.qos === 1 ? 1 : 0,
      noLocal: row.no_local === 1,
      retainAsPublished: row.retain_as_published === 1,
      ...(share !== undefined && { share }),
    });
  }
  dropExpired(broker);
};
