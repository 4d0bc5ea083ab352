import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { actorOf, objectOf, recordDeed, recordOutcome, viewAudit } from "../../shared/audit/audit.ts";
import { changesOf, type Seen, touchedIn } from "../../shared/audit/changes.ts";
import { idsBetween, makeId } from "../../shared/ids.ts";
import { keys } from "../../shared/keys.ts";
import { memberId } from "../../shared/workspace/member.ts";
import type { Attributes, Item, Write } from "../../shared/writes.ts";
import { applied } from "./apply.ts";
import { theMoment } from "./moment.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const W = "ws_00000000000000000001";
const ID = "nod_00000000000000000001";
const node: Item = {
  ...keys.node(W, ID),
  type: "node",
  id: ID,
  workspaceId: W,
  name: "box",
  status: "active",
  revision: 3,
  token: "a-hash",
};
const nothing: Seen = () => undefined;
const seeing =
  (...items: readonly Item[]): Seen =>
  ({ pk, sk }) =>
    items.find((item) => item.pk === pk && item.sk === sk);
const changes = (writes: readonly Write[], seen: Seen = nothing) => changesOf(touchedIn(writes, seen));
const thing = { type: "node", id: ID, name: "box" };

describe("what a transaction changes", () => {
  test("of what is made is all that people may see", () => {
    expect(changes([{ do: "create", item: node }])).toEqual([{ ...thing, after: { name: "box", status: "active" } }]);
  });

  test("of what is edited is what differs, as it was and as it is", () => {
    const edit: Write = {
      do: "update",
      key: keys.node(W, ID),
      set: { status: "deleting", name: "box", updatedAt: NOW.toISOString(), description: "d" },
      add: { revision: 1, tries: 2 },
      remove: ["token", "groups"],
    };
    expect(changes([edit], seeing({ ...node, groups: ["g"], tries: 1 }))).toEqual([
      {
        ...thing,
        before: { status: "active", tries: 1, groups: ["g"] },
        after: { status: "deleting", description: "d", tries: 3 },
      },
    ]);
  });

  test("of what is deleted is what it was", () => {
    const deletion: Write = { do: "delete", key: keys.node(W, ID) };
    expect(changes([deletion], seeing(node))).toEqual([{ ...thing, before: { name: "box", status: "active" } }]);
  });

  test("is nothing where only inner workings change, yet it is told what that was done to", () => {
    const edit: Write = { do: "update", key: keys.node(W, ID), set: { token: "another" }, add: { revision: 1 } };
    const touched = touchedIn([edit, { do: "create", item: { ...node, type: "registration-token" } }], seeing(node));
    expect(changesOf(touched)).toEqual([]);
    expect(objectOf(touched)).toEqual(thing);
  });

  test("leaves out what nobody looked at, checks, and what people do not know", () => {
    const writes: Write[] = [
      { do: "update", key: keys.workspace(W), add: { nodes: 1 } },
      { do: "check", key: keys.workspace(W), when: { status: "active" } },
      { do: "create", item: { ...keys.nodeName(W, "box"), type: "name", id: ID } },
    ];
    expect(touchedIn(writes, nothing)).toEqual([]);
    expect(objectOf([])).toBeUndefined();
  });

  test("tells a member once, by its subject, and no machine's membership", () => {
    const membership = { type: "membership", workspaceId: W, subject: "ann", role: "viewer" };
    const machine = { ...membership, subject: "credential:crd_00000000000000000001" };
    const writes: Write[] = [
      { do: "create", item: { ...keys.membership("ann", W), ...membership } },
      { do: "create", item: { ...keys.member(W, "ann"), ...membership } },
      { do: "create", item: { ...keys.membership(machine.subject, W), ...machine } },
    ];
    expect(changes(writes)).toEqual([
      { type: "member", id: memberId("ann"), name: "ann", after: { subject: "ann", role: "viewer" } },
    ]);
  });

  test("has no secrets, wherever people put them", () => {
    const secrets = { secretHash: "s-1", codeHash: "s-2", token: "s-3", keyFingerprint: "s-4", password: "s-5" };
    const components = { "com.example.A": { merge: { db: { Password: "s-6", api_key: "s-7", user: "root" } } } };
    const told = changes([{ do: "create", item: { ...node, ...secrets, components } }]);
    expect(JSON.stringify(told)).not.toMatch(/s-\d/);
    expect(JSON.stringify(told)).toContain("root");
  });

  test("has digests in the place of long values", () => {
    const [change] = changes([{ do: "create", item: { ...node, recipe: { text: "x".repeat(10_000) } } }]);
    expect(change?.after?.recipe).toEqual({ sha256: expect.stringMatching(/^[0-9a-f]{64}$/), length: 10_011 });
  });

  test("leads from what was to what is, for any update", () => {
    const member = fc.constantFrom("name", "status", "groups", "description", "tries");
    const value = fc.oneof(fc.string(), fc.integer(), fc.array(fc.string(), { maxLength: 2 }));
    const attributes = fc.dictionary(member, value) as fc.Arbitrary<Attributes>;
    fc.assert(
      fc.property(attributes, attributes, fc.uniqueArray(member), (had, set, remove) => {
        const before: Item = { ...keys.node(W, ID), type: "node", id: ID, ...had };
        const kept = remove.filter((name) => !(name in set));
        const write: Write = { do: "update", key: keys.node(W, ID), set, remove: kept };
        const after = applied(before, write) ?? {};
        const [change] = changes([write], seeing(before));
        const rest = Object.fromEntries(Object.entries(before).filter(([name]) => !(name in (change?.before ?? {}))));
        expect({ ...rest, ...change?.after }).toEqual(after);
      }),
    );
  });
});

