import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import type { PlanAnswer } from "../../shared/deployment/plan-answer.ts";
import {
  aMember,
  aPublishedComponent,
  aWorkspace,
  expecting,
  range,
  startTestCloud,
  type TestCloud,
} from "./support/cloud.ts";

const A = "com.example.A";
const B = "com.example.B";

let cloud: TestCloud;
let api: ApiClient;
let ws: { id: string; path: string };
/** Ids by names. */
const ids: Record<string, string> = {};

/**
 * Three groups: `press` and `site`, of which half of the nodes are in both, and `empty`. Each of five rings has a node, so
 * that there are more cells than a page of a plan holds.
 */
beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ws = await aWorkspace(api, "planned");
  for (const name of [A, B]) await aPublishedComponent(api, ws.path, name, "1.0.0");
  const versions = `${ws.path}/components/${A}/versions`;
  const recipe = { run: "true", dependencies: { [B]: "^1.0.0" } };
  await expecting(201, api.call("POST", versions, { body: { version: "2.0.0", recipe } }));
  await api.done("POST", `${versions}/2.0.0/publish`);
  const rings = range(5).map((at) => `ring-${at}`);
  for (const name of ["press", "site", "empty", ...rings]) {
    ids[name] = (await api.done("POST", `${ws.path}/node-groups`, { name })).subject.id;
  }
  const nodes: [string, string[]][] = [
    ["p-0", ["press"]],
    ["p-1", ["press"]],
    ["both", ["press", "site"]],
    ...rings.map((ring, at): [string, string[]] => [`r-${at}`, ["press", ring]]),
  ];
  for (const [name, groups] of nodes)
    ids[name] = (await api.done("POST", `${ws.path}/nodes`, { name, groups })).subject.id;
  const merge = { level: 1, where: { host: "a" } };
  await api.done("PATCH", `${ws.path}/node-groups/press/deployment`, {
    components: { [A]: { version: "1.0.0", merge } },
  });
  await api.done("PATCH", `${ws.path}/node-groups/site/deployment`, {
    components: { [A]: { version: "<3.0.0", merge: { where: { port: 5 } } } },
    priority: 3,
  });
});
afterAll(() => cloud?.remove());

const plan = async (body: object, query = ""): Promise<PlanAnswer> =>
  (await expecting(200, api.call<PlanAnswer>("POST", `${ws.path}/plans${query}`, { body }))).body;

const patch = (components: object, more: object = {}) => ({ deployment: { edit: "patch", components, ...more } });
const upgrade = { nodeGroups: { press: patch({ [A]: { version: "^2.0.0" } }) } };

test("a plan writes nothing, says the same as long as nothing changes, and may be asked for by a viewer", async () => {
  const before = await cloud.items();
  const { hash, ...first } = await plan(upgrade);
  expect(await plan(upgrade)).toEqual({ hash, ...first });
  await aMember(cloud, "vera", ws.id, "viewer");
  const now = await cloud.items();
  const viewer = await cloud.client("vera");
  expect((await viewer.call("POST", `${ws.path}/plans`, { body: upgrade })).body.hash).toBe(hash);
  expect(await cloud.items()).toEqual(now);
  expect(Object.keys(now).filter((key) => !(key in before))).toHaveLength(2); // vera's membership, and nothing else
});

test("a plan tells first how much changes, what is lost, and how long AWS takes for it", async () => {
  const { summary } = await plan({ nodeGroups: { press: { deployment: null } } });
  expect(summary).toMatchObject({
    cells: { changed: 7, created: 0, vacated: 0 },
    nodes: { affected: 8, moved: 0, added: 0, removed: 0 },
    removals: { [A]: 7 },
    refusals: 0,
    transitions: 7,
    work: { deliveries: 7, jobs: 8, thingGroups: 0 },
  });
  expect(summary.seconds).toBeGreaterThanOrEqual(7);
  expect((await plan({})).summary).toMatchObject({ transitions: 0, nodes: { affected: 0 }, seconds: 0 });
});

