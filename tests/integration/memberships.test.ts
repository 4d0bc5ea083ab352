import { GetDeploymentCommand, ListDeploymentsCommand } from "@aws-sdk/client-greengrassv2";
import { ListThingGroupsCommand, ListThingGroupsForThingCommand } from "@aws-sdk/client-iot";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { type StoredCell, type StoredGeneration, targetsOfNode } from "../../shared/deployment/cell.ts";
import { cellProgress, type StoredProgress } from "../../shared/deployment/placement.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { aPublishedComponent, aWorkspace, range, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";

/** Nodes that change groups, without devices: what Slipway and AWS then have, whatever went wrong on the way. */

import { isLong } from "./support/long.ts";

let cloud: TestCloud;
let api: ApiClient;
let ws: string;
let control: ReturnType<typeof controlOf>;

beforeAll(async () => {
  cloud = await startTestCloud();
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  ({ path: ws } = await aWorkspace(api, "moving"));
  for (const name of ["A", "B"]) await aPublishedComponent(api, ws, `com.example.${name}`);
  for (const name of ["a", "b"]) {
    await api.done("POST", `${ws}/node-groups`, { name });
    const components = { [`com.example.${name.toUpperCase()}`]: { version: "1.0.0" } };
    await api.done("PATCH", `${ws}/node-groups/${name}/deployment`, { components });
  }
});
afterEach(() => control.disarm());
afterAll(() => cloud?.remove());

const move = (node: string, change: { add?: string[]; remove?: string[] }) =>
  api.call<IntentBody>("PATCH", `${ws}/nodes/${node}/groups`, { body: change });

/** Asked for again where a fault strikes the request itself. */
const done = async (node: string, change: { add?: string[]; remove?: string[] }): Promise<void> => {
  let asked = await move(node, change);
  for (let tries = 1; (asked.status >= 500 || asked.status === 429) && tries < 6; tries += 1)
    asked = await move(node, change);
  const { status, body } = asked;
  expect([status, body]).toEqual([202, expect.anything()]);
  const intent = await api.ended(body.id);
  expect([intent.status, intent.problem]).toEqual(["succeeded", undefined]);
};

const itemsOf = async <T>(type: string): Promise<T[]> =>
  Object.values(await cloud.items()).filter((item) => item.type === type) as unknown as T[];

const groupNameOf = (arn = "") => arn.split("/").at(-1) ?? "";

/** What reaches a node: the names of its thing groups' deployments, each with its components. */
const reaching = async (thing: string): Promise<string[][]> => {
  const { thingGroups = [] } = await cloud.iot.send(new ListThingGroupsForThingCommand({ thingName: thing }));
  const found: string[][] = [];
  for (const { groupArn } of thingGroups) {
    const { deployments = [] } = await cloud.greengrass.send(new ListDeploymentsCommand({ targetArn: groupArn }));
    for (const { deploymentId } of deployments) {
      const { components = {} } = await cloud.greengrass.send(new GetDeploymentCommand({ deploymentId }));
      found.push(Object.keys(components).sort());
    }
  }
  return found;
};

/** Everything agrees: counts with nodes, thing groups with cells, and each node is reached by its own cell alone. */
const agrees = async (): Promise<void> => {
  const nodes = (await itemsOf<StoredNode>("node")).filter(({ status }) => status === "active");
  const ways = new Map((await itemsOf<StoredProgress>("node-progress")).map((way) => [way.nodeId, way]));
  const cells = new Map((await itemsOf<StoredCell>("cell")).map((cell) => [cell.key, cell]));
  const generations = await itemsOf<StoredGeneration>("cell-generation");
  const names = new Map((await itemsOf<{ id: string; name: string }>("node-group")).map(({ id, name }) => [id, name]));
  for (const cell of cells.values()) {
    const own = nodes.filter((node) => node.cell === cell.key);
    const of = generations.filter(({ key }) => key === cell.key);
    expect(cellProgress(cell, of).nodes).toEqual({ wanted: own.length, delivered: own.length, waiting: 0 });
    expect(cell.placed ?? 0).toBe(own.length);
  }
  for (const { key, generation, nodes: count, lease, pending, removing } of generations) {
    const inIt = nodes.filter(({ id }) => {
      const way = ways.get(id);
      return way?.cell.key === key && way.cell.generation === generation;
    });
    expect([count, lease, pending, removing]).toEqual([inIt.length, undefined, undefined, undefined]);
  }
  for (const node of nodes) {
    expect(cells.get(node.cell)?.targets).toEqual(targetsOfNode(node));
    expect(ways.get(node.id)).toMatchObject({ cell: { key: node.cell }, placed: true });
    expect(ways.get(node.id)?.mayBeIn).toEqual([ways.get(node.id)?.cell]);
    const wanted = node.groups.map((id) => `com.example.${names.get(id)?.toUpperCase()}`).sort();
    expect(await reaching(node.thing)).toEqual([wanted]);
  }
  const { thingGroups = [] } = await cloud.iot.send(new ListThingGroupsCommand({ maxResults: 250 }));
  const there = thingGroups.map(({ groupName }) => groupName).filter((name) => name?.includes("-cell-"));
  expect(there.sort()).toEqual(generations.map(({ arn }) => groupNameOf(arn)).sort());
};