describe("a record", () => {
  const deed = { workspaceId: W, actor: actorOf("ann"), operation: "updateNode", object: thing };
  const itemOf = (write: Write): Item => applied(undefined, write) as Item;

  test("is found by workspace, actor and object, is kept for its days, and is shown without that", () => {
    const source = { ip: "192.0.2.1", userAgent: "u".repeat(1_000) };
    const item = itemOf(recordDeed({ ...deed, source, intent: "int_1" }, [], 30, theMoment(NOW)));
    expect(item).toMatchObject({
      pk: `${W}#audit`,
      sk: item.id,
      type: "audit",
      auditActor: `${W}#user:ann`,
      auditObject: `${W}#${ID}`,
      expiresAt: Math.floor(NOW.getTime() / 1_000) + 30 * 86_400,
    });
    expect(viewAudit(item)).toEqual({
      id: item.id,
      at: NOW.toISOString(),
      actor: "user:ann",
      operation: "updateNode",
      object: thing,
      intent: "int_1",
      source: { ip: "192.0.2.1", userAgent: "u".repeat(128) },
      changes: [],
    });
  });

  test("never is large: what does not fit is named", () => {
    const many = Array.from({ length: 90 }, (_, index) => ({
      type: "node",
      id: `n${index}`,
      after: { a: "x".repeat(4_000) },
    }));
    const item = itemOf(recordDeed(deed, many, 30, theMoment(NOW)));
    expect(JSON.stringify(item).length).toBeLessThan(40_000);
    const told = viewAudit(item).changes;
    expect(told).toHaveLength(90);
    expect([told[0], told[89]]).toEqual([many[0], { type: "node", id: "n89" }]);
  });

  test("of an intent's end says what the system did, and why", () => {
    const input = {
      intentId: "int_1",
      attempt: 1,
      kind: "component-version.publish",
      workspaceId: W,
      subjectId: "ver_1",
      parentId: "cmp_1",
    } as const;
    const outcome = { status: "failed", problem: { code: "artifact-missing" } } as const;
    expect(viewAudit(itemOf(recordOutcome(input, outcome, 30, theMoment(NOW))))).toMatchObject({
      actor: "system",
      operation: "intent.failed",
      object: { type: "component-version", id: "ver_1" },
      intent: "int_1",
      changes: [{ type: "intent", id: "int_1", after: { status: "failed", problem: "artifact-missing" } }],
    });
  });

  test("of a machine names its credential, which no subject of a person can be", () => {
    expect(actorOf("credential:crd_1")).toBe("credential:crd_1");
    expect(actorOf("system")).toBe("user:system");
    expect(actorOf("device:nod_1")).toBe("user:device:nod_1");
  });
});

test("ids between two times are just those that were made from the first on and before the last", () => {
  const time = fc.date({ min: new Date(1), max: new Date("2100-01-01"), noInvalidDate: true });
  const random = fc.uint8Array({ minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(time, time, time, random, (from, to, at, bytes) => {
      const [first, last] = idsBetween("audit", from, to);
      const id = makeId("audit", at, bytes);
      expect(first <= id && id <= last).toBe(from <= at && at < to);
    }),
  );
});
