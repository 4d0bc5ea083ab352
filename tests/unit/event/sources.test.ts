import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { domainEvent, eventSchema, firstIdAt, schemaUri } from "../../../shared/event/event.ts";
import { type Change, happeningsOf, sources } from "../../../shared/event/sources.ts";
import { EVENT_NAMES } from "../../../shared/event/types.ts";
import { isId } from "../../../shared/ids.ts";

const AT = "2026-01-02T03:04:05.000Z";
const PLACE = { stage: "test", schemas: "urn:slipway:test:event-schemas:" };
const WORKSPACE = "ws_01kdyak3se0000000001";

const node = {
  type: "node",
  id: "nod_01kdyak3se0000000001",
  workspaceId: WORKSPACE,
  name: "n",
  status: "active",
  groups: [],
  runtime: "nucleus",
  thing: "t",
  token: "the hash of a token",
  cell: "c",
  revision: 3,
  createdAt: AT,
  updatedAt: AT,
};

const change = (was: object | undefined, is: object | undefined): Change => ({ was, is, at: new Date(AT) });
const typesOf = (was: object | undefined, is: object | undefined) =>
  happeningsOf("control", change(was, is)).map(({ type }) => type);

describe("a device's report", () => {
  const report = {
    type: "node-report",
    nodeId: node.id,
    workspaceId: WORKSPACE,
    stateSince: 0,
    version: 4,
    effective: [],
  };
  const state = (one: string, more: object = {}) => ({ ...report, state: one, deploymentId: "d", ...more });
  test.each([
    ["that it is at it", undefined, state("in-progress"), []],
    ["that it has done it", state("in-progress"), state("succeeded"), ["slipway.deployment.succeeded"]],
    ["the same again", state("succeeded"), state("succeeded", { lookedAt: 9 }), []],
    [
      "another deployment",
      state("succeeded"),
      state("succeeded", { deploymentId: "e" }),
      ["slipway.deployment.succeeded"],
    ],
    ["that it could not", state("in-progress"), state("failed", { error: "no space" }), ["slipway.deployment.failed"]],
    ["that it cannot be reached", state("succeeded"), state("unreachable"), []],
    ["its end", state("succeeded"), undefined, []],
  ])("%s", (_, was, is, expected) => {
    expect(typesOf(was, is)).toEqual(expected);
  });
});

describe("drift", () => {
  const drift = {
    ...{ type: "drift", id: `${node.id}.components`, workspaceId: WORKSPACE, kind: "components", detail: "a is 2" },
    ...{ subject: { type: "node", id: node.id, name: "n" }, since: AT },
  };
  test.each([
    ["that is found", undefined, drift, ["slipway.drift.found"]],
    ["that is otherwise", drift, { ...drift, detail: "a is 3" }, ["slipway.drift.found"]],
    ["that is to be put right", drift, { ...drift, intent: "int_1" }, []],
    ["that is gone", drift, undefined, ["slipway.drift.cleared"]],
  ])("%s", (_, was, is, expected) => {
    expect(typesOf(was, is)).toEqual(expected);
  });

  test("has a number that rises when it is gone, and when it is found again", () => {
    const later = (seconds: number) => new Date(Date.parse(AT) + seconds * 1_000);
    const numbers = [
      { was: undefined, is: drift, at: later(0) },
      { was: drift, is: undefined, at: later(0) },
      { was: undefined, is: drift, at: later(1) },
    ].map((one) => happeningsOf("control", one)[0]?.sequence);
    expect(numbers).toEqual([...numbers].sort((a, b) => Number(a) - Number(b)));
    expect(new Set(numbers).size).toBe(3);
  });
});

