import { createServer, type TLSSocket } from "node:tls";
import mqtt, { type IDisconnectPacket, type Packet } from "mqtt-packet";
import type { ServerCertificate } from "../certificates.ts";
import type { Faults } from "../faults.ts";
import type { CoreDevices } from "../greengrass/server.ts";
import type { AccessRequest } from "../iam/evaluate.ts";
import type { Invoke, Log } from "../invoke.ts";
import type { IotServer } from "../iot/server.ts";
import { listen, shut } from "../listen.ts";
import { connect } from "./connect.ts";
import { end, endForError, leave, publishWill, shutOut } from "./connections.ts";
import { acknowledge, pump } from "./delivery.ts";
import { notifyOfJobs } from "./jobs.ts";
import { CONNECT_WITHIN_MS, MAX_PACKET, MAX_UNACKNOWLEDGED } from "./limits.ts";
import { tellLost } from "./presence.ts";
import { authenticate, type Principal } from "./principals.ts";
import { onPublish } from "./publish.ts";
import { dropExpired, restoreSessions } from "./sessions.ts";
import type { Broker, Connection, Session } from "./state.ts";
import { openBrokerStore } from "./store.ts";
import { onSubscribe, onUnsubscribe } from "./subscribe.ts";
import { newRoutes } from "./topics.ts";
import { REASON, type Reason, send } from "./wire.ts";

export interface MqttOptions {
  /** The folder that holds `mqtt.db`. */
  readonly dir: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly certificate: ServerCertificate;
  /** The control plane, on whose store certificates, policies, things and jobs are. */
  readonly iot: Pick<IotServer, "iot" | "jobs">;
  /** Takes the health messages of core devices; without it they are dropped. */
  readonly devices?: Pick<CoreDevices, "reportHealth">;
  /** Runs pre-provisioning hooks. */
  readonly invoke: Invoke;
  readonly faults: Faults;
  readonly log: Log;
  /** Whether the role of a provisioning template may do what its resources take; all is allowed if it is not given. */
  readonly provisionerMay?: (roleArn: string, request: AccessRequest) => boolean;
  /**
   * Called with every message that is published: by clients, and by AWS IoT itself (`$aws/events/…`, replies, shadows'
   * documents). Topic rules are fed with it. It is called before the message is delivered, and must not take long.
   */
  readonly onMessage?: (topic: string, payload: Buffer) => void;
}

export interface MqttServer {
  readonly port: number;
  close(): Promise<void>;
}

/** How often what has its time is looked at: keep alives, sessions, wills, claims. */
const TICK_MS = 1_000;
/** A socket that was ended and whose peer does not close it is destroyed after that long. */
const LINGER_MS = 2_000;

const newConnection = (broker: Broker, socket: TLSSocket, principal: Principal): Connection => {
  const now = broker.iot.clock.now();
  return {
    socket,
    principal,
    address: socket.remoteAddress ?? "",
    openedAt: now,
    version: 4,
    clientId: "",
    session: undefined,
    presence: 0,
    keepAliveMs: 0,
    lastHeard: now,
    maximumPacketSize: Number.POSITIVE_INFINITY,
    receiveMaximum: 0,
    aliases: undefined,
    will: undefined,
    access: undefined,
    endedAt: undefined,
    operations: Promise.resolve(),
    pendingOperations: 0,
  };
};

/** The client says that it goes. @returns why the connection has to end otherwise */
const onDisconnect = (
  broker: Broker,
  connection: Connection,
  session: Session,
  { reasonCode, properties }: IDisconnectPacket,
): Reason | undefined => {
  const asked = properties?.sessionExpiryInterval;
  // MQTT 5 §3.14.2.2.2: a session that was to end with its connection stays one.
  if (asked !== undefined && asked > 0 && session.expiryMs === 0) return REASON.protocolError;
  if (asked !== undefined) session.expiryMs = Math.min(session.expiryMs, asked * 1_000);
  connection.endedAt = broker.iot.clock.now();
  connection.socket.end();
  leave(broker, connection, "CLIENT_INITIATED_DISCONNECT", reasonCode === REASON.disconnectWithWill);
  return undefined;
};

