import { hash } from "node:crypto";
import gt from "semver/functions/gt.js";
import { AppError } from "../problems.ts";
import { cellKey, DEFAULT_RUNTIME, isGroupsOwn, type Runtime, targetsOfNode } from "./cell.ts";
import { emptyDeployment, type StoredDeployment, type Target } from "./deployment.ts";
import { type DeploymentEdit, edited, type FirstEdit } from "./edit.ts";
import { type AwsRates, secondsFor, type Work } from "./estimate.ts";
import { type CellFinding, refusalsOf, warningsOf } from "./explain.ts";
import type { CellCount } from "./fleet.ts";
import { byPrecedence, layerOf } from "./layers.ts";
import { type Move, type State, setsOf } from "./plan-sets.ts";
import { type CellSet, cellHash, resolver } from "./resolve.ts";
import { deliverySettings } from "./settings.ts";
import type { Published } from "./versions.ts";

/** A node that changes name, as it is. */
export interface PlanNode {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly runtime: Runtime;
  readonly ownDeployment?: boolean | undefined;
  /** Of its item: the plan depends on it. */
  readonly revision: number;
}

/** A cell as it is. */
export interface PlanCell extends CellCount {
  /** Whether it has a thing group that Greengrass delivers through. */
  readonly delivers: boolean;
}

/**
 * All that a plan looks at. Nodes are counted by cell, as the table keeps them, so that a plan reads cells and not nodes;
 * only those that changes name are told one by one.
 */
export interface Snapshot {
  readonly workspaceId: string;
  readonly catalogue: number;
  readonly deployments: readonly StoredDeployment[];
  /** The workspace's versions and AWS's public ones. */
  readonly published: Published;
  /** Every cell that the changes reach, those without nodes included; others may be left out. */
  readonly cells: readonly PlanCell[];
  readonly nodes: readonly PlanNode[];
}

/** What is proposed. */
export interface Changes {
  /** By target; `null` lifts a node's own deployment. One for a node that has none makes it. */
  readonly deployments?: Readonly<Record<string, DeploymentEdit | null>>;
  /** Groups of a node from now on; `null` takes the node away. */
  readonly nodes?: Readonly<Record<string, { readonly groups: readonly string[] } | null>>;
  /** Groups that do not exist yet. Nodes are proposed for them by {@link newGroupId}. */
  readonly newNodeGroups?: readonly { readonly name: string; readonly deployment?: FirstEdit | undefined }[];
  readonly newNodes?: readonly {
    readonly name: string;
    readonly groups: readonly string[];
    readonly runtime: Runtime;
    /** Its own, that it begins with. */
    readonly deployment?: FirstEdit | undefined;
  }[];
}

/** The id of a proposed group within its plan, by its place among them: none that exists has such a one. */
export const newGroupId = (at: number): string => `grp_new-${at}`;

/** One component between two sets. */
export interface ComponentChange {
  readonly component: string;
  readonly change: "added" | "removed" | "upgraded" | "downgraded" | "reconfigured";
  readonly before?: string;
  readonly after?: string;
}

/** Nodes that go from what one cell has now to what the same or another one will have. */
export interface Transition {
  /** Absent for nodes that are new. */
  readonly from?: string;
  /** Absent for nodes that go. */
  readonly to?: string;
  readonly nodes: number;
  readonly changes: readonly ComponentChange[];
}

/** A finding, and where it holds. */
export interface Finding extends CellFinding {
  readonly cells: readonly string[];
  readonly nodes: number;
}

export interface PlanSummary {
  readonly cells: { readonly changed: number; readonly created: number; readonly vacated: number };
  readonly nodes: {
    readonly affected: number;
    readonly moved: number;
    readonly added: number;
    readonly removed: number;
  };
  /** Components that some nodes lose, and how many nodes do. */
  readonly removals: Readonly<Record<string, number>>;
  readonly work: Work;
  /** How long AWS's rates make that take at least. */
  readonly seconds: number;
}

export interface Plan {
  /** Of everything that it depends on: the same hash again means the same plan. */
  readonly hash: string;
  readonly summary: PlanSummary;
  readonly refusals: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** By the key of the cell, in order: in place first, then moves. */
  readonly transitions: readonly Transition[];
  /** The deployments as they would be. */
  readonly deployments: readonly StoredDeployment[];
}

