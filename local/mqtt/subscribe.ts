import type { ISubscribePacket, IUnsubscribePacket } from "mqtt-packet";
import { deliver } from "./delivery.ts";
import { MAX_FILTERS_PER_SUBSCRIBE, MAX_SUBSCRIPTIONS } from "./limits.ts";
import { mayDo } from "./policies.ts";
import { tellSubscriptions } from "./presence.ts";
import { retainedOf } from "./routing.ts";
import { subscribe, unsubscribe } from "./sessions.ts";
import type { Broker, Connection, Session } from "./state.ts";
import { isFilter, parseFilter } from "./topics.ts";
import { REASON, type Reason, send } from "./wire.ts";

type Asked = ISubscribePacket["subscriptions"][number];

const refusalOf = (broker: Broker, connection: Connection, { topic }: Asked): Reason | undefined => {
  if (!isFilter(topic)) return REASON.topicFilterInvalid;
  if (!mayDo(broker, connection, "Subscribe", topic)) return REASON.notAuthorized;
  return undefined;
};

/** The reason for each filter, or undefined where it is granted. Past a quota all of them are refused. */
const refusalsOf = (
  broker: Broker,
  connection: Connection,
  session: Session,
  asked: readonly Asked[],
): (Reason | undefined)[] => {
  const filters = new Set([...session.subscriptions.keys(), ...asked.map(({ topic }) => topic)]);
  if (asked.length > MAX_FILTERS_PER_SUBSCRIBE || filters.size > MAX_SUBSCRIPTIONS)
    return asked.map(() => REASON.quotaExceeded);
  return asked.map((one) => refusalOf(broker, connection, one));
};

/**
 * What is retained on a topic goes to who subscribes to just that topic, unless the subscription says otherwise. No topic
 * has the name of a filter with wildcards, or of a shared one.
 */
const sendRetained = (broker: Broker, session: Session, { topic, qos, rh = 0 }: Asked, isNew: boolean): void => {
  if (rh === 2 || (rh === 1 && !isNew)) return;
  const message = retainedOf(broker, topic);
  if (message !== undefined) deliver(broker, session, { ...message, qos: message.qos === 1 && qos === 1 ? 1 : 0 });
};

/**
 * Subscribes to what the client may. A client of 3.1.1 that asks for anything it cannot have is disconnected, as
 * https://docs.aws.amazon.com/iot/latest/developerguide/pub-sub-policy.html says; MQTT 5 has reason codes.
 *
 * @returns why the connection has to end, if it has to
 */
export const onSubscribe = (
  broker: Broker,
  connection: Connection,
  session: Session,
  packet: ISubscribePacket,
): Reason | undefined => {
  const { subscriptions: asked, messageId } = packet;
  if (packet.properties?.subscriptionIdentifier !== undefined) return REASON.subscriptionIdentifiersNotSupported;
  if (asked.length === 0) return REASON.protocolError;
  if (asked.some(({ qos }) => qos === 2)) return REASON.qosNotSupported;
  const refusals = refusalsOf(broker, connection, session, asked);
  const refused = refusals.find((refusal) => refusal !== undefined);
  if (connection.version === 4 && refused !== undefined) return refused;

  const granted = asked.filter((_, index) => refusals[index] === undefined);
  const fresh = granted.map(({ topic, qos, nl, rap }) => {
    const share = parseFilter(topic)?.share;
    return subscribe(broker, {
      session,
      filter: topic,
      qos: qos === 1 ? 1 : 0,
      noLocal: nl === true,
      retainAsPublished: rap === true,
      ...(share !== undefined && { share }),
    });
  });
  send(connection, {
    cmd: "suback",
    ...(messageId !== undefined && { messageId }),
    granted: asked.map(({ qos }, index) => refusals[index] ?? qos),
  });
  granted.forEach((one, index) => {
    sendRetained(broker, session, one, fresh[index] === true);
  });
  const topics = granted.map(({ topic }) => topic);
  tellSubscriptions(broker, connection, session, "subscribed", topics);
  return undefined;
};

/** @returns why the connection has to end, if it has to */
export const onUnsubscribe = (
  broker: Broker,
  connection: Connection,
  session: Session,
  { unsubscriptions, messageId }: IUnsubscribePacket,
): Reason | undefined => {
  if (unsubscriptions.length === 0) return REASON.protocolError;
  const gone = unsubscriptions.map((filter) => unsubscribe(broker, session, filter));
  send(connection, {
    cmd: "unsuback",
    ...(messageId !== undefined && { messageId }),
    granted: gone.map((was) => (was ? REASON.success : REASON.noSubscription)),
  });
  const topics = unsubscriptions.filter((_, index) => gone[index]);
  tellSubscriptions(broker, connection, session, "unsubscribed", topics);
  return undefined;
};
