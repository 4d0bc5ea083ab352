import { describe, expect, test } from "vitest";
import { adoptedEdit } from "../../../shared/deployment/adopt.ts";
import type { StoredGeneration } from "../../../shared/deployment/cell.ts";
import {
  DRIFT_KINDS,
  driftOfGeneration,
  driftOfGroup,
  driftOfNode,
  type Found,
  isSettledPlace,
  type Names,
  type NodeSeen,
  reconcile,
  type StoredDrift,
  viewDrift,
  whyNotAdopted,
} from "../../../shared/deployment/drift.ts";
import type { StoredProgress } from "../../../shared/deployment/placement.ts";
import { nextForCell } from "../../../shared/deployment/steps.ts";
import type { Effective } from "../../../shared/deployment/truth.ts";

const AT = 1_000_000;
const names: Names = {
  cellOf: (name) => {
    const [, key, generation] = /^cell-(\w+)-(\d+)$/.exec(name) ?? [];
    return key === undefined ? undefined : { key, generation: Number(generation) };
  },
  groupOf: (name) => (name.startsWith("grp_") ? name : undefined),
};

const generation = (more: Partial<StoredGeneration> = {}): StoredGeneration => ({
  pk: "ws#cell-generation",
  sk: "0123456789abcdef#1",
  type: "cell-generation",
  workspaceId: "ws",
  key: "c",
  generation: 1,
  targets: ["grp_1"],
  runtime: "nucleus",
  nodes: 1,
  leaseUntil: 0,
  createdAt: "",
  delivered: {
    hash: "h",
    deploymentId: "d1",
    jobId: "j",
    sequence: 1,
    at: AT,
    versions: { a: "1.0.0" },
    revisions: {},
  },
  ...more,
});

const node = { id: "nod_1", name: "one", groups: ["grp_1"] };
const groups = [{ id: "grp_1", name: "press" }];
const progress = { cell: { key: "c", generation: 1 } };
const done: Effective = { deploymentId: "d1", status: "SUCCEEDED", at: AT };
const device = (versions: Record<string, string>, effective: readonly Effective[] = [done], at = AT + 1) => ({
  device: { status: "HEALTHY" as const, at },
  effective,
  components: Object.fromEntries(
    Object.entries(versions).map(([name, version]) => [name, { version, state: "RUNNING", at }]),
  ),
});
const seen = (more: Partial<NodeSeen> = {}): NodeSeen => ({
  thingGroups: ["cell-c-1", "grp_1", "someone-elses"],
  ofThing: undefined,
  device: device({ a: "1.0.0" }),
  ...more,
});
const ofNode = (more: Partial<NodeSeen>, of: StoredGeneration | undefined = generation()) =>
  driftOfNode(node, progress, of, groups, seen(more), names);

