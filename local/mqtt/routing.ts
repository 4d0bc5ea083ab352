import { randomInt } from "node:crypto";
import { deliver } from "./delivery.ts";
import { MAX_RETAINED } from "./limits.ts";
import type { Broker, Message, Session, Subscription } from "./state.ts";
import { type MessageRow, messageOf, propertiesText } from "./store.ts";

/** One of the members of a shared subscription, by chance; one that is connected if there is any. */
const chosenOf = (members: readonly Subscription[]): Subscription | undefined => {
  const connected = members.filter(({ session }) => session.connection !== undefined);
  const among = connected.length > 0 ? connected : members;
  return among[randomInt(among.length)];
};

/** The subscriptions that get a message: each session's own, and one of each group that shares. */
const receivers = (broker: Broker, topic: string, from: Session | undefined): Subscription[] => {
  const own: Subscription[] = [];
  const shared = new Map<string, Subscription[]>();
  for (const subscription of broker.routes.match(topic)) {
    if (subscription.share === undefined) {
      if (!subscription.noLocal || subscription.session !== from) own.push(subscription);
      continue;
    }
    const members = shared.get(subscription.filter) ?? [];
    members.push(subscription);
    shared.set(subscription.filter, members);
  }
  for (const members of shared.values()) {
    const chosen = chosenOf(members);
    if (chosen !== undefined) own.push(chosen);
  }
  return own;
};

/**
 * Hands a message to everyone who subscribed to its topic, once to each session, and to the topic rules.
 *
 * @param from the session of the client that published it
 * @returns the sessions that it went to
 */
export const publish = (broker: Broker, message: Message, from?: Session): ReadonlySet<Session> => {
  broker.onMessage(message.topic, message.payload);
  const best = new Map<Session, { qos: 0 | 1; retain: boolean }>();
  for (const { session, qos, retainAsPublished } of receivers(broker, message.topic, from)) {
    const known = best.get(session);
    best.set(session, {
      qos: message.qos === 1 && (qos === 1 || known?.qos === 1) ? 1 : 0,
      retain: known?.retain === true || (message.retain && retainAsPublished),
    });
  }
  for (const [session, how] of best) deliver(broker, session, { ...message, ...how });
  return new Set(best.keys());
};

/** Publishes a JSON value as AWS IoT itself does. */
export const publishJson = (broker: Broker, topic: string, value: unknown): ReadonlySet<Session> =>
  publish(broker, { topic, payload: Buffer.from(JSON.stringify(value)), qos: 1, retain: false });

/**
 * Keeps a retained message in the place of the one before, or, if its payload is empty, takes that away.
 *
 * @returns false if there are as many retained messages as may be
 */
export const retain = ({ store }: Broker, message: Message): boolean => {
  if (message.payload.length === 0) {
    store.run("DELETE FROM retained_messages WHERE topic = ?", message.topic);
    return true;
  }
  const others = store.get<{ count: number }>(
    "SELECT count(*) AS count FROM retained_messages WHERE topic <> ?",
    message.topic,
  );
  if ((others?.count ?? 0) >= MAX_RETAINED) return false;
  store.run(
    "INSERT OR REPLACE INTO retained_messages VALUES (?, ?, ?, ?, ?)",
    message.topic,
    message.payload,
    message.qos,
    propertiesText(message.properties),
    message.expiresAt ?? null,
  );
  return true;
};

/** The retained message of just this topic: AWS IoT sends none for a filter with wildcards. */
export const retainedOf = ({ store }: Broker, topic: string): Message | undefined => {
  const row = store.get<MessageRow & { qos: number }>("SELECT * FROM retained_messages WHERE topic = ?", topic);
  return row === undefined ? undefined : messageOf(row, row.qos === 1 ? 1 : 0, true);
};