test("each transition tells before and after, with winner, losers, dependencies and where each value comes from", async () => {
  const { transitions } = await plan(upgrade, "?limit=25");
  const site = ids.site ?? "";
  const press = ids.press ?? "";
  expect(transitions.map(({ from, to }) => from?.key === to?.key)).toEqual(transitions.map(() => true));
  const both = transitions.find(({ to }) => to?.targets.includes(site));
  expect(both).toMatchObject({
    nodes: 1,
    changes: [
      { component: A, change: "upgraded", before: "1.0.0", after: "2.0.0" },
      { component: B, change: "added", after: "1.0.0" },
    ],
    before: [{ component: A, version: "1.0.0" }],
  });
  expect(both?.after[0]).toMatchObject({
    winner: { target: site, name: "node group site", requirement: "<3.0.0", priority: 3 },
    agreeing: [{ target: press, name: "node group press", requirement: "^2.0.0" }],
    losers: [],
    requiredBy: [],
  });
  expect(both?.after[1]).toMatchObject({
    component: B,
    requiredBy: [{ dependent: A, requirement: "^1.0.0", type: "HARD" }],
  });
  expect(both?.before[0]?.configuration).toEqual({
    merge: { level: 1, where: { host: "a", port: 5 } },
    sources: { "/level": press, "/where/host": press, "/where/port": site },
  });
});

test("what forbids the changes is told with all parties and what would help; so is what is worth knowing", async () => {
  const { refusals, warnings } = await plan({
    nodeGroups: {
      press: patch({ [A]: { version: "1.0.0" }, "com.example.None": { version: "^4.0.0" } }),
      site: patch({ [A]: { version: "2.0.0" } }, { priority: 0 }),
    },
    newNodes: [{ name: "lite", groups: ["press"], runtime: "nucleus-lite" }],
  });
  const ambiguous = refusals.find(({ kind }) => kind === "ambiguous");
  expect(ambiguous).toMatchObject({ component: A, nodes: 1, cellCount: 1 });
  expect(ambiguous?.parties.map(({ name }) => name).sort()).toEqual(["node group press", "node group site"]);
  expect(ambiguous?.remedies.length).toBeGreaterThan(1);
  const unresolvable = refusals.filter(({ kind }) => kind === "unresolvable");
  expect(unresolvable).toMatchObject([{ component: "com.example.None", nodes: 9, cellCount: 8 }]);
  expect(warnings).toEqual([]);
  const big = { merge: { text: "x".repeat(6_000) } };
  const large = await plan({
    nodeGroups: { press: patch({ [A]: { version: "1.0.0", ...big } }) },
    newNodes: [{ name: "lite", groups: ["press"], runtime: "nucleus-lite" }],
  });
  expect(large.refusals).toEqual([]);
  expect(large.warnings.map(({ kind, nodes }) => [kind, nodes])).toEqual([
    ["lite-document-size", 1],
    ["lite-value-size", 1],
  ]);
});

describe("what is to be made", () => {
  const asked = {
    newNodeGroups: [
      { name: "trial", deployment: { edit: "patch", components: { [A]: { version: "2.0.0" } }, priority: 9 } },
    ],
    nodes: { both: { groups: ["press", "trial"] } },
    newNodes: [
      {
        name: "first",
        groups: ["trial", "site"],
        deployment: { edit: "replace", components: { [B]: { version: "*" } } },
      },
    ],
  };

  test("is planned with what is there, by name", async () => {
    const { refusals, summary, transitions } = await plan(asked, "?limit=25");
    expect(refusals).toEqual([]);
    expect(summary).toMatchObject({ nodes: { moved: 1, added: 1 }, cells: { created: 3 } });
    expect(
      transitions.map(({ to, changes }) => [to?.names, changes.map(({ change, after }) => [change, after])]),
    ).toEqual(
      expect.arrayContaining([
        [
          expect.arrayContaining(["node group press", "node group trial"]),
          [
            ["upgraded", "2.0.0"],
            ["added", "1.0.0"],
          ],
        ],
        [
          expect.arrayContaining(["node group site", "node group trial", "node first"]),
          [
            ["added", "2.0.0"],
            ["added", "1.0.0"],
          ],
        ],
      ]),
    );
    expect(transitions[0]?.after[0]?.winner?.name).toBe("node group trial");
  });

  test("is refused where it could not be delivered, before anything is made", async () => {
    const [trial] = asked.newNodeGroups;
    const never = { edit: "patch", components: { [A]: { version: "7.0.0" } } };
    const { refusals } = await plan({ newNodeGroups: [{ ...trial, deployment: never }] });
    expect(refusals).toMatchObject([{ kind: "unresolvable", component: A, nodes: 0 }]);
    expect(refusals[0]?.parties.map(({ name }) => name)).toEqual(["node group trial"]);
  });
});