/** A plan with what its pages are made from. */
export interface Planned {
  readonly plan: Plan;
  readonly before: (key: string) => CellSet | undefined;
  readonly after: (key: string) => CellSet | undefined;
  /** What becomes of a node, one that changes name or any other. */
  readonly transitionOf: (node: PlanNode) => Transition | undefined;
  readonly nameOf: (target: string) => string;
  /** A cell that the changes reach, as it would be. */
  readonly cellOf: (key: string) => CellCount | undefined;
}

const EPOCH = new Date(0);

/** No cell: where nodes that are new come from. */
const NOWHERE = "";

/** All edits of deployments that are there, or are to be. */
export const editsOf = ({ deployments = {}, newNodeGroups = [], newNodes = [] }: Changes): DeploymentEdit[] =>
  [...Object.values(deployments), ...[...newNodeGroups, ...newNodes].map(({ deployment }) => deployment)].filter(
    (edit) => edit !== undefined && edit !== null,
  );

/** The state with the changes made, and the nodes that they move. @throws AppError `not-found` for what is not there */
const changed = (snapshot: Snapshot, changes: Changes): { state: State; moves: Move[] } => {
  const deployments = new Map(snapshot.deployments.map((one) => [one.id, one]));
  const cells = new Map<string, CellCount>(snapshot.cells.map((cell) => [cell.key, cell]));
  const nodes = new Map(snapshot.nodes.map((node) => [node.id, node]));
  const begin = (target: Target, edit: DeploymentEdit | undefined, current?: StoredDeployment): void => {
    const { workspaceId, catalogue } = snapshot;
    const start = current ?? emptyDeployment(workspaceId, target, catalogue, EPOCH);
    deployments.set(target.id, edit === undefined ? start : edited(start, edit, { catalogue, now: EPOCH }));
  };
  const found = (id: string): PlanNode => {
    const node = nodes.get(id);
    if (node === undefined) throw new AppError("not-found", `there is no node or node group ${id}`);
    return node;
  };
  const after = new Map<string, PlanNode | undefined>();
  for (const [id, to] of Object.entries(changes.nodes ?? {})) {
    after.set(id, to === null ? undefined : { ...found(id), groups: to.groups });
    found(id);
    if (to === null) deployments.delete(id);
  }
  for (const [target, edit] of Object.entries(changes.deployments ?? {})) {
    const current = deployments.get(target);
    if (edit === null) {
      const node = after.has(target) ? after.get(target) : found(target);
      if (node !== undefined) after.set(target, { ...node, ownDeployment: false });
      deployments.delete(target);
      continue;
    }
    if (current === undefined) {
      const node = after.get(target) ?? found(target);
      after.set(target, { ...node, ownDeployment: true });
    }
    begin(current?.target ?? { type: "node", id: target, name: found(target).name }, edit, current);
  }
  for (const [at, { name, deployment }] of (changes.newNodeGroups ?? []).entries()) {
    const id = newGroupId(at);
    begin({ type: "node-group", id, name }, deployment);
    const key = cellKey([id], DEFAULT_RUNTIME);
    cells.set(key, { key, targets: [id], runtime: DEFAULT_RUNTIME, nodes: 0 });
  }
  const count = (node: Pick<PlanNode, "id" | "groups" | "runtime" | "ownDeployment">, by: number): string => {
    const targets = targetsOfNode(node);
    const key = cellKey(targets, node.runtime);
    const cell = cells.get(key) ?? { key, targets, runtime: node.runtime, nodes: 0 };
    cells.set(key, { ...cell, nodes: cell.nodes + by });
    return key;
  };
  const moves: Move[] = [];
  for (const [id, node] of after) {
    const from = count(found(id), -1);
    if (node === undefined) moves.push({ from });
    else moves.push({ from, to: count(node, 1) });
  }
  for (const [at, { deployment, ...node }] of (changes.newNodes ?? []).entries()) {
    const id = `new-${at}`;
    if (deployment !== undefined) begin({ type: "node", id, name: node.name }, deployment);
    moves.push({ to: count({ id, ...node, ownDeployment: deployment !== undefined }, 1) });
  }
  return { state: { deployments, cells }, moves: moves.filter(({ from, to }) => from !== to) };
};

