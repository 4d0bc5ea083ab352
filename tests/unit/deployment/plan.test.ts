import { describe, expect, test } from "vitest";
import { cellKey, type Runtime, targetsOfNode } from "../../../shared/deployment/cell.ts";
import { emptyDeployment, type KeptComponent, type StoredDeployment } from "../../../shared/deployment/deployment.ts";
import { DEFAULT_RATES } from "../../../shared/deployment/estimate.ts";
import { cellsOf } from "../../../shared/deployment/fleet.ts";
import {
  type Changes,
  newGroupId,
  type PlanNode,
  plan,
  requirePlan,
  type Snapshot,
} from "../../../shared/deployment/plan.ts";
import { nodesOfPlan, pageOfTransitions } from "../../../shared/deployment/plan-pages.ts";
import type { Published, VersionFacts } from "../../../shared/deployment/versions.ts";

const NOW = new Date(0);

const deployment = (
  id: string,
  name: string,
  wishes: Readonly<Record<string, Omit<KeptComponent, "catalogue">>>,
  priority = 0,
): StoredDeployment => ({
  ...emptyDeployment("ws_1", { type: id.startsWith("nod_") ? "node" : "node-group", id, name }, 10, NOW),
  priority,
  components: Object.fromEntries(Object.entries(wishes).map(([key, wish]) => [key, { ...wish, catalogue: 10 }])),
});

const node = (id: string, groups: readonly string[], more: Partial<PlanNode> = {}): PlanNode => ({
  id,
  name: id.replace("nod_", "node-"),
  groups,
  runtime: "nucleus",
  revision: 1,
  ...more,
});

const versions = (list: readonly string[], more: Partial<VersionFacts> = {}): VersionFacts[] =>
  list.map((version, at) => ({ version, catalogueNumber: at + 1, ...more }));

const PUBLISHED: Published = {
  app: [
    { version: "1.0.0", catalogueNumber: 1 },
    { version: "2.0.0", catalogueNumber: 2, dependencies: { lib: { requirement: "^2.0.0", type: "HARD" } } },
    { version: "3.0.0", catalogueNumber: 20 },
  ],
  lib: versions(["1.0.0", "2.0.0"]),
  tool: versions(["1.0.0"], { deprecated: "use app" }),
};
const PRESS = "grp_1";
const SITE = "grp_2";
const NODES = [node("nod_1", [PRESS]), node("nod_2", [PRESS, SITE]), node("nod_3", [PRESS, SITE])];
const keyOf = (one: Parameters<typeof targetsOfNode>[0], runtime: Runtime = "nucleus") =>
  cellKey(targetsOfNode(one), runtime);
const keyOfGroups = (...groups: string[]) => keyOf({ id: "", groups });

const snapshotOf = (
  deployments: readonly StoredDeployment[],
  { nodes = NODES, published = PUBLISHED }: { nodes?: readonly PlanNode[]; published?: Published } = {},
): Snapshot => {
  const cells = cellsOf(nodes);
  for (const { id } of deployments) {
    const key = keyOfGroups(id);
    if (id.startsWith("grp_") && !cells.has(key)) cells.set(key, { key, targets: [id], runtime: "nucleus", nodes: 0 });
  }
  return {
    workspaceId: "ws_1",
    catalogue: 30,
    deployments,
    published,
    cells: [...cells.values()].map((cell) => ({ ...cell, delivers: true })),
    nodes,
  };
};

const planned = (snapshot: Snapshot, changes: Changes) => plan(snapshot, changes, DEFAULT_RATES);

const BASE = [
  deployment(PRESS, "press", { app: { version: "^1.0.0", merge: { level: 1 } } }),
  deployment(SITE, "site", { lib: { version: "1.0.0" } }),
];

