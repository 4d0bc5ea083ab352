import type { TLSSocket } from "node:tls";
import type { IPublishPacket } from "mqtt-packet";
import type { Store } from "../aws-json/store.ts";
import type { Faults } from "../faults.ts";
import type { CoreDevices } from "../greengrass/server.ts";
import type { AccessRequest } from "../iam/evaluate.ts";
import type { Invoke, Log } from "../invoke.ts";
import type { JobsPort } from "../iot/jobs-port.ts";
import type { Iot } from "../iot/state.ts";
import type { Access } from "./policies.ts";
import type { Principal } from "./principals.ts";
import type { Routes } from "./topics.ts";

type PublishProperties = NonNullable<IPublishPacket["properties"]>;

/** What MQTT 5 hands on from who publishes to who subscribes. */
export type MessageProperties = Pick<
  PublishProperties,
  "payloadFormatIndicator" | "contentType" | "responseTopic" | "correlationData" | "userProperties"
>;

export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly properties?: MessageProperties;
  /** In milliseconds since the epoch, when MQTT 5's message expiry interval ends. */
  readonly expiresAt?: number;
}

export interface Subscription {
  readonly session: Session;
  /** As it was asked for, with the share's prefix. */
  readonly filter: string;
  readonly qos: 0 | 1;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** The group of a shared subscription. */
  readonly share?: string;
}

/** A client's subscriptions and what is on its way to it. */
export interface Session {
  readonly clientId: string;
  /** AWS's `sessionIdentifier`. */
  readonly identifier: string;
  /** Whether it is stored: it was begun to outlive its connection. */
  readonly persistent: boolean;
  /** How long it outlives the connection. */
  expiryMs: number;
  /** Milliseconds since the epoch; undefined while it is connected. */
  disconnectedAt: number | undefined;
  connection: Connection | undefined;
  readonly subscriptions: Map<string, Subscription>;
  /** Packet identifier → the stored message's position, or 0 for one that is not stored. */
  readonly unacknowledged: Map<number, number>;
  lastPacketId: number;
  /** Of a session that ends with its connection: messages with QoS 1 that wait for their turn. */
  readonly waiting: Message[];
  /** Of a persistent session: how many messages are stored, and the position of the last one that was sent. */
  stored: number;
  sentUpTo: number;
}

export interface Will {
  readonly message: Message;
  readonly delayMs: number;
}

/** Why a connection ended: https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html */
export type DisconnectReason =
  | "AUTH_ERROR"
  | "CLIENT_INITIATED_DISCONNECT"
  | "CLIENT_ERROR"
  | "CONNECTION_LOST"
  | "DUPLICATE_CLIENTID"
  | "MQTT_KEEP_ALIVE_TIMEOUT"
  | "SERVER_ERROR"
  | "SERVER_INITIATED_DISCONNECT";

/** A socket whose certificate was let in. What CONNECT says is filled in when that comes. */
export interface Connection {
  readonly socket: TLSSocket;
  readonly principal: Principal;
  readonly address: string;
  readonly openedAt: number;
  version: 4 | 5;
  clientId: string;
  /** From the CONNACK to the end. */
  session: Session | undefined;
  presence: number;
  keepAliveMs: number;
  lastHeard: number;
  maximumPacketSize: number;
  receiveMaximum: number;
  aliases: Map<number, string> | undefined;
  will: Will | undefined;
  access: Access | undefined;
  /** When the broker ended it, in milliseconds since the epoch: nothing of it is read any more. */
  endedAt: number | undefined;
  /** The reserved topics' operations of this connection, one after the other. */
  operations: Promise<void>;
  pendingOperations: number;
}

/** Everything that the broker's parts work on. */
export interface Broker {
  readonly iot: Iot;
  readonly jobs: JobsPort;
  readonly store: Store;
  readonly faults: Faults;
  readonly log: Log;
  readonly invoke: Invoke;
  readonly devices: Pick<CoreDevices, "reportHealth"> | undefined;
  /** Whether the role that a provisioning template names may do this. */
  readonly provisionerMay: (roleArn: string, request: AccessRequest) => boolean;
  /** Every message that is published, by clients and by AWS IoT itself: what topic rules are fed with. */
  readonly onMessage: (topic: string, payload: Buffer) => void;
  readonly routes: Routes<Subscription>;
  readonly sessions: Map<string, Session>;
  readonly connections: Set<Connection>;
  /** Wills that wait for their delay, by client id. */
  readonly wills: Map<string, { readonly message: Message; readonly at: number }>;
  /** `{thing} {namespace}` → the execution that devices were last told is next. */
  readonly nextJobs: Map<string, string>;
  /** False once it closes: what is still under way has nobody left to answer. */
  open: boolean;
}