const differences = (before: CellSet | undefined, after: CellSet | undefined): ComponentChange[] => {
  const none: CellSet["components"] = new Map();
  const [old, fresh] = [before?.components ?? none, after?.components ?? none];
  if (old === fresh) return [];
  const names: string[] = [];
  for (const [name, one] of fresh) {
    const other = old.get(name);
    if (one !== other && one.text !== other?.text) names.push(name);
  }
  for (const name of old.keys()) if (!fresh.has(name)) names.push(name);
  return names.sort().flatMap((component): ComponentChange[] => {
    const [one, other] = [old.get(component), fresh.get(component)];
    if (one === undefined) return other ? [{ component, change: "added", after: other.facts.version }] : [];
    if (other === undefined) return [{ component, change: "removed", before: one.facts.version }];
    const versions = { before: one.facts.version, after: other.facts.version };
    if (versions.before === versions.after) return [{ component, change: "reconfigured", ...versions }];
    const up = gt(versions.after, versions.before);
    return [{ component, change: up ? "upgraded" : "downgraded", ...versions }];
  });
};

/** Findings that several cells share, told once. */
class Findings {
  private readonly byText = new Map<string, CellFinding & { cells: string[]; nodes: number }>();

  add(finding: CellFinding, { key, nodes }: CellCount, text = JSON.stringify(finding)): void {
    const known = this.byText.get(text);
    if (known === undefined) this.byText.set(text, { ...finding, cells: [key], nodes });
    else {
      known.cells.push(key);
      known.nodes += nodes;
    }
  }

  list(): Finding[] {
    return [...this.byText.values()].sort((a, b) => (`${a.kind} ${a.detail}` < `${b.kind} ${b.detail}` ? -1 : 1));
  }
}

/**
 * What would come of the changes; nothing is written. A refusal is what the changes bring about: what was wrong with a cell
 * before, and stays as it was, is a warning.
 *
 * @throws AppError `not-found` for a change of what is not there
 */
