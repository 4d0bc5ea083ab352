import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { JsonObject } from "../json.ts";
import { isMadeSubject } from "../workspace/access.ts";
import { memberId } from "../workspace/member.ts";
import type { Attributes, Key, TableName, Write } from "../writes.ts";

const Members = JsonObject.meta({
  description: "The members that differ. In the place of a long value stand its SHA-256 and its length as JSON",
});

export const Changed = z
  .object({
    type: z.string(),
    id: z.string(),
    name: z.string().optional(),
    before: Members.optional().meta({ description: "Absent for what was made" }),
    after: Members.optional().meta({ description: "Absent for what was deleted" }),
  })
  .meta({ id: "AuditChange" });

/** What a transaction does to one thing: the members that differ, as they were and as they are. */
export type Change = z.infer<typeof Changed>;

/** A thing that a transaction has to do with, whether or not a member that is shown differs. */
export interface Touched extends Change {
  readonly how: "made" | "changed" | "deleted";
}

/** What items are called in records. Other items are inner workings: names, counters, tokens, cells. */
const THINGS: Readonly<Record<string, string>> = {
  workspace: "workspace",
  membership: "member",
  invitation: "invitation",
  credential: "credential",
  "node-group": "node-group",
  node: "node",
  "node-import": "node-import",
  certificate: "certificate",
  component: "component",
  "component-version": "component-version",
  file: "file",
  deployment: "deployment",
  release: "release",
  webhook: "webhook",
  "event-rule": "event-rule",
};

/** Members that are inner workings, and whatever a secret could be made or known of. */
const HIDDEN =
  /^(pk|sk|type|id|workspaceId|revision|createdAt|updatedAt|expiresAt|open)$|hash|secret|token|code|password|fingerprint/i;

/** A longer value, as JSON, is told by its digest. */
const MAX_CHARACTERS = 4_096;

/** Members within what people wrote, such as a component's configuration, that are secrets by their names. */
const SECRET = /password|passwd|secret|token|credential|private.?key|api.?key/i;

const withoutSecrets = (name: string, value: unknown): unknown =>
  SECRET.test(name) && typeof value === "string" ? "(hidden)" : value;

const shown = (value: unknown): unknown => {
  const text = JSON.stringify(value, withoutSecrets);
  if (text.length <= MAX_CHARACTERS) return JSON.parse(text);
  return { sha256: createHash("sha256").update(text).digest("hex"), length: text.length };
};

const membersOf = (names: readonly string[], of: Attributes): Record<string, unknown> =>
  Object.fromEntries(
    names.flatMap((name) => (of[name] === undefined || HIDDEN.test(name) ? [] : [[name, shown(of[name])]])),
  );

/** What an update makes of the attributes that it names. */
const updated = (write: Write & { do: "update" }, before: Attributes): Attributes => ({
  ...Object.fromEntries(Object.entries(write.setIfAbsent ?? {}).map(([name, value]) => [name, before[name] ?? value])),
  ...write.set,
  ...Object.fromEntries(
    Object.entries(write.add ?? {}).map(([name, more]) => [name, Number(before[name] ?? 0) + more]),
  ),
  ...Object.fromEntries((write.remove ?? []).map((name) => [name, undefined])),
});

const differing = (before: Attributes, after: Attributes): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !isDeepStrictEqual(before[name], after[name]),
  );

/** What an item is to people; undefined for inner workings, and for machines' memberships, which go with their credential or rule. */
const thing = (item: Attributes): Pick<Change, "type" | "id" | "name"> | undefined => {
  const type = THINGS[String(item.type)];
  if (type === undefined) return undefined;
  if (type !== "member") {
    const name = item.name ?? item.path ?? item.version;
    return { type, id: String(item.id), ...(typeof name === "string" && { name }) };
  }
  const subject = String(item.subject);
  return isMadeSubject(subject) ? undefined : { type, id: memberId(subject), name: subject };
};

/** The item with a key, as the decision saw it; undefined where it was not looked at. */
export type Seen = (key: Key, table?: TableName) => Attributes | undefined;

const touchedBy = (write: Write, seen: Seen): Touched | undefined => {
  if (write.do === "check") return undefined;
  const key = write.do === "create" || write.do === "put" ? write.item : write.key;
  const before = write.do === "create" ? undefined : seen(key, write.table);
  const item = write.do === "create" || write.do === "put" ? write.item : before;
  const known = item && thing(item);
  if (item === undefined || known === undefined) return undefined;
  if (write.do === "delete") return { ...known, how: "deleted", before: membersOf(Object.keys(item), item) };
  if (before === undefined) return { ...known, how: "made", after: membersOf(Object.keys(item), item) };
  const after = write.do === "update" ? { ...before, ...updated(write, before) } : item;
  const names = differing(before, after);
  return { ...known, how: "changed", before: membersOf(names, before), after: membersOf(names, after) };
};

/**
 * What a transaction does to things that people know, each once.
 * @param seen what the items were; what a write updates and was not looked at is left out
 */
export const touchedIn = (writes: readonly Write[], seen: Seen): Touched[] => {
  const found = new Map<string, Touched>();
  for (const write of writes) {
    const touched = touchedBy(write, seen);
    if (touched !== undefined) found.set(`${touched.type} ${touched.id}`, touched);
  }
  return [...found.values()];
};

/** The changes among these: what has a member that differs, and is not hidden. */
export const changesOf = (touched: readonly Touched[]): Change[] =>
  touched.flatMap(({ how, ...change }) => {
    const told = Object.keys({ ...change.before, ...change.after }).length > 0;
    return told ? [change] : [];
  });