describe("of a node", () => {
  test("nothing is told where AWS shows what was written down", () => {
    expect(ofNode({})).toEqual([]);
    expect(ofNode({ device: undefined })).toEqual([]);
    expect(ofNode({ device: device({ a: "1.0.0", "aws.greengrass.Cli": "2.0.0" }) })).toEqual([]);
    // One that was made to deploy nothing leaves nothing behind.
    expect(ofNode({ ofThing: { targetArn: "t", deploymentId: "d9", status: "ACTIVE", components: 0 } })).toEqual([]);
  });

  test.each<[string, Partial<NodeSeen>, Partial<Found>]>([
    [
      "out of its cell",
      { thingGroups: ["grp_1"] },
      { kind: "cell-membership", id: "nod_1.cell.c-1", change: "removed" },
    ],
    [
      "in another cell",
      { thingGroups: ["cell-c-1", "cell-c-2", "grp_1"] },
      { kind: "cell-membership", id: "nod_1.cell.c-2", change: "added" },
    ],
    [
      "out of its group",
      { thingGroups: ["cell-c-1"] },
      { kind: "group-membership", id: "nod_1.group.grp_1", groupId: "grp_1", change: "removed" },
    ],
    [
      "in another group",
      { thingGroups: ["cell-c-1", "grp_1", "grp_2"] },
      { kind: "group-membership", id: "nod_1.group.grp_2", groupId: "grp_2", change: "added" },
    ],
    [
      "deployed to alone",
      { ofThing: { targetArn: "t", deploymentId: "d9", status: "ACTIVE", components: 1 } },
      { kind: "thing-deployment", deploymentId: "d9", targetArn: "t" },
    ],
    [
      "reached by another thing group",
      {
        device: device({ a: "1.0.0" }, [
          done,
          { ...done, deploymentId: "d7", targetArn: "arn:aws:iot:r:1:thinggroup/someone-elses" },
        ]),
      },
      { kind: "foreign-deployment", id: "nod_1.foreign.someone-elses" },
    ],
    [
      "of something else",
      { device: device({ a: "2.0.0", b: "1.0.0" }) },
      {
        kind: "components",
        detail: "its device has otherwise than was delivered: a 2.0.0, not 1.0.0; b 1.0.0, which is not wanted",
      },
    ],
    [
      "of too little",
      { device: device({}) },
      { kind: "components", detail: "its device has otherwise than was delivered: a is missing, not 1.0.0" },
    ],
  ])("that is %s is told", (_, more, found) => {
    expect(ofNode(more)).toMatchObject([found]);
  });

  test("what a device has is told of only once it has said that it is done, and has said so since", () => {
    const other = { a: "2.0.0" };
    expect(ofNode({ device: device(other, [{ ...done, status: "FAILED" }]) })).toEqual([]);
    expect(ofNode({ device: device(other, [done], AT) })).toEqual([]);
    expect(ofNode({ device: device(other, [{ ...done, deploymentId: "d0" }]) })).toEqual([]);
    expect(ofNode({ device: device(other) }, generation({ pending: { hash: "x", sequence: 2 } }))).toEqual([]);
    // A thing group that it has left reaches it no more.
    const left = { ...done, deploymentId: "d7", targetArn: "arn:aws:iot:r:1:thinggroup/left" };
    expect(ofNode({ device: device({ a: "1.0.0" }, [done, left]) })).toEqual([]);
  });

  test("nothing is told while it is on its way", () => {
    const place: StoredProgress = {
      pk: "",
      sk: "",
      type: "node-progress",
      workspaceId: "ws",
      nodeId: "nod_1",
      cell: { key: "c", generation: 1 },
      mayBeIn: [{ key: "c", generation: 1 }],
      joinedAt: AT,
      renewals: 0,
      leftBehind: [],
      placed: true,
      registrations: 0,
      leaseUntil: 0,
      updatedAt: new Date(AT).toISOString(),
    };
    const settled = (more: Partial<StoredProgress>, of: object = {}, now = AT + 5_000) =>
      isSettledPlace({ status: "active", cell: "c", ...of }, { ...place, ...more }, 1_000, now);
    expect(settled({})).toBe(true);
    expect(isSettledPlace({ status: "active", cell: "c" }, undefined, 0, AT)).toBe(false);
    const moving: Parameters<typeof settled>[] = [
      [{ placed: undefined }],
      [{ gone: true }],
      [{ mayBeIn: [] }],
      [{ leaseUntil: AT + 9_000 }],
      [{}, { cell: "d" }],
      [{}, { status: "deleting" }],
      [{}, {}, AT + 500],
      [{ updatedAt: new Date(AT + 4_500).toISOString() }],
    ];
    for (const one of moving) expect(settled(...one)).toBe(false);
  });
});

describe("of a cell", () => {
  const latest = { targetArn: "g", deploymentId: "d1", status: "ACTIVE", components: 0 };
  const of = (more: object) => driftOfGeneration(generation(), { exists: true, latest, strangers: [], ...more });

  test("what is gone, replaced, cancelled or deleted is told, and strangers are", () => {
    expect(of({})).toEqual([]);
    expect(of({ exists: false, latest: undefined })).toMatchObject([{ kind: "cell-missing" }]);
    expect(of({ latest: { ...latest, deploymentId: "d2" } })).toMatchObject([
      { kind: "cell-deployment", deploymentId: "d2", targets: ["grp_1"] },
    ]);
    const [cancelled] = of({ latest: { ...latest, status: "CANCELED" } });
    expect(cancelled?.detail).toContain("cancelled");
    const [deleted] = of({ latest: undefined });
    expect(deleted?.detail).toContain("deleted");
    for (const one of [cancelled, deleted]) expect(one?.deploymentId).toBeUndefined();
    expect(of({ strangers: ["x"] })).toMatchObject([{ kind: "cell-stranger", id: "c-1.thing.x" }]);
  });

  test("that is to have again what it was given is delivered to once, with the next number", () => {
    const { delivered } = generation();
    const cell = { ref: progress.cell, created: true, delivered, nodes: 1, kept: false };
    expect(nextForCell(cell, { hash: "h" })).toEqual({ do: "settled" });
    expect(nextForCell({ ...cell, again: true }, { hash: "h" })).toEqual({ do: "deliver", hash: "h", sequence: 2 });
    const pending = { hash: "h", sequence: 2 };
    expect(nextForCell({ ...cell, again: true, pending }, { hash: "h" })).toEqual({ do: "deliver", ...pending });
  });

  test("can be adopted where one target says it all, and there is something to say", () => {
    const found = (more: Partial<Found>): Found => ({
      ...(of({ latest: { ...latest, deploymentId: "d2" } })[0] as Found),
      ...more,
    });
    expect(whyNotAdopted(found({}))).toBeUndefined();
    expect(whyNotAdopted(found({ targets: ["grp_1", "grp_2"] }))).toContain("2 deployments");
    expect(whyNotAdopted(found({ targets: [] }))).toContain("0 deployments");
    const { deploymentId: _, ...without } = found({});
    expect(whyNotAdopted(without)).toContain("no other deployment");
  });
});