describe("a node that changes groups", () => {
  test("is in the cell that follows, and in it alone; a cell that nobody is in any more goes", async () => {
    await api.done("POST", `${ws}/nodes`, { name: "one", groups: ["a"] });
    await agrees();
    await done("one", { add: ["b"] });
    await agrees();
    await done("one", { remove: ["a", "b"] });
    await agrees();
    await done("one", { add: ["a"] });
    await agrees();
    await api.done("DELETE", `${ws}/nodes/one`);
    await agrees();
    const cells = await itemsOf<StoredCell>("cell");
    expect(cells.every(({ nodes, placed = 0 }) => nodes === 0 && placed === 0)).toBe(true);
    // Those of the groups alone are kept for their first nodes.
    expect((await itemsOf<StoredGeneration>("cell-generation")).map(({ targets }) => targets.length)).toEqual([1, 1]);
  });

  test("with many others at once, leaves every count right", async () => {
    const nodes = range(6).map((at) => `many-${at}`);
    await Promise.all(nodes.map((name) => api.done("POST", `${ws}/nodes`, { name, groups: ["a"] })));
    const changes = nodes.flatMap((name) => [
      done(name, { add: ["b"] }),
      done(name, { remove: ["a"] }),
      done(name, { add: ["b"], remove: ["a"] }),
    ]);
    await Promise.all(changes);
    await agrees();
    for (const { groups } of await itemsOf<StoredNode>("node")) expect(groups).toHaveLength(1);
    await Promise.all(nodes.map((name) => api.done("DELETE", `${ws}/nodes/${name}`)));
    await agrees();
  });

  test("to one that goes is refused, and so is a group that has it", async () => {
    await api.done("POST", `${ws}/nodes`, { name: "held", groups: ["a"] });
    const refused = await api.call<{ code: string }>("DELETE", `${ws}/node-groups/a`);
    expect([refused.status, refused.body.code]).toEqual([409, "node-group-not-empty"]);
    const unknown = await api.call<{ errors: { pointer: string }[] }>("PATCH", `${ws}/nodes/held/groups`, {
      body: { add: ["a", "nowhere"] },
    });
    expect([unknown.status, unknown.body.errors[0]?.pointer]).toEqual([400, "/add/1"]);
    const both = await api.call("PATCH", `${ws}/nodes/held/groups`, { body: { add: ["b"], remove: ["b"] } });
    expect(both.status).toBe(400);
    await api.done("DELETE", `${ws}/nodes/held`);
  });
});

const TASKS = [
  "place-node",
  "create-cell",
  "deliver-cell",
  "delete-cell-deployments",
  "delete-cell",
  "finish-node-move",
].map((task) => `lambda:local-${task}`);
/** The calls of AWS that change something. */
const CALLS = [
  "iot:CreateThingGroup",
  "iot:AddThingToThingGroup",
  "iot:RemoveThingFromThingGroup",
  "iot:DeleteThingGroup",
  "greengrass:CreateDeployment",
  "greengrass:DeleteDeployment",
];
const WRITES = ["dynamodb:TransactWriteItems", "dynamodb:UpdateItem"];

/** Each of them once; a call three times, since the SDK tries that often: its task fails then, and is tried again. */
const STRIKES: readonly {
  readonly what: string;
  readonly operations: readonly string[];
  readonly kind: "lost-answer" | "duplicate" | "throttling";
  readonly times: number;
  readonly long?: true;
}[] = [
  { what: "every task", operations: TASKS, kind: "lost-answer", times: 1 },
  { what: "every task", operations: TASKS, kind: "duplicate", times: 1, long: true },
  { what: "every call", operations: CALLS, kind: "lost-answer", times: 3 },
  { what: "every call", operations: CALLS, kind: "throttling", times: 3, long: true },
  { what: "the table", operations: WRITES, kind: "lost-answer", times: 9, long: true },
  { what: "the table", operations: WRITES, kind: "throttling", times: 9, long: true },
];

test.each(STRIKES.filter(({ long }) => isLong || long === undefined))(
  "a move in which $kind strikes $what ends where it should, with nothing left behind",
  async ({ operations, kind, times }) => {
    await api.done("POST", `${ws}/nodes`, { name: "struck", groups: ["a"] });
    for (const operation of operations) await control.fault({ operation, kind, times });
    await done("struck", { add: ["b"] });
    await done("struck", { remove: ["b"] });
    expect(await control.faults()).toEqual([]); // all have struck
    await agrees();
    await api.done("DELETE", `${ws}/nodes/struck`);
    await agrees();
  },
  120_000,
);