/** @returns why the connection has to end, if it has to */
const onPacket = (broker: Broker, connection: Connection, session: Session, packet: Packet): Reason | undefined => {
  switch (packet.cmd) {
    case "publish":
      return onPublish(broker, connection, session, packet);
    case "puback":
      acknowledge(broker, session, packet.messageId ?? 0);
      return undefined;
    case "subscribe":
      return onSubscribe(broker, connection, session, packet);
    case "unsubscribe":
      return onUnsubscribe(broker, connection, session, packet);
    case "pingreq":
      send(connection, { cmd: "pingresp" });
      return undefined;
    case "disconnect":
      return onDisconnect(broker, connection, session, packet);
    default:
      // A second CONNECT, AUTH, what only servers send, and the packets of QoS 2.
      return REASON.protocolError;
  }
};

/** The length of the packet whose head the parser has read, and that is not whole yet. */
const announced = (parser: mqtt.Parser): number => (parser as unknown as { packet: { length: number } }).packet.length;

/** Reads the packets of a connection, one after the other: what comes before CONNECT is done waits for that. */
const read = (broker: Broker, connection: Connection): void => {
  const { socket } = connection;
  const parser = mqtt.parser();
  const early: Packet[] = [];
  let connecting = false;

  const handle = (packet: Packet): void => {
    if (connection.endedAt !== undefined) return;
    connection.lastHeard = broker.iot.clock.now();
    const { session } = connection;
    if (session !== undefined) {
      const wrong = onPacket(broker, connection, session, packet);
      if (wrong !== undefined) endForError(broker, connection, wrong);
      return;
    }
    if (connecting) {
      early.push(packet);
      if (early.length > MAX_UNACKNOWLEDGED) end(broker, connection, REASON.protocolError, "CLIENT_ERROR");
      return;
    }
    if (packet.cmd !== "connect") {
      end(broker, connection, REASON.protocolError, "CLIENT_ERROR");
      return;
    }
    connecting = true;
    connect(broker, connection, packet)
      .then(() => {
        for (const waiting of early.splice(0)) if (connection.session !== undefined) handle(waiting);
      })
      .catch(failed);
  };
  const failed = (error: unknown): void => {
    broker.log("mqtt: a connection failed", { clientId: connection.clientId, error: (error as Error).stack ?? error });
    end(broker, connection, REASON.unspecified, "SERVER_ERROR");
  };

  parser.on("packet", (packet) => {
    try {
      handle(packet);
    } catch (error) {
      failed(error);
    }
  });
  parser.on("error", () => endForError(broker, connection, REASON.malformedPacket));
  socket.on("data", (data) => {
    if (connection.endedAt !== undefined) return;
    try {
      parser.parse(data);
    } catch {
      // The parser reads behind the end of some packets that are too short.
      endForError(broker, connection, REASON.malformedPacket);
    }
    if (announced(parser) > MAX_PACKET) endForError(broker, connection, REASON.packetTooLarge);
  });
};

/** Lets a socket in whose certificate may be used: https://docs.aws.amazon.com/iot/latest/developerguide/x509-client-certs.html */
const accept = (broker: Broker, socket: TLSSocket): void => {
  socket.on("error", () => socket.destroy()); // a peer that is gone; `close` follows
  socket.setNoDelay(true);
  const fingerprint = socket.getPeerX509Certificate()?.fingerprint256;
  const certificateId = fingerprint?.replaceAll(":", "").toLowerCase();
  const principal =
    certificateId === undefined ? "no certificate was presented" : authenticate(broker.iot, certificateId);
  if (typeof principal === "string") {
    broker.log("mqtt: a certificate was refused", { certificateId, reason: principal });
    socket.destroy();
    return;
  }
  const connection = newConnection(broker, socket, principal);
  broker.connections.add(connection);
  socket.on("close", () => {
    broker.connections.delete(connection);
    leave(broker, connection, "CONNECTION_LOST");
  });
  socket.on("drain", () => {
    if (connection.session !== undefined) pump(broker, connection.session);
  });
  read(broker, connection);
};