test("of a node group's thing group, that it is gone or deployed to is told", () => {
  const latest = { targetArn: "g", deploymentId: "d1", status: "ACTIVE", components: 1 };
  const group = { id: "grp_1", name: "press" };
  expect(driftOfGroup(group, { exists: true, latest: undefined })).toEqual([]);
  expect(driftOfGroup(group, { exists: true, latest: { ...latest, components: 0 } })).toEqual([]);
  expect(driftOfGroup(group, { exists: false, latest: undefined })).toMatchObject([{ kind: "group-missing" }]);
  expect(driftOfGroup(group, { exists: true, latest })).toMatchObject([{ kind: "group-deployment", targetArn: "g" }]);
});

describe("what is written down", () => {
  const found = (id: string, detail = "d"): Found => ({
    id,
    kind: "components",
    subject: { type: "node", id: "nod_1" },
    detail,
  });
  const stored = (id: string): StoredDrift => ({
    ...found(id),
    pk: "ws#drift",
    sk: id,
    type: "drift",
    workspaceId: "ws",
    since: "2026-01-01T00:00:00.000Z",
    intent: "int_1",
  });
  const now = new Date("2026-02-01T00:00:00.000Z");

  test("is what is new and what is otherwise, since when it is drift; what is gone goes", () => {
    expect(reconcile("ws", [stored("a")], [found("a")], now)).toEqual([]);
    const writes = reconcile("ws", [stored("a"), stored("b")], [found("a", "other"), found("c")], now);
    expect(writes).toMatchObject([
      { do: "put", item: { sk: "a", detail: "other", since: "2026-01-01T00:00:00.000Z" } },
      { do: "put", item: { sk: "c", since: now.toISOString() } },
      { do: "delete", key: { sk: "b" } },
    ]);
    expect(writes).toHaveLength(3);
  });

  test("is shown with what can be done, and why not", () => {
    for (const kind of DRIFT_KINDS) {
      const shown = viewDrift({ ...stored("a"), kind, deploymentId: "d", targets: ["grp_1"] });
      for (const remedy of [shown.repair, shown.adopt]) expect(remedy.possible).toBe(remedy.reason === undefined);
      const isForeign = kind === "foreign-deployment" || kind === "cell-stranger";
      expect(shown.repair.possible).toBe(!isForeign);
      expect(shown.adopt.possible).toBe(kind === "cell-deployment" || kind === "group-membership");
    }
    expect(viewDrift(stored("a")).intent).toBe("int_1");
  });
});

describe("an adopted deployment", () => {
  const kept = { a: { version: "^1.0.0", catalogue: 3 }, b: { version: "1.0.0", catalogue: 3 } };
  const ours = { a: { version: "1.2.0" }, b: { version: "1.0.0" }, lib: { version: "1.0.0" } };
  const edit = (theirs: Parameters<typeof adoptedEdit>[2]) => adoptedEdit({ components: kept }, ours, theirs);

  test("says what is otherwise, takes out what is not there, and leaves ranges and dependencies as they are", () => {
    const theirs = {
      a: { version: "1.2.0" },
      lib: { version: "1.0.0" },
      c: { version: "2.0.0", merge: '{"x":1}', reset: ["/y"] },
    };
    expect(edit(theirs)).toMatchObject({
      edit: "patch",
      components: { b: null, c: { version: "2.0.0", merge: { x: 1 }, reset: ["/y"] } },
    });
    expect(Object.keys(edit({ ...ours, a: { version: "2.0.0" } }).components ?? {})).toEqual(["a"]);
  });

  test("is refused where it says nothing else, or what no deployment can say", () => {
    expect(() => edit(ours)).toThrow("says what is wanted already");
    for (const merge of ["[1]", "no JSON"])
      expect(() => edit({ ...ours, c: { version: "1.0.0", merge } })).toThrow("c");
  });
});
