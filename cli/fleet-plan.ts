import type { Schemas } from "../client/index.ts";
import type { Connection } from "./connect.ts";
import { planOf } from "./deploy.ts";
import type { Actual, Step } from "./fleet.ts";

/** A plan takes so many things of a kind, */
const PLANNED_AT_MOST = 1_000;
/** and its request 262,144 bytes: so many are for the things, and the rest for what is around them. */
const PLANNED_BYTES = 240_000;

/** Of more than a plan takes, first one of each that differs: what forbids it forbids all that are alike. */
const planned = <Named extends readonly [name: string, change: object | null]>(all: readonly Named[]): Named[] => {
  const differing = new Set(new Map(all.map((one) => [JSON.stringify(one[1]), one])).values());
  return [...differing, ...all.filter((one) => !differing.has(one))].slice(0, PLANNED_AT_MOST);
};

/** What the steps change for devices, as a plan is asked about it: also of groups and nodes that they are yet to make. */
const proposedBy = (steps: readonly Step[], actual: Actual) => {
  const edits = (what: Step["what"]) =>
    new Map(
      steps.flatMap((step) =>
        step.what === what && "patch" in step ? [[step.name, { edit: "patch", ...step.patch }] as const] : [],
      ),
    );
  const [ofGroups, ofNodes] = [edits("group deployment"), edits("node deployment")];
  const created = steps.filter((step) => step.do === "create");
  const begun = (edit: object | undefined) => (edit === undefined ? {} : { deployment: edit });
  const newNodeGroups = created.flatMap((step) =>
    step.what === "group" ? [[step.name, begun(ofGroups.get(step.name))] as const] : [],
  );
  const newNodes = created.flatMap((step) => {
    if (step.what !== "node" || step.node === undefined) return [];
    const { groups, runtime } = step.node;
    return [[step.name, { groups, runtime, ...begun(ofNodes.get(step.name)) }] as const];
  });
  const moved = new Map(
    steps.flatMap((step) => {
      if (step.what !== "membership") return [];
      const { groups } = actual.nodes[step.name] ?? { groups: [] };
      return [[step.name, { groups: [...groups.filter((one) => !step.remove.includes(one)), ...step.add] }] as const];
    }),
  );
  const deleted = new Map(
    steps.flatMap((step) => (step.what === "node" && step.do === "delete" ? [[step.name, null] as const] : [])),
  );
  const nodes = [...new Set([...ofNodes.keys(), ...moved.keys()])]
    .filter((name) => Object.hasOwn(actual.nodes, name))
    .map((name) => [name, { ...moved.get(name), ...begun(ofNodes.get(name)) }] as const);
  const nodeGroups = [...ofGroups]
    .filter(([name]) => Object.hasOwn(actual.groups, name))
    .map(([name, deployment]) => [name, { deployment }] as const);
  return { nodeGroups, newNodeGroups, nodes: [...nodes, ...deleted], newNodes };
};

/**
 * What the API says of all steps together, before any of them is done.
 * @param all whether all transitions are wanted, or as many as a person reads
 */
export const fleetPlan = async (connection: Connection, steps: readonly Step[], actual: Actual, all: boolean) => {
  const proposed = proposedBy(steps, actual);
  const count = (lists: Readonly<Record<string, readonly unknown[]>>) =>
    Object.values(lists).reduce((sum, list) => sum + list.length, 0);
  if (count(proposed) === 0) return undefined;
  let room = PLANNED_BYTES;
  const fitting = <Named extends readonly [name: string, change: object | null]>(list: readonly Named[]): Named[] =>
    planned(list).filter((one) => {
      room -= Buffer.byteLength(JSON.stringify(one)) + '{"name":}'.length;
      return room >= 0;
    });
  const nodeGroups = fitting(proposed.nodeGroups);
  const newNodeGroups = fitting(proposed.newNodeGroups);
  // A node can be planned in those new groups alone that the plan is told of.
  const untold = new Set(proposed.newNodeGroups.map(([name]) => name));
  for (const [name] of newNodeGroups) untold.delete(name);
  const isTold = ([, change]: readonly [string, { readonly groups?: readonly string[] } | null]) =>
    change?.groups?.some((group) => untold.has(group)) !== true;
  const nodes = fitting(proposed.nodes.filter(isTold));
  const newNodes = fitting(proposed.newNodes.filter(isTold));
  const named = (list: readonly (readonly [string, object])[]) => list.map(([name, change]) => ({ name, ...change }));
  const body = {
    nodeGroups: Object.fromEntries(nodeGroups),
    nodes: Object.fromEntries(nodes),
    newNodeGroups: named(newNodeGroups),
    newNodes: named(newNodes),
  } as Schemas["PlanRequest"];
  const leftOut = count(proposed) - count({ nodeGroups, newNodeGroups, nodes, newNodes });
  return { plan: await planOf(connection, body, all), leftOut };
};
