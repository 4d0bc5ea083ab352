import * as z from "zod";
import { AwsError } from "../aws-json/errors.ts";
import { clientTokenOf, parseJson, seconds } from "./payload.ts";
import type { Operation, Reply } from "./reserved.ts";
import type { Broker, Message } from "./state.ts";

/**
 * `state` and `metadata` are JSON, of a shadow that was deleted NULL: its version stays.
 * https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
 */
export const SHADOWS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS shadows (
    thing TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, state TEXT, metadata TEXT,
    PRIMARY KEY (thing, name)
  ) STRICT, WITHOUT ROWID;
`;

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html: the state, without the metadata, in bytes. */
const MAX_STATE = 8 * 1024;
const MAX_DEPTH = 8;
const MAX_CLIENT_TOKEN = 64;

type Json = null | boolean | number | string | Json[] | Tree;
interface Tree {
  [key: string]: Json;
}
/** `desired` and `reported`. */
type Sections = Partial<Record<"desired" | "reported", Tree>>;

interface Shadow {
  readonly version: number;
  readonly state: Sections;
  readonly metadata: Sections;
}

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

const refusal = (status: number, message: string): AwsError => new AwsError(String(status), status, message);

const depthOf = (value: Json): number =>
  typeof value === "object" && value !== null
    ? 1 + Math.max(0, ...Object.values(value).map((inner: Json) => depthOf(inner)))
    : 0;

const hasNullInArray = (value: Json): boolean =>
  Array.isArray(value)
    ? value.some((inner) => inner === null || hasNullInArray(inner))
    : isTree(value) && Object.values(value).some(hasNullInArray);

/** What an update makes of a section: null takes away, objects are merged, all else is put in place. */
const merge = (stored: Tree, update: Tree): Tree => {
  const merged = new Map(Object.entries(stored));
  for (const [key, value] of Object.entries(update)) {
    const before = merged.get(key);
    if (value === null) merged.delete(key);
    else if (isTree(value)) merged.set(key, merge(isTree(before) ? before : {}, value));
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
};

/** For each value of a section, when it was set. */
const stamped = (update: Json, timestamp: number): Json => {
  if (isTree(update))
    return Object.fromEntries(Object.entries(update).map(([key, value]) => [key, stamped(value, timestamp)]));
  if (Array.isArray(update)) return update.map((value) => stamped(value, timestamp));
  return update === null ? null : { timestamp };
};

/** What is desired and not so reported. */
const deltaOf = (desired: Tree, reported: Tree, metadata: Tree): { state: Tree; metadata: Tree } => {
  const state: Tree = {};
  const times: Tree = {};
  for (const [key, wanted] of Object.entries(desired)) {
    const found = reported[key];
    const time = metadata[key] ?? {};
    if (isTree(wanted) && isTree(found)) {
      const inner = deltaOf(wanted, found, isTree(time) ? time : {});
      if (Object.keys(inner.state).length === 0) continue;
      state[key] = inner.state;
      times[key] = inner.metadata;
    } else if (JSON.stringify(wanted) !== JSON.stringify(found)) {
      state[key] = wanted;
      times[key] = time;
    }
  }
  return { state, metadata: times };
};

interface Named {
  readonly thing: string;
  /** Empty for the classic shadow. */
  readonly name: string;
}

const find = ({ store }: Broker, { thing, name }: Named): { readonly version: number; readonly shadow?: Shadow } => {
  const row = store.get<{ version: number; state: string | null; metadata: string | null }>(
    "SELECT version, state, metadata FROM shadows WHERE thing = ? AND name = ?",
    thing,
    name,
  );
  if (row?.state == null) return { version: row?.version ?? 0 };
  const { version } = row;
  const metadata = JSON.parse(row.metadata ?? "{}") as Sections;
  return { version, shadow: { version, state: JSON.parse(row.state) as Sections, metadata } };
};

/** @throws AwsError 404 */
const get = (broker: Broker, named: Named): Shadow => {
  const { shadow } = find(broker, named);
  const label = named.name === "" ? named.thing : `${named.thing}~${named.name}`;
  if (shadow === undefined) throw refusal(404, `No shadow exists with name: '${label}'`);
  return shadow;
};

const deltaIn = ({ state, metadata }: Shadow) =>
  deltaOf(state.desired ?? {}, state.reported ?? {}, metadata.desired ?? {});

const Request = z.object({
  state: z.object({ desired: z.unknown().optional(), reported: z.unknown().optional() }),
  version: z.int().nullish(),
});

/** https://docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html. @throws AwsError 400, 413 */
const readUpdate = (payload: Buffer): { state: Partial<Record<keyof Sections, Tree | null>>; version?: number } => {
  const value = parseJson(payload, () => refusal(400, "Invalid JSON"));
  if (!isTree(value)) throw refusal(400, "Invalid JSON");
  if (value.state === undefined) throw refusal(400, "Missing required node: state");
  if (!isTree(value.state)) throw refusal(400, "State node must be an object");
  for (const [section, label] of [["desired", "Desired"] as const, ["reported", "Reported"] as const]) {
    const node = value.state[section];
    if (node !== undefined && node !== null && !isTree(node)) throw refusal(400, `${label} node must be an object`);
    if (node != null && depthOf(node) > MAX_DEPTH)
      throw refusal(400, `JSON contains too many levels of nesting; maximum is ${MAX_DEPTH}`);
    if (node != null && hasNullInArray(node)) throw refusal(400, "State contains an invalid node");
  }
  const unknown = Object.keys(value.state).find((key) => key !== "desired" && key !== "reported");
  if (unknown !== undefined) throw refusal(400, `State contains an invalid node: '${unknown}'`);
  const request = Request.safeParse(value);
  if (!request.success) throw refusal(400, "Invalid version");
  const { state, version } = request.data;
  return { state: state as Partial<Record<keyof Sections, Tree | null>>, ...(version != null && { version }) };
};

/** Applies an update to a shadow's sections; a section that is set to null, or to nothing, is gone. */
const applied = (before: Sections, update: Partial<Record<keyof Sections, Tree | null>>): Sections => {
  const after: Sections = { ...before };
  for (const section of ["desired", "reported"] as const) {
    const change = update[section];
    if (change === undefined) continue;
    const merged = change === null ? {} : merge(before[section] ?? {}, change);
    if (Object.keys(merged).length > 0) after[section] = merged;
    else delete after[section];
  }
  return after;
};

const update = (broker: Broker, named: Named, payload: Buffer) => {
  if (payload.length > MAX_STATE) throw refusal(413, "The payload exceeds the maximum size allowed");
  const request = readUpdate(payload);
  const found = find(broker, named);
  if (request.version !== undefined && request.version !== found.version) throw refusal(409, "Version conflict");
  const timestamp = seconds(broker.iot.clock.now());
  const times = Object.fromEntries(
    Object.entries(request.state).map(([section, change]) => [section, stamped(change, timestamp)]),
  ) as typeof request.state;
  const state = applied(found.shadow?.state ?? {}, request.state);
  const metadata = applied(found.shadow?.metadata ?? {}, times);
  if (Buffer.byteLength(JSON.stringify(state)) > MAX_STATE)
    throw refusal(413, "The payload exceeds the maximum size allowed");
  const current: Shadow = { version: found.version + 1, state, metadata };
  broker.store.run(
    "INSERT OR REPLACE INTO shadows VALUES (?, ?, ?, ?, ?)",
    named.thing,
    named.name,
    current.version,
    JSON.stringify(state),
    JSON.stringify(metadata),
  );
  return { timestamp, request: { state: request.state, metadata: times }, previous: found.shadow, current };
};

const remove = (broker: Broker, named: Named): number => {
  const { version } = get(broker, named);
  broker.store.run(
    "UPDATE shadows SET state = NULL, metadata = NULL, version = version + 1 WHERE thing = ? AND name = ?",
    named.thing,
    named.name,
  );
  return version;
};

/** A shadow's name: https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_UpdateThingShadow.html */
const TOPIC = /^\$aws\/things\/([^/]+)\/shadow\/(?:name\/([a-zA-Z0-9:_-]{1,64})\/)?(get|update|delete)$/;

const NAMES: Readonly<Record<string, string>> = {
  get: "GetThingShadow",
  update: "UpdateThingShadow",
  delete: "DeleteThingShadow",
};

/** The requests on a thing's classic and named shadows. */
export const shadowOperation = (broker: Broker, { topic, payload }: Message): Operation | undefined => {
  const [, thing, name = "", verb = ""] = TOPIC.exec(topic) ?? [];
  if (thing === undefined) return undefined;
  const named = { thing, name };
  const token = clientTokenOf(payload);
  const accept = (value: object, timestamp = seconds(broker.iot.clock.now())): Reply => ({
    topic: `${topic}/accepted`,
    value: { ...value, timestamp, ...token },
    answers: true,
  });

  const perform = (): Reply[] => {
    if (Buffer.byteLength(token.clientToken ?? "") > MAX_CLIENT_TOKEN) throw refusal(400, "Invalid clientToken");
    if (verb === "delete") return [accept({ version: remove(broker, named) })];
    if (verb === "get") {
      const shadow = get(broker, named);
      const delta = deltaIn(shadow).state;
      const state = { ...shadow.state, ...(Object.keys(delta).length > 0 && { delta }) };
      return [accept({ ...shadow, state })];
    }
    const { timestamp, request, previous, current } = update(broker, named, payload);
    const delta = deltaIn(current);
    return [
      accept({ ...request, version: current.version }, timestamp),
      { topic: `${topic}/documents`, value: { previous, current, timestamp, ...token } },
      ...(Object.keys(delta.state).length > 0
        ? [{ topic: `${topic}/delta`, value: { ...delta, version: current.version, timestamp, ...token } }]
        : []),
    ];
  };
  return {
    name: NAMES[verb] ?? verb,
    perform,
    refuse: ({ status, message }) => [
      {
        topic: `${topic}/rejected`,
        value: { code: status, message, timestamp: seconds(broker.iot.clock.now()), ...token },
        answers: true,
      },
    ],
  };
};
