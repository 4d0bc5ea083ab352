import { AwsError } from "../aws-json/errors.ts";
import { ConnectionReset, InjectedError } from "../faults.ts";
import { deliver } from "./delivery.ts";
import { healthOperation } from "./health.ts";
import { jobsOperation } from "./jobs.ts";
import { MAX_UNACKNOWLEDGED } from "./limits.ts";
import { provisioningOperation } from "./provisioning.ts";
import { publishJson } from "./routing.ts";
import { shadowOperation } from "./shadows.ts";
import type { Broker, Connection, Message } from "./state.ts";

/** A message of AWS IoT's that follows from a request. */
export interface Reply {
  readonly topic: string;
  readonly value: unknown;
  /** It answers the request: the requester gets it without a subscription, too. `alone`: nobody else gets it. */
  readonly answers?: true | "alone";
}

/** What a message to a reserved topic asks for. */
export interface Operation {
  /** AWS's name for it, which faults go by. */
  readonly name: string;
  /** @throws AwsError for what is refused */
  readonly perform: () => readonly Reply[] | Promise<readonly Reply[]>;
  /** The answer to a request that is refused. */
  readonly refuse: (error: AwsError) => readonly Reply[];
}

/** https://docs.aws.amazon.com/iot/latest/developerguide/reserved-topics.html. Undefined for what no client may publish to. */
export const reservedOperation = (broker: Broker, connection: Connection, message: Message): Operation | undefined =>
  jobsOperation(broker, message) ??
  shadowOperation(broker, message) ??
  provisioningOperation(broker, connection, message) ??
  healthOperation(broker, message) ??
  basicIngest(broker, message);

/** Goes to topic rules alone. https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html */
const basicIngest = (broker: Broker, { topic, payload }: Message): Operation | undefined => {
  if (!/^\$aws\/rules\/[^/]+\/./.test(topic)) return undefined;
  return {
    name: "BasicIngest",
    perform: () => {
      broker.onMessage(topic, payload);
      return [];
    },
    refuse: () => [],
  };
};

/** AWS IoT answers the requester itself on these topics; whoever else subscribed and may receive it may hear it as well. */
const answer = (broker: Broker, connection: Connection, { topic, value, answers }: Reply): void => {
  const payload = Buffer.from(JSON.stringify(value));
  const { session } = connection;
  if (answers === "alone") broker.onMessage(topic, payload);
  const reached = answers === "alone" ? undefined : publishJson(broker, topic, value);
  if (answers === undefined || session === undefined || reached?.has(session)) return;
  deliver(broker, session, { topic, payload, qos: 0, retain: false });
};

const run = async (broker: Broker, connection: Connection, operation: Operation): Promise<void> => {
  let replies: readonly Reply[];
  try {
    replies = await broker.faults.perform(`mqtt:${operation.name}`, operation.perform);
  } catch (error) {
    if (!broker.open) return;
    if (error instanceof ConnectionReset) {
      connection.socket.destroy(); // a TLS socket cannot be reset
      return;
    }
    const known =
      error instanceof InjectedError
        ? new AwsError(error.code, error.status, error.message)
        : error instanceof AwsError
          ? error
          : new AwsError("InternalError", 500, String(error));
    if (!(error instanceof InjectedError || error instanceof AwsError))
      broker.log("mqtt: an operation failed", { operation: operation.name, error: (error as Error).stack ?? error });
    replies = operation.refuse(known);
  }
  if (!broker.open) return;
  for (const reply of replies) answer(broker, connection, reply);
};

/** Does an operation after those that the connection asked for before. A client with many of them under way is not read. */
export const perform = (broker: Broker, connection: Connection, operation: Operation): void => {
  connection.pendingOperations += 1;
  if (connection.pendingOperations >= MAX_UNACKNOWLEDGED) connection.socket.pause();
  connection.operations = connection.operations
    .then(() => run(broker, connection, operation))
    .finally(() => {
      connection.pendingOperations -= 1;
      if (connection.socket.isPaused()) connection.socket.resume();
    });
};