describe("a plan", () => {
  test("tells for every cell what changes, and who decided", () => {
    const made = planned(snapshotOf(BASE), {
      deployments: {
        [PRESS]: {
          edit: "patch",
          priority: 2,
          components: { app: { version: "1.0.0", merge: { level: 2 } }, tool: { version: "*" } },
        },
      },
    });
    expect(made.plan.refusals).toEqual([]);
    expect(made.plan.transitions.map(({ from, to, nodes }) => ({ from, to, nodes }))).toEqual(
      [
        { from: keyOfGroups(PRESS), to: keyOfGroups(PRESS), nodes: 1 },
        { from: keyOfGroups(PRESS, SITE), to: keyOfGroups(PRESS, SITE), nodes: 2 },
      ].sort((a, b) => (a.from < b.from ? -1 : 1)),
    );
    for (const { changes } of made.plan.transitions) {
      expect(changes).toEqual([
        { component: "app", change: "reconfigured", before: "1.0.0", after: "1.0.0" },
        { component: "tool", change: "added", after: "1.0.0" },
      ]);
    }
    const { items } = pageOfTransitions(made, 0, 10);
    expect(items[0]?.after).toEqual([
      {
        component: "app",
        version: "1.0.0",
        winner: { target: PRESS, requirement: "1.0.0", priority: 2, catalogue: 30 },
        agreeing: [],
        losers: [],
        requiredBy: [],
        configuration: { merge: { level: 2 }, sources: { "/level": PRESS } },
      },
      expect.objectContaining({ component: "tool", version: "1.0.0" }),
    ]);
    expect(made.plan.summary).toMatchObject({
      cells: { changed: 2, created: 0, vacated: 0 },
      nodes: { affected: 3, moved: 0, added: 0, removed: 0 },
      removals: {},
      work: { thingGroups: 0, deliveries: 2, joins: 0, leaves: 0, jobs: 3 },
      seconds: 3,
    });
    expect(made.plan.warnings.map(({ kind, nodes }) => ({ kind, nodes }))).toEqual([{ kind: "deprecated", nodes: 3 }]);
  });

  test("of a replacement shows what it would remove, and on how many nodes", () => {
    const { summary } = planned(snapshotOf(BASE), {
      deployments: { [PRESS]: { edit: "replace", components: { tool: { version: "*" } }, priority: 0 } },
    }).plan;
    expect(summary.removals).toEqual({ app: 3 });
  });

  test("of groups and nodes that are to be made tells what each node gets, and what AWS is asked for", () => {
    const app = { edit: "patch", priority: 4, components: { app: { version: "1.0.0" } } } as const;
    const own = { edit: "replace", priority: 0, components: { tool: { version: "*" } } } as const;
    const made = planned(snapshotOf(BASE), {
      newNodeGroups: [{ name: "empty" }, { name: "trial", deployment: app }],
      nodes: { nod_1: { groups: [PRESS, newGroupId(1)] } },
      newNodes: [
        { name: "plain", groups: [newGroupId(1)], runtime: "nucleus" },
        { name: "other", groups: [SITE, newGroupId(1)], runtime: "nucleus", deployment: own },
      ],
    });
    expect(made.plan.refusals).toEqual([]);
    expect(made.plan.summary).toMatchObject({
      // Each group has a cell of its own from its first day; `trial`'s is where the first node goes.
      cells: { changed: 0, created: 4, vacated: 1 },
      nodes: { moved: 1, added: 2 },
      work: { thingGroups: 4, deliveries: 4, joins: 3 },
    });
    const added = (version: string, component = "app") => ({ component, change: "added", after: version });
    const contents = made.plan.transitions.map(({ to = "", changes }) => [made.cellOf(to)?.targets.length, changes]);
    expect(contents.sort(([a = 0], [b = 0]) => Number(a) - Number(b))).toEqual([
      [1, [added("1.0.0")]],
      [2, []],
      [3, [added("1.0.0"), added("1.0.0", "lib"), added("1.0.0", "tool")]],
    ]);
    expect(made.nameOf(newGroupId(1))).toBe("node group trial");
    expect(made.nameOf("new-1")).toBe("node other");
  });

  test("of a group that is to be made refuses what could not be delivered to it, though no node is in it", () => {
    const asking = (version: string): Changes => ({
      newNodeGroups: [{ name: "trial", deployment: { edit: "patch", components: { app: { version } } } }],
    });
    const refused = planned(snapshotOf(BASE), asking("9.0.0")).plan;
    expect(refused.refusals).toMatchObject([{ kind: "unresolvable", component: "app", nodes: 0 }]);
    expect(refused.hash).not.toBe(planned(snapshotOf(BASE), asking("8.0.0")).plan.hash);
    expect(planned(snapshotOf(BASE), asking("1.0.0")).plan.refusals).toEqual([]);
  });

  test("moves nodes between cells, makes cells for them, and tells of each node", () => {
    const made = planned(snapshotOf(BASE), {
      nodes: { nod_1: { groups: [SITE] }, nod_3: null },
      newNodes: [{ name: "fresh", groups: [PRESS, SITE], runtime: "nucleus-lite" }],
    });
    const lite = cellKey([PRESS, SITE], "nucleus-lite");
    expect(made.plan.transitions).toContainEqual({
      from: keyOfGroups(PRESS),
      to: keyOfGroups(SITE),
      nodes: 1,
      changes: [
        { component: "app", change: "removed", before: "1.0.0" },
        { component: "lib", change: "added", after: "1.0.0" },
      ],
    });
    expect(made.plan.transitions).toContainEqual(
      expect.objectContaining({ to: lite, nodes: 1, changes: [expect.anything(), expect.anything()] }),
    );
    expect(made.plan.summary).toMatchObject({
      cells: { changed: 0, created: 1, vacated: 1 },
      nodes: { moved: 1, added: 1, removed: 1 },
      removals: { app: 1 },
      work: { thingGroups: 1, joins: 2, leaves: 2 },
    });
    const told = nodesOfPlan(made, NODES);
    expect(told.map(({ transition }) => transition?.to)).toEqual([keyOfGroups(SITE), undefined, undefined]);
    expect(told[1]?.transition).toBeUndefined();
    expect(told[2]?.transition?.from).toBe(keyOfGroups(PRESS, SITE));
  });

  test("puts a deployment on a node that has none, and lifts it again", () => {
    const put = planned(snapshotOf(BASE), {
      deployments: { nod_2: { edit: "patch", components: { app: { version: "2.0.0" }, lib: { version: "2.0.0" } } } },
    });
    const own = keyOf({ id: "nod_2", groups: [PRESS, SITE], ownDeployment: true });
    expect(put.plan.refusals).toEqual([]);
    expect(put.plan.transitions).toEqual([
      {
        from: keyOfGroups(PRESS, SITE),
        to: own,
        nodes: 1,
        changes: [
          { component: "app", change: "upgraded", before: "1.0.0", after: "2.0.0" },
          { component: "lib", change: "upgraded", before: "1.0.0", after: "2.0.0" },
        ],
      },
    ]);
    const after = pageOfTransitions(put, 0, 1).items[0]?.after;
    expect(after?.map(({ winner, losers }) => [winner?.target, losers.map(({ target }) => target)])).toEqual([
      ["nod_2", [PRESS]],
      ["nod_2", [SITE]],
    ]);
    const overridden = [NODES[0], node("nod_2", [PRESS, SITE], { ownDeployment: true }), NODES[2]].flatMap(
      (one) => one ?? [],
    );
    const lifted = planned(snapshotOf([...BASE, ...put.plan.deployments], { nodes: overridden }), {
      deployments: { nod_2: null },
    });
    expect(lifted.plan.transitions).toMatchObject([{ from: own, to: keyOfGroups(PRESS, SITE), nodes: 1 }]);
    expect(lifted.plan.transitions[0]?.changes.map(({ change }) => change)).toEqual(["downgraded", "downgraded"]);
  });

  test("is paged", () => {
    const made = planned(snapshotOf(BASE), { deployments: { [PRESS]: { edit: "patch", components: { app: null } } } });
    const first = pageOfTransitions(made, 0, 1);
    const second = pageOfTransitions(made, first.next ?? 99, 1);
    expect([first.items.length, first.next, second.items.length, second.next]).toEqual([1, 1, 1, undefined]);
    expect([...first.items, ...second.items].map(({ from }) => from)).toEqual(
      made.plan.transitions.map(({ from }) => from),
    );
  });

  test("has the hash that it has, in whichever order groups are named", () => {
    const hashOf = (groups: readonly string[]) =>
      planned(snapshotOf(BASE), {
        nodes: { nod_1: { groups } },
        newNodes: [{ name: "new", groups, runtime: "nucleus" }],
      }).plan.hash;
    expect(hashOf([SITE, PRESS])).toBe(hashOf([PRESS, SITE]));
    expect(hashOf([SITE])).not.toBe(hashOf([PRESS]));
  });

  test("of what is not there is refused", () => {
    expect(() => planned(snapshotOf(BASE), { nodes: { nod_9: { groups: [] } } })).toThrow("nod_9");
    expect(() => planned(snapshotOf(BASE), { deployments: { grp_9: { edit: "refresh" } } })).toThrow("grp_9");
  });

  test("counts a delivery for each cell whose content changes, and one with a thing group for each that has none", () => {
    const workOf = (snapshot: Snapshot, deployments: Changes["deployments"] = {}) =>
      planned(snapshot, { deployments }).plan.summary.work;
    const settled = snapshotOf(BASE);
    expect(workOf(settled, { [SITE]: { edit: "refresh" } })).toMatchObject({ thingGroups: 0, deliveries: 0, jobs: 0 });
    const emptied = { [SITE]: { edit: "delete" } } as const;
    expect(workOf(settled, emptied)).toMatchObject({ thingGroups: 0, deliveries: 2, jobs: 2 });
    const fresh = { ...settled, cells: settled.cells.map((cell) => ({ ...cell, delivers: false })) };
    expect(workOf(fresh, emptied)).toMatchObject({ thingGroups: 2, deliveries: 2, jobs: 0 });
  });
});

