import { randomUUID } from "node:crypto";
import { connect, type IClientOptions, type MqttClient } from "mqtt";
import * as z from "zod";

/** AWS IoT did not take the request: what it answered on the topic `rejected`. */
export class Rejected extends Error {
  /** `code` of jobs, `errorCode` of fleet provisioning. */
  readonly code: string;

  constructor(topic: string, code: string, message: string) {
    super(`${topic} was rejected: ${code}: ${message}`);
    this.name = "Rejected";
    this.code = code;
  }
}

/** The connection could not be opened, or is gone. */
export class NoLink extends Error {
  /** Whether the server refused this client, as far as can be told: it said so, or hung up before it said anything. */
  readonly refused: boolean;

  constructor(message: string, refused: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = "NoLink";
    this.refused = refused;
  }
}

/** MQTT 5 §2.4: not authorized. */
const NOT_AUTHORIZED = 0x87;
const CONNECT_WITHIN_MS = 20_000;
/** A pre-provisioning hook has five seconds, and what AWS IoT does before and after it takes its time, too. */
const ANSWER_WITHIN_MS = 20_000;
const KEEP_ALIVE_SECONDS = 60;

const Rejection = z
  .object({ code: z.string(), message: z.string() })
  .or(
    z
      .object({ errorCode: z.string(), errorMessage: z.string() })
      .transform(({ errorCode: code, errorMessage: message }) => ({ code, message })),
  );

type Json = Readonly<Record<string, unknown>>;

/** A connection to AWS IoT: MQTT 5 over mutual TLS. */
export interface Link {
  /**
   * Publishes a request to a reserved topic and waits for the answer.
   * @throws Rejected; NoLink when there is no answer
   */
  readonly ask: (topic: string, request: Json) => Promise<Json>;
  /** Publishes with QoS 1, and returns when it is acknowledged. @throws NoLink */
  readonly publish: (topic: string, value: Json) => Promise<void>;
  /** @throws NoLink, also when one is refused */
  readonly subscribe: (topics: readonly string[]) => Promise<void>;
  /** Resolves when the connection is gone, with the reason. */
  readonly closed: Promise<NoLink>;
  /** Says good-bye, and returns when the connection is closed. */
  readonly end: () => Promise<void>;
}

export interface LinkOptions {
  /** Host, or host and port. */
  readonly address: string;
  readonly ca: string;
  readonly certificatePem: string;
  readonly privateKey: string;
  readonly clientId: string;
  /** Called with every message that is no answer to a request. */
  readonly onMessage?: (topic: string, payload: Buffer) => void;
}

/** The host and the port of an address. */
export const hostAndPort = (address: string, port: number): { readonly host: string; readonly port: number } => {
  const [, host = address, given] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
  return { host, port: given === undefined ? port : Number(given) };
};

/** @throws NoLink */
const opened = (options: IClientOptions): Promise<MqttClient> =>
  new Promise((resolve, reject) => {
    const client = connect(options);
    let failure: Error | undefined;
    client.on("error", (error) => {
      failure ??= error; // `close` follows, but for a refusal
      if ("code" in error && typeof error.code === "number") fail();
    });
    const fail = (): void => {
      const code = failure !== undefined && "code" in failure ? failure.code : undefined;
      // Without a word: AWS IoT hangs up on certificates that it does not take. TLS has its own words for it.
      const refused = failure === undefined || code === NOT_AUTHORIZED || /alert|EPROTO|ECONNRESET/.test(String(code));
      client.end(true);
      reject(new NoLink(failure?.message ?? "the connection was closed before it was opened", refused));
    };
    client.once("close", fail);
    client.once("connect", () => {
      client.removeListener("close", fail);
      resolve(client);
    });
  });

/** @throws NoLink */
export const openLink = async (options: LinkOptions): Promise<Link> => {
  const client = await opened({
    protocol: "mqtts",
    protocolVersion: 5,
    ...hostAndPort(options.address, 8883),
    ca: options.ca,
    cert: options.certificatePem,
    key: options.privateKey,
    clientId: options.clientId,
    clean: true, // what was missed is asked for: the next job is there until it is done
    keepalive: KEEP_ALIVE_SECONDS,
    connectTimeout: CONNECT_WITHIN_MS,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
  });
  const asking = new Map<string, (accepted: boolean, answer: Json) => void>();
  let goodbye: number | undefined;
  const closed = new Promise<NoLink>((resolve) => {
    client.on("disconnect", ({ reasonCode }) => {
      goodbye = reasonCode;
    });
    client.once("close", () => {
      client.end(true);
      const why = goodbye === undefined ? "the connection was lost" : `the server ended it with reason ${goodbye}`;
      resolve(new NoLink(why, goodbye === NOT_AUTHORIZED));
    });
  });
  /** What a broken connection would leave open for ever. */
  const orClosed = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await Promise.race([work, closed.then((error) => Promise.reject(error))]);
    } catch (error) {
      if (error instanceof NoLink || error instanceof Rejected) throw error;
      // A connection on which the device may not do what it has to is none: policies can be late.
      throw new NoLink(String(error), false, { cause: error });
    }
  };

  client.on("message", (topic, payload) => {
    const [, request = "", verdict] = /^(.*)\/(accepted|rejected)$/.exec(topic) ?? [];
    if (verdict === undefined) options.onMessage?.(topic, payload);
    else asking.get(request)?.(verdict === "accepted", JSON.parse(payload.toString("utf8")) as Json);
  });

  return {
    ask: async (topic, request) => {
      const clientToken = randomUUID();
      const answer = Promise.withResolvers<Json>();
      const late = setTimeout(
        () => answer.reject(new NoLink(`no answer on ${topic} within ${ANSWER_WITHIN_MS} ms`, false)),
        ANSWER_WITHIN_MS,
      );
      asking.set(topic, (accepted, value) => {
        // Jobs echo the token; fleet provisioning knows none.
        if (value.clientToken !== undefined && value.clientToken !== clientToken) return;
        if (accepted) return answer.resolve(value);
        const { code, message } = Rejection.catch({ code: "Unknown", message: JSON.stringify(value) }).parse(value);
        answer.reject(new Rejected(topic, code, message));
      });
      try {
        const sent = client.publishAsync(topic, JSON.stringify({ ...request, clientToken }), { qos: 1 });
        return await orClosed(Promise.all([answer.promise, sent]).then(([value]) => value));
      } finally {
        clearTimeout(late);
        asking.delete(topic);
      }
    },
    publish: async (topic, value) => {
      await orClosed(client.publishAsync(topic, JSON.stringify(value), { qos: 1 }));
    },
    subscribe: async (topics) => {
      await orClosed(client.subscribeAsync([...topics], { qos: 1 }));
    },
    closed,
    end: async () => {
      await client.endAsync();
    },
  };
};