export const plan = (snapshot: Snapshot, changes: Changes, rates: AwsRates): Planned => {
  const before: State = {
    deployments: new Map(snapshot.deployments.map((one) => [one.id, one])),
    cells: new Map(snapshot.cells.map((cell) => [cell.key, cell])),
  };
  const { state: after, moves } = changed(snapshot, changes);
  const resolving = resolver(snapshot.published);
  const { setBefore, setAfter } = setsOf(before, after, moves, resolving);
  const nameOf = namesIn(before, after, snapshot);

  const edits = new Set(Object.keys(changes.deployments ?? {}));
  const affected = [...after.cells.values()]
    .filter((cell) => before.cells.get(cell.key)?.nodes !== cell.nodes || cell.targets.some((one) => edits.has(one)))
    .sort((a, b) => (a.key < b.key ? -1 : 1));

  const refusals = new Findings();
  const warnings = new Findings();
  const transitions: Transition[] = [];
  const contents: unknown[] = [];
  const hashes = new Map<string, readonly [string | undefined, string]>();
  const leaving = countBy(moves, ({ from }) => from);
  const problemsOf = (set: CellSet | undefined): CellFinding[] =>
    set === undefined ? [] : refusalsOf(set, resolving.index, nameOf);
  const comingFrom = new Map<string, Set<string>>();
  for (const { from = NOWHERE, to } of moves) {
    if (to !== undefined) comingFrom.set(to, (comingFrom.get(to) ?? new Set()).add(from));
  }
  /** What was wrong before where a cell's nodes are: those that come to it bring what was wrong where they were. */
  const foundBefore = (key: string, old: CellSet | undefined): CellFinding[] => {
    const places = [...(comingFrom.get(key) ?? [])].map((place) => setBefore(place));
    const [first = [], ...rest] = (places.length === 0 ? [old] : places).map(problemsOf);
    const others = rest.map((found) => new Set(found.map((one) => JSON.stringify(one))));
    return first.filter((one) => others.every((found) => found.has(JSON.stringify(one))));
  };
  for (const cell of affected) {
    const old = setBefore(cell.key);
    const fresh = setAfter(cell.key, old);
    if (fresh === undefined) continue;
    const hashBefore = old === undefined ? undefined : cellHash(old);
    const changesHere = differences(old, fresh);
    const hashAfter = changesHere.length === 0 && hashBefore !== undefined ? hashBefore : cellHash(fresh);
    contents.push([cell.key, before.cells.get(cell.key)?.nodes ?? 0, cell.nodes, hashBefore ?? null, hashAfter]);
    const isVacated = cell.nodes === 0 && !isGroupsOwn(cell);
    if (!isVacated) hashes.set(cell.key, [hashBefore, hashAfter]);
    if (!isVacated) {
      const known = new Set(foundBefore(cell.key, old).map((one) => JSON.stringify(one)));
      for (const finding of refusalsOf(fresh, resolving.index, nameOf)) {
        const text = JSON.stringify(finding);
        (known.has(text) ? warnings : refusals).add(finding, cell, text);
      }
      for (const finding of warningsOf(fresh, nameOf)) warnings.add(finding, cell);
    }
    const staying = (before.cells.get(cell.key)?.nodes ?? 0) - (leaving.get(cell.key) ?? 0);
    const inPlace = old === undefined || isVacated ? [] : changesHere;
    if (inPlace.length > 0) transitions.push({ from: cell.key, to: cell.key, nodes: staying, changes: inPlace });
  }
  for (const { from, to, nodes } of grouped(moves)) {
    const [old, fresh] = [from && setBefore(from), to && setAfter(to)];
    transitions.push({
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      nodes,
      changes: differences(old || undefined, fresh || undefined),
    });
  }

  const work = workOf(snapshot, after, affected, moves, hashes, rates);
  const byMove = new Map(transitions.map((one) => [`${one.from} ${one.to}`, one]));
  const nodesAfter = nodesOf(snapshot, changes);
  const result: Plan = {
    hash: hash(
      "sha256",
      canonical({
        changes: withoutReasons(changes),
        deployments: involved(affected, before, after).map(({ id, revision }) => [id, revision]),
        nodes: snapshot.nodes.map(({ id, revision }) => [id, revision]).sort(),
        contents,
        refusals: refusals.list(),
      }),
    ),
    summary: {
      cells: {
        changed: transitions.filter(({ from, to }) => from === to).length,
        created: affected.filter(({ key }) => !before.cells.has(key)).length,
        vacated: affected.filter((cell) => cell.nodes === 0 && (before.cells.get(cell.key)?.nodes ?? 0) > 0).length,
      },
      nodes: {
        affected: transitions.reduce((sum, { nodes, changes: list }) => sum + (list.length > 0 ? nodes : 0), 0),
        moved: moves.filter(({ from, to }) => from !== undefined && to !== undefined).length,
        added: moves.filter(({ from }) => from === undefined).length,
        removed: moves.filter(({ to }) => to === undefined).length,
      },
      removals: removalsOf(transitions),
      work,
      seconds: secondsFor(work, rates),
    },
    refusals: refusals.list(),
    warnings: warnings.list(),
    transitions,
    deployments: [...after.deployments.values()].filter((one) => edits.has(one.id)),
  };
  return {
    plan: result,
    before: setBefore,
    after: setAfter,
    nameOf,
    cellOf: (key) => after.cells.get(key),
    transitionOf: (node) => {
      const from = cellKey(targetsOfNode(node), node.runtime);
      const next = nodesAfter.get(node.id) ?? (nodesAfter.has(node.id) ? undefined : node);
      const to = next && cellKey(targetsOfNode(next), next.runtime);
      return byMove.get(`${from} ${to}`);
    },
  };
};

/** @throws AppError `precondition-failed` (412) when the plan that a caller was shown is not what would be done now */
export const requirePlan = ({ plan: { hash: now } }: Planned, shown: string): void => {
  if (now === shown) return;
  throw new AppError("precondition-failed", "what the plan depends on has changed since: look at a new one");
};

/** Nodes named by changes, as they will be; undefined for one that goes. */
const nodesOf = ({ nodes }: Snapshot, changes: Changes): Map<string, PlanNode | undefined> => {
  const after = new Map<string, PlanNode | undefined>();
  for (const node of nodes) {
    const to = changes.nodes?.[node.id];
    if (to === null) {
      after.set(node.id, undefined);
      continue;
    }
    const edit = changes.deployments?.[node.id];
    after.set(node.id, {
      ...node,
      groups: to?.groups ?? node.groups,
      ownDeployment: edit === undefined ? node.ownDeployment : edit !== null,
    });
  }
  return after;
};

const namesIn = (before: State, after: State, { nodes }: Snapshot) => {
  const nodeNames = new Map(nodes.map(({ id, name }) => [id, name]));
  return (target: string): string => {
    const known = after.deployments.get(target)?.target ?? before.deployments.get(target)?.target;
    if (known !== undefined) return `${known.type === "node" ? "node" : "node group"} ${known.name}`;
    return `node ${nodeNames.get(target) ?? target}`;
  };
};