describe("a plan refuses", () => {
  test("what no version satisfies, with what there is", () => {
    const [refusal] = planned(snapshotOf(BASE), {
      deployments: { [PRESS]: { edit: "patch", components: { app: { version: "^9.0.0" } } } },
    }).plan.refusals;
    expect(refusal).toMatchObject({
      kind: "unresolvable",
      component: "app",
      parties: [{ target: PRESS, requirement: "^9.0.0" }],
      nodes: 3,
      detail: "no version of app that node group press may see satisfies ^9.0.0",
      remedies: ["ask for another version of app: there are 3.0.0, 2.0.0 and 1.0.0"],
    });
    expect(refusal?.cells.length).toBe(2);
  });

  test("two groups of equal priority that disagree, naming both", () => {
    const { refusals } = planned(snapshotOf(BASE), {
      deployments: { [SITE]: { edit: "patch", components: { app: { version: "3.0.0" } } } },
    }).plan;
    expect(refusals).toMatchObject([
      {
        kind: "ambiguous",
        component: "app",
        parties: [
          { target: PRESS, requirement: "^1.0.0" },
          { target: SITE, requirement: "3.0.0" },
        ],
        nodes: 2,
        detail:
          "node group press (^1.0.0) and node group site (3.0.0) want different versions of app, and have the same priority",
      },
    ]);
    expect(refusals[0]?.remedies[0]).toContain("higher priority");
  });

  test("a dependency that is not met, naming who needs what, who wants what, and what would do", () => {
    const { refusals } = planned(snapshotOf(BASE), {
      deployments: { [PRESS]: { edit: "patch", components: { app: { version: "2.0.0" } } } },
    }).plan;
    expect(refusals).toMatchObject([
      {
        kind: "unmet-dependency",
        component: "lib",
        parties: [{ target: SITE, requirement: "1.0.0" }],
        requiredBy: [{ dependent: "app", requirement: "^2.0.0" }],
        detail: "app 2.0.0 (^2.0.0) needs another lib than 1.0.0, which node group site (1.0.0) wants",
        remedies: ["let node group site take lib 2.0.0", "ask for app 3.0.0 or 1.0.0, with which lib 1.0.0 will do"],
        nodes: 2,
      },
    ]);
  });

  test("what is larger than a device takes", () => {
    const merge = { text: "x".repeat(31 * 1_024) };
    const { refusals } = planned(snapshotOf(BASE), {
      deployments: { [PRESS]: { edit: "patch", components: { app: { version: "1.0.0", merge } } } },
    }).plan;
    expect(refusals.map(({ kind }) => kind)).toEqual(["too-large", "too-large"]);
  });

  describe("what a node comes to", () => {
    const torn = [
      deployment(PRESS, "press", { app: { version: "1.0.0" } }),
      deployment(SITE, "site", { app: { version: "3.0.0" } }),
    ];
    const kinds = (changes: Changes) => {
      const { refusals, warnings } = planned(snapshotOf(torn), changes).plan;
      return [refusals, warnings].map((list) => list.map(({ kind }) => kind));
    };

    test("whether others are there already or not", () => {
      expect(kinds({ nodes: { nod_1: { groups: [PRESS, SITE] } } })).toEqual([["ambiguous"], []]);
      const newNodes = [{ name: "new", groups: [PRESS, SITE], runtime: "nucleus" as const }];
      expect(kinds({ newNodes })).toEqual([["ambiguous"], []]);
      expect(kinds({ newNodes: [{ name: "new", groups: [PRESS], runtime: "nucleus" }] })).toEqual([[], []]);
    });

    test("but for what was wrong where it was", () => {
      const own = { nod_2: { edit: "patch" as const, components: { tool: { version: "*" } } } };
      expect(kinds({ deployments: own })[0]).toEqual([]);
      expect(kinds({ deployments: own })[1]).toContain("ambiguous");
    });
  });

  test("nothing that was wrong before and stays as it was: that is a warning", () => {
    const torn = [BASE[0], deployment(SITE, "site", { app: { version: "3.0.0" } })].flatMap((one) => one ?? []);
    const made = planned(
      snapshotOf(
        torn.map((one) => ({
          ...one,
          components: {
            ...one.components,
            app: { ...one.components.app, version: one.id === PRESS ? "^1.0.0" : "2.0.0", catalogue: 10 },
          },
        })),
      ),
      { deployments: { [PRESS]: { edit: "patch", components: { lib: { version: "2.0.0" } } } } },
    ).plan;
    expect(made.refusals).toEqual([]);
    expect(made.warnings.map(({ kind }) => kind)).toEqual(["ambiguous"]);
  });
});