describe("nodes", () => {
  test("that move, come, go and get or lose a deployment of their own are planned together", async () => {
    const { summary, transitions } = await plan(
      {
        nodes: {
          "p-0": { groups: ["site"] },
          "p-1": { deployment: { edit: "replace", components: { [B]: { version: "1.0.0" } } } },
          both: null,
        },
        newNodes: [{ name: "fresh", groups: ["press"] }],
      },
      "?limit=25",
    );
    expect(summary).toMatchObject({
      nodes: { moved: 2, added: 1, removed: 1 },
      work: { joins: 3, leaves: 3 },
      cells: { created: 1, vacated: 1 },
    });
    const changes = transitions.map(({ from, to, changes: list }) => [
      from?.targets.length ?? 0,
      to?.targets.length ?? 0,
      list.map(({ component, change }) => `${component} ${change}`),
    ]);
    expect(changes).toEqual(
      expect.arrayContaining([
        [0, 1, [`${A} added`]],
        [2, 0, [`${A} removed`]],
        [1, 2, [`${B} added`]],
        [1, 1, [`${A} upgraded`, `${B} added`]],
      ]),
    );
  });

  test("are told one by one, page by page, also those of which nothing becomes", async () => {
    type Nodes = {
      hash: string;
      items: { name: string; to?: object; changes: { change: string }[] }[];
      nextCursor?: string;
    };
    const body = { nodeGroups: { site: patch({ [B]: { version: "1.0.0" } }) }, nodes: { "p-1": null } };
    const items: Nodes["items"] = [];
    let cursor = "";
    for (let pages = 0; pages < 9; pages += 1) {
      const query = `?limit=3${cursor}`;
      const page = await expecting(200, api.call<Nodes>("POST", `${ws.path}/plans/nodes${query}`, { body }));
      items.push(...page.body.items);
      if (page.body.nextCursor === undefined) break;
      cursor = `&cursor=${page.body.nextCursor}`;
    }
    const told = items.map(({ name, to, changes }) => [name, to !== undefined, changes.map(({ change }) => change)]);
    expect(told).toEqual([
      ["p-0", false, []],
      ["p-1", false, ["removed"]],
      ["both", true, ["added"]],
      ...range(5).map((at) => [`r-${at}`, false, []]),
    ]);
    const site = await api.call<Nodes>("POST", `${ws.path}/plans/nodes?group=site`, { body });
    expect(site.body.items.map(({ name }) => name)).toEqual(["both"]);
  });
});

test("a large plan comes page by page, and a page of a plan that would be another one by now is refused", async () => {
  const whole = await plan(upgrade, "?limit=25");
  const pages: PlanAnswer[] = [];
  let query = "?limit=4";
  for (;;) {
    const page = await plan(upgrade, query);
    pages.push(page);
    if (page.nextCursor === undefined) break;
    query = `?limit=4&cursor=${encodeURIComponent(page.nextCursor)}`;
  }
  expect(pages.map(({ transitions }) => transitions.length)).toEqual([4, 3]);
  expect(pages.flatMap(({ transitions }) => transitions)).toEqual(whole.transitions);
  expect(new Set(pages.map(({ hash }) => hash))).toEqual(new Set([whole.hash]));
  const second = `?limit=4&cursor=${encodeURIComponent(pages[0]?.nextCursor ?? "")}`;
  await api.done("PATCH", `${ws.path}/node-groups/ring-0/deployment`, { components: { [B]: { version: "1.0.0" } } });
  const stale = await api.call("POST", `${ws.path}/plans${second}`, { body: upgrade });
  expect([stale.status, stale.body.code]).toEqual([412, "precondition-failed"]);
  await api.done("PATCH", `${ws.path}/node-groups/ring-0/deployment`, { components: { [B]: null } });
});

test("a change elsewhere leaves a plan's hash as it is, and an edit that carries it is done", async () => {
  const { hash } = await plan(upgrade);
  await api.done("PATCH", `${ws.path}/node-groups/empty/deployment`, { components: { [B]: { version: "1.0.0" } } });
  await aPublishedComponent(api, ws.path, "com.example.Elsewhere");
  expect((await plan(upgrade)).hash).toBe(hash);
  const edit = { components: { [A]: { version: "^2.0.0" } }, plan: hash };
  await api.done("PATCH", `${ws.path}/node-groups/press/deployment`, edit);
  const again = await api.call("PATCH", `${ws.path}/node-groups/press/deployment`, { body: edit });
  expect([again.status, again.body.code]).toEqual([412, "precondition-failed"]);
});