describe("a node's change", () => {
  const connected = (yes: boolean) => ({ connection: { connected: yes, since: AT } });

  test.each([
    ["its creation", undefined, node, []],
    ["an edit", node, { ...node, revision: 4 }, []],
    ["the first connection", node, { ...node, registeredAt: AT }, ["slipway.node.registered"]],
    [
      "another registration",
      { ...node, registeredAt: "2025-01-01T00:00:00.000Z" },
      { ...node, registeredAt: AT },
      ["slipway.node.registered"],
    ],
    ["a connection", node, { ...node, ...connected(true) }, ["slipway.node.connected"]],
    ["a later connection of the same", { ...node, ...connected(true) }, { ...node, ...connected(true) }, []],
    ["the end of it", { ...node, ...connected(true) }, { ...node, ...connected(false) }, ["slipway.node.offline"]],
    ["news of the end of one that nobody noted", node, { ...node, ...connected(false) }, []],
    ["its deletion", node, undefined, []],
  ])("%s", (_, was, is, expected) => {
    expect(typesOf(was, is)).toEqual(expected);
  });

  test("is told without what is nobody's business", () => {
    const [happening] = happeningsOf("control", change(node, { ...node, ...connected(true) }));
    expect(JSON.stringify(happening)).not.toMatch(/token|cell/);
  });

  test("has a number that rises with edits and connections alike", () => {
    const step = fc.constantFrom("revision" as const, "connectionChanges" as const);
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        let before = { ...node, connectionChanges: 0, ...connected(false) };
        let last = 0;
        for (const [index, counter] of steps.entries()) {
          const after = { ...before, [counter]: before[counter] + 1, ...connected(index % 2 === 0) };
          const [happening] = happeningsOf("control", change(before, after));
          expect(happening?.sequence).toBeGreaterThan(last);
          last = happening?.sequence ?? 0;
          before = after;
        }
      }),
    );
  });
});

describe("what is no source", () => {
  const types = Object.values(sources).flatMap((kinds) => Object.keys(kinds));

  test("gives nothing, whatever its type is named", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.constantFrom("constructor", "__proto__", "toString", "membership", "idempotency")),
        fc.constantFrom("control" as const, "ota" as const),
        (type, table) => {
          fc.pre(!types.includes(type));
          expect(happeningsOf(table, change({ type }, { type, id: "x" }))).toEqual([]);
        },
      ),
    );
  });
});

describe("an event", () => {
  const happening = (sequence: number, subject = node.id) => ({
    type: "slipway.node.connected" as const,
    subject,
    workspaceId: WORKSPACE,
    sequence,
    time: AT,
    data: {},
  });

  test("is the same each time, and another for another number, subject or type", () => {
    const one = domainEvent(happening(1), PLACE);
    expect(domainEvent(happening(1), PLACE)).toEqual(one);
    expect(isId(one.id, "event")).toBe(true);
    const others = [happening(2), happening(1, "nod_2"), { ...happening(1), type: "slipway.node.offline" as const }];
    expect(new Set([one, ...others.map((other) => domainEvent(other, PLACE))].map(({ id }) => id)).size).toBe(4);
  });

  test("has a sequence of texts that sort as the numbers do", () => {
    const number = fc.integer({ min: 0, max: 9_999_999_999 });
    fc.assert(
      fc.property(number, number, (a, b) => {
        const [first, second] = [a, b].map((sequence) => domainEvent(happening(sequence), PLACE).sequence);
        expect((first ?? "") < (second ?? "")).toBe(a < b);
      }),
    );
  });

  test("has an id that is not below that of its time", () => {
    expect(domainEvent(happening(1), PLACE).id >= firstIdAt(new Date(AT))).toBe(true);
    expect(domainEvent(happening(1), PLACE).id < firstIdAt(new Date(Date.parse(AT) + 1))).toBe(true);
  });

  test.each(EVENT_NAMES)("%s names its schema by address or by URN", (name) => {
    expect(schemaUri("https://api.example/v1/event-schemas/", name)).toBe(
      `https://api.example/v1/event-schemas/${name}/1`,
    );
    expect(schemaUri("urn:slipway:test:event-schemas:", name)).toBe(`urn:slipway:test:event-schemas:${name}:1`);
    expect(eventSchema(name).shape.type.safeParse(name).success).toBe(true);
  });
});