const countBy = (moves: readonly Move[], cellOf: (move: Move) => string | undefined): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const move of moves) {
    const key = cellOf(move);
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
};

const grouped = (moves: readonly Move[]): (Move & { nodes: number })[] => {
  const byPair = new Map<string, Move & { nodes: number }>();
  for (const move of moves) {
    const pair = `${move.from} ${move.to}`;
    const known = byPair.get(pair);
    if (known === undefined) byPair.set(pair, { ...move, nodes: 1 });
    else known.nodes += 1;
  }
  return [...byPair].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, move]) => move);
};

/**
 * The least that AWS is asked for: each cell that delivers already delivers once where its content changes. What is still on
 * its way to devices is not counted, and a cell may deliver through more than one thing group (ADR 16).
 */
const workOf = (
  { cells }: Snapshot,
  after: State,
  affected: readonly CellCount[],
  moves: readonly Move[],
  hashes: ReadonlyMap<string, readonly [before: string | undefined, after: string]>,
  { jobExecutionsPerMinute }: AwsRates,
): Work => {
  const there = new Map(cells.filter(({ delivers }) => delivers).map((cell) => [cell.key, cell]));
  let [thingGroups, deliveries, jobs, rolloutMinutes] = [0, 0, 0, 0];
  const joining = countBy(moves, ({ to }) => to);
  const leaving = countBy(moves, ({ from }) => from);
  for (const { key, targets } of affected) {
    const [old, fresh] = hashes.get(key) ?? [];
    if (fresh === undefined) continue; // nobody is left in it
    const changes = old !== fresh;
    if (!there.has(key)) thingGroups += 1;
    if (!there.has(key) || changes) deliveries += 1;
    const told = changes ? (there.get(key)?.nodes ?? 0) - (leaving.get(key) ?? 0) : 0;
    jobs += told + (joining.get(key) ?? 0);
    const layers = targets.flatMap((target) => after.deployments.get(target) ?? []);
    const { rollout } = deliverySettings(layers.sort((a, b) => byPrecedence(layerOf(a), layerOf(b))));
    rolloutMinutes = Math.max(rolloutMinutes, told / (rollout?.maximumPerMinute ?? jobExecutionsPerMinute));
  }
  return {
    thingGroups,
    deliveries,
    joins: moves.filter(({ to }) => to !== undefined).length,
    leaves: moves.filter(({ from }) => from !== undefined).length,
    jobs,
    rolloutMinutes,
  };
};

const removalsOf = (transitions: readonly Transition[]): Record<string, number> => {
  const lost = new Map<string, number>();
  for (const { to, nodes, changes } of transitions) {
    if (to === undefined) continue; // a node that goes loses nothing: it is gone
    for (const { component, change } of changes) {
      if (change === "removed") lost.set(component, (lost.get(component) ?? 0) + nodes);
    }
  }
  return Object.fromEntries([...lost].sort(([a], [b]) => (a < b ? -1 : 1)));
};

const involved = (cells: readonly CellCount[], before: State, after: State): StoredDeployment[] => {
  const ids = new Set(cells.flatMap(({ targets }) => targets));
  for (const id of after.deployments.keys()) if (after.deployments.get(id) !== before.deployments.get(id)) ids.add(id);
  return [...ids].sort().flatMap((id) => before.deployments.get(id) ?? []);
};

/** Why a change is made is no part of what it does, nor the order of groups; to propose no change of a kind is to leave that out. */
const withoutReasons = ({ deployments = {}, nodes = {}, newNodes = [], newNodeGroups = [] }: Changes): unknown => ({
  nodes: Object.fromEntries(
    Object.entries(nodes).map(([id, to]) => [id, to === null ? null : { groups: [...to.groups].sort() }]),
  ),
  newNodes: newNodes.map(({ groups, deployment, ...node }) => ({
    ...node,
    groups: [...groups].sort(),
    ...(deployment !== undefined && { deployment: withoutReason(deployment) }),
  })),
  newNodeGroups: newNodeGroups.map(({ name, deployment }) => [name, deployment && withoutReason(deployment)]),
  deployments: Object.fromEntries(
    Object.entries(deployments).map(([target, edit]) => [target, edit && withoutReason(edit)]),
  ),
});

const withoutReason = ({ reason: _, ...what }: DeploymentEdit): unknown => what;

/** JSON with the members of every object in the order of their names. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