/** Ends connections whose certificate may not be used any more. */
const expel = (broker: Broker, isMeant: (principal: Principal) => boolean): void => {
  for (const connection of [...broker.connections])
    if (
      isMeant(connection.principal) &&
      typeof authenticate(broker.iot, connection.principal.certificateId) === "string"
    )
      end(broker, connection, REASON.notAuthorized, "AUTH_ERROR");
};

/** Does what has its time. */
const tick = (broker: Broker): void => {
  const now = broker.iot.clock.now();
  for (const connection of [...broker.connections]) {
    const { socket, session, endedAt, lastHeard, keepAliveMs, openedAt } = connection;
    if (endedAt !== undefined) {
      if (now - endedAt >= LINGER_MS) socket.destroy();
    } else if (session === undefined) {
      if (now - openedAt >= CONNECT_WITHIN_MS) socket.destroy();
    } else if (now - lastHeard >= keepAliveMs * 1.5) {
      end(broker, connection, REASON.keepAliveTimeout, "MQTT_KEEP_ALIVE_TIMEOUT");
    }
  }
  expel(broker, ({ claimFor }) => claimFor !== undefined); // nothing tells of a claim's end
  for (const [clientId, { message, at }] of [...broker.wills]) {
    if (at > now) continue;
    broker.wills.delete(clientId);
    publishWill(broker, message);
  }
  dropExpired(broker);
};

/**
 * Starts AWS IoT Core's MQTT broker on loopback: MQTT 3.1.1 and 5 over mutual TLS. (The broker libraries of npm speak 3.1.1
 * alone, and a core device speaks 5; `mqtt-packet` reads and writes both.) Persistent sessions with their
 * messages, retained messages, shadows and presences survive a kill of the process; wills, and what was on its way to
 * other sessions, do not.
 *
 * @throws PortTaken when the port is in use.
 */
export const startMqtt = async (options: MqttOptions): Promise<MqttServer> => {
  const { iot, jobs } = options.iot;
  const store = openBrokerStore(options.dir);
  const broker: Broker = {
    iot,
    jobs,
    store,
    faults: options.faults,
    log: options.log,
    invoke: options.invoke,
    devices: options.devices,
    provisionerMay: options.provisionerMay ?? (() => true),
    onMessage: options.onMessage ?? (() => undefined),
    routes: newRoutes(),
    sessions: new Map(),
    connections: new Set(),
    wills: new Map(),
    nextJobs: new Map(),
    open: true,
  };
  const server = createServer(
    {
      cert: options.certificate.certificate,
      key: options.certificate.key,
      minVersion: "TLSv1.2",
      requestCert: true,
      // Certificates count by being registered, whoever signed them.
      rejectUnauthorized: false,
    },
    (socket) => accept(broker, socket),
  );
  server.on("tlsClientError", () => undefined); // a client that does not trust us is the client's affair
  let stopTicking = (): void => undefined;
  const keepTicking = (): void => {
    stopTicking = iot.clock.after(TICK_MS, () => {
      tick(broker);
      keepTicking();
    });
  };
  try {
    restoreSessions(broker);
    const port = await listen("mqtt", server, options.port);
    jobs.onChange((change) => {
      if (broker.open) notifyOfJobs(broker, change);
    });
    iot.outbox.onCertificate.push((certificateId) => {
      if (broker.open) expel(broker, (principal) => principal.certificateId === certificateId);
    });
    tellLost(broker);
    keepTicking();
    return {
      port,
      close: async () => {
        stopTicking();
        broker.open = false;
        const connections = [...broker.connections];
        for (const connection of connections) shutOut(connection);
        // One whose peer reads nothing would keep the server open.
        const late = setTimeout(() => {
          for (const { socket } of connections) socket.destroy();
        }, LINGER_MS);
        await shut(server);
        clearTimeout(late);
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
};
