import { join } from "node:path";
import { Store } from "../aws-json/store.ts";
import { SHADOWS_SCHEMA } from "./shadows.ts";
import type { Message, MessageProperties } from "./state.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (
    client TEXT PRIMARY KEY, identifier TEXT NOT NULL, expiry INTEGER NOT NULL, disconnected_at INTEGER
  ) STRICT;
  CREATE TABLE IF NOT EXISTS session_subscriptions (
    client TEXT NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL, no_local INTEGER NOT NULL,
    retain_as_published INTEGER NOT NULL, PRIMARY KEY (client, filter)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS session_messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
    retain INTEGER NOT NULL, properties TEXT, expires_at INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS session_messages_by_client ON session_messages (client, position);
  CREATE TABLE IF NOT EXISTS retained_messages (
    topic TEXT PRIMARY KEY, payload BLOB NOT NULL, qos INTEGER NOT NULL, properties TEXT, expires_at INTEGER
  ) STRICT;
  CREATE TABLE IF NOT EXISTS presence (
    client TEXT PRIMARY KEY, version INTEGER NOT NULL, identifier TEXT NOT NULL, principal TEXT NOT NULL,
    connected INTEGER NOT NULL, at INTEGER NOT NULL
  ) STRICT;
`;

/** The broker's database in a folder: what has to outlive a kill of the process. */
export const openBrokerStore = (dir: string): Store => new Store(join(dir, "mqtt.db"), SCHEMA + SHADOWS_SCHEMA);

/** A message's columns. */
export interface MessageRow {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly properties: string | null;
  readonly expires_at: number | null;
}

/** JSON of the properties; the correlation data, which is bytes, as base64. */
export const propertiesText = (properties: MessageProperties | undefined): string | null => {
  if (properties === undefined) return null;
  const { correlationData, ...rest } = properties;
  return JSON.stringify({
    ...rest,
    ...(correlationData !== undefined && { correlationData: correlationData.toString("base64") }),
  });
};

const parseProperties = (text: string): MessageProperties => {
  const { correlationData, ...rest } = JSON.parse(text) as Omit<MessageProperties, "correlationData"> & {
    correlationData?: string;
  };
  return { ...rest, ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData, "base64") }) };
};

export const messageOf = (row: MessageRow, qos: 0 | 1, retain: boolean): Message => ({
  topic: row.topic,
  payload: Buffer.from(row.payload),
  qos,
  retain,
  ...(row.properties !== null && { properties: parseProperties(row.properties) }),
  ...(row.expires_at !== null && { expiresAt: row.expires_at }),
});
