import { once } from "node:events";
import { connect as connectTls, type TLSSocket } from "node:tls";
import mqtt, { type IConnectPacket, type IPublishPacket, type ISubscribePacket, type Packet } from "mqtt-packet";

/** A certificate with its private key, in PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

type Of<Cmd extends Packet["cmd"]> = Extract<Packet, { cmd: Cmd }>;

/**
 * A small MQTT client that shows every packet. What it waits for it takes away; each wait has a deadline.
 */
export class Client {
  readonly version: 4 | 5;
  readonly received: Packet[] = [];
  closed = false;
  /** What the server gave to resume the TLS session with. */
  ticket: Buffer | undefined;
  acknowledges = true;
  readonly #socket: TLSSocket;
  readonly #waiting = new Set<() => void>();
  #messageId = 0;

  constructor(socket: TLSSocket, version: 4 | 5) {
    this.version = version;
    this.#socket = socket;
    const parser = mqtt.parser({ protocolVersion: version });
    parser.on("packet", (packet) => {
      this.received.push(packet);
      if (packet.cmd === "publish" && packet.qos === 1 && this.acknowledges) this.acknowledge(packet);
      this.#wake();
    });
    socket.on("data", (data) => parser.parse(data));
    socket.on("session", (ticket) => {
      this.ticket = ticket;
    });
    socket.on("error", () => undefined); // a reset is an end, too
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  get isResumed(): boolean {
    return this.#socket.isSessionReused();
  }

  send(packet: Packet): void {
    this.#socket.write(mqtt.generate(packet, { protocolVersion: this.version }));
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  acknowledge({ messageId = 0 }: { messageId?: number }): void {
    this.send({ cmd: "puback", messageId, reasonCode: 0 });
  }

  /** What `probe` finds in what has come, now or within the deadline. */
  async #until<T>(what: string, probe: () => T | undefined): Promise<T> {
    const deadline = AbortSignal.timeout(10_000);
    for (;;) {
      const found = probe();
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        const late = () => reject(new Error(`no ${what}; closed: ${this.closed}; ${JSON.stringify(this.received)}`));
        deadline.addEventListener("abort", late);
        const wake = () => {
          this.#waiting.delete(wake);
          deadline.removeEventListener("abort", late);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  next<Cmd extends Packet["cmd"]>(cmd: Cmd, fits: (packet: Of<Cmd>) => boolean = () => true): Promise<Of<Cmd>> {
    return this.#until(cmd, () => {
      const at = this.received.findIndex((packet) => packet.cmd === cmd && fits(packet as Of<Cmd>));
      return at < 0 ? undefined : (this.received.splice(at, 1)[0] as Of<Cmd>);
    });
  }

  /** Until the server has closed the connection. */
  async end(): Promise<void> {
    await this.#until("end", () => (this.closed ? true : undefined));
  }

  /** The JSON value of the next message on a topic. */
  async json(topic: string): Promise<Record<string, unknown>> {
    const { payload } = await this.next("publish", (packet) => packet.topic === topic);
    return JSON.parse(payload.toString()) as Record<string, unknown>;
  }

  /** All that the server has sent so far has come once its answer to a ping has. */
  async settled(): Promise<Packet[]> {
    this.send({ cmd: "pingreq" });
    await this.next("pingresp");
    return this.received;
  }

  /** Subscribes, and answers what was granted or refused. */
  async subscribe(
    filters: string | ISubscribePacket["subscriptions"],
    properties?: ISubscribePacket["properties"],
  ): Promise<unknown[]> {
    this.#messageId += 1;
    const messageId = this.#messageId;
    const subscriptions =
      typeof filters === "string" ? [{ topic: filters, qos: 1 as const, nl: false, rap: false, rh: 0 }] : filters;
    this.send({ cmd: "subscribe", messageId, subscriptions, ...(properties !== undefined && { properties }) });
    return (await this.next("suback", (packet) => packet.messageId === messageId)).granted;
  }

  /** Publishes; with QoS 1 it waits for the PUBACK and answers its reason code. */
  async publish(
    topic: string,
    payload: unknown,
    more: Partial<Pick<IPublishPacket, "qos" | "retain" | "properties">> = {},
  ): Promise<number | undefined> {
    this.#messageId += 1;
    const messageId = this.#messageId;
    const bytes = typeof payload === "string" || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
    this.send({ cmd: "publish", topic, payload: bytes, qos: 1, retain: false, dup: false, messageId, ...more });
    if ((more.qos ?? 1) !== 1) return undefined;
    return (await this.next("puback", (packet) => packet.messageId === messageId)).reasonCode ?? 0;
  }

  /** Asks on a reserved topic, and answers what is accepted, or what is rejected as `rejected`. */
  async ask(topic: string, request: unknown): Promise<Record<string, unknown>> {
    await this.publish(topic, request);
    const answer = await this.next("publish", (packet) =>
      [`${topic}/accepted`, `${topic}/rejected`].includes(packet.topic),
    );
    const value = JSON.parse(answer.payload.toString()) as Record<string, unknown>;
    return answer.topic.endsWith("/rejected") ? { rejected: value } : value;
  }

  /** Breaks the connection off without a word. */
  async drop(): Promise<void> {
    this.#socket.destroy();
    if (!this.closed) await once(this.#socket, "close");
  }

  async disconnect(packet: Partial<Of<"disconnect">> = {}): Promise<void> {
    this.send({ cmd: "disconnect", ...packet } as Packet);
    await this.end();
  }
}

export type ConnectOptions = Partial<Omit<IConnectPacket, "cmd" | "protocolVersion">> & {
  readonly version?: 4 | 5;
  readonly identity?: Identity | undefined;
};

/** A connection over TLS that has said nothing yet; to be used where the handshake itself may be refused. */
export const open = async (
  target: { readonly port: number; readonly ca: string },
  identity: Identity | undefined,
  version: 4 | 5 = 5,
  session?: Buffer,
): Promise<Client> => {
  const { port, ca } = target;
  const socket = connectTls({ host: "127.0.0.1", port, ca, ...identity, ...(session !== undefined && { session }) });
  const client = new Client(socket, version);
  await new Promise((resolve) => socket.once("secureConnect", resolve).once("close", resolve));
  return client;
};