describe("a plan warns of", () => {
  test("a document that nucleus lite never gets, and a value that it does not store", () => {
    const nodes = [node("nod_1", [PRESS], { runtime: "nucleus-lite" })];
    const merge = {
      big: "x".repeat(1_100),
      other: "y".repeat(1_000),
      more: "z".repeat(1_000),
      last: "w".repeat(1_000),
    };
    const { warnings } = planned(snapshotOf(BASE, { nodes }), {
      deployments: { [PRESS]: { edit: "patch", components: { app: { version: "1.0.0", merge } } } },
    }).plan;
    expect(warnings.map(({ kind, nodes: count }) => ({ kind, count }))).toEqual([
      { kind: "lite-document-size", count: 1 },
      { kind: "lite-value-size", count: 1 },
    ]);
  });
});

describe("a plan's hash", () => {
  const changes: Changes = { deployments: { [PRESS]: { edit: "patch", components: { app: { version: "1.0.0" } } } } };
  const base = snapshotOf(BASE);
  const hashOf = (snapshot: Snapshot, what: Changes = changes) => planned(snapshot, what).plan.hash;

  test("is the same again, whatever the order of what was read, and whatever the reason given", () => {
    const turned: Snapshot = {
      ...base,
      deployments: [...base.deployments].reverse(),
      cells: [...base.cells].reverse(),
      nodes: [...base.nodes].reverse(),
    };
    expect(hashOf(turned)).toBe(hashOf(base));
    const explained: Changes = {
      deployments: { [PRESS]: { edit: "patch", components: { app: { version: "1.0.0" } }, reason: "why not" } },
    };
    expect(hashOf(base, explained)).toBe(hashOf(base));
    expect(() => requirePlan(planned(base, changes), hashOf(base))).not.toThrow();
  });

  test.each<{ note: string; snapshot: Snapshot }>([
    {
      note: "a deployment is edited",
      snapshot: { ...base, deployments: base.deployments.map((one) => ({ ...one, revision: one.revision + 1 })) },
    },
    { note: "a node joins", snapshot: snapshotOf(BASE, { nodes: [...NODES, node("nod_4", [PRESS])] }) },
    {
      note: "a version is published that it takes",
      snapshot: snapshotOf(BASE, {
        published: {
          ...PUBLISHED,
          app: versions(["1.0.0"], { dependencies: { lib: { requirement: "*", type: "SOFT" } } }),
        },
      }),
    },
  ])("differs when $note, and applying the old one is refused", ({ snapshot }) => {
    expect(hashOf(snapshot)).not.toBe(hashOf(base));
    expect(() => requirePlan(planned(snapshot, changes), hashOf(base))).toThrow("look at a new one");
  });

  test("differs for other changes", () => {
    expect(hashOf(base, { deployments: { [PRESS]: { edit: "refresh" } } })).not.toBe(hashOf(base));
  });

  test("does not depend on how far deliveries have come", () => {
    expect(hashOf({ ...base, cells: base.cells.map((cell) => ({ ...cell, delivers: false })) })).toBe(hashOf(base));
  });
});
