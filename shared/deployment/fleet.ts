import { cellKey, type Runtime, targetsOfNode } from "./cell.ts";
import type { Layer } from "./layers.ts";
import { cellHash, isDeliverable, type Resolver } from "./resolve.ts";

/** A node as far as it decides which cell it is in. */
export interface FleetNode {
  readonly id: string;
  readonly groups: readonly string[];
  readonly runtime: Runtime;
  readonly ownDeployment?: boolean | undefined;
}

/** A cell and how many nodes belong in it. */
export interface CellCount {
  readonly key: string;
  /** Sorted. */
  readonly targets: readonly string[];
  readonly runtime: Runtime;
  readonly nodes: number;
}

/** Nodes with the same first targets, by the next one. */
interface Branch {
  readonly next: Map<string, Branch>;
  nodes: number;
  targets: readonly string[];
}

/** The cells of these nodes, by key. Nodes with the same targets and runtime are told apart by nothing else. */
export const cellsOf = (nodes: Iterable<FleetNode>): Map<string, CellCount> => {
  const cells = new Map<string, CellCount>();
  const roots = new Map<Runtime, Branch>();
  const below = (branches: Map<string, Branch>, name: string): Branch => {
    const known = branches.get(name);
    if (known !== undefined) return known;
    const made: Branch = { next: new Map(), nodes: 0, targets: [] };
    branches.set(name, made);
    return made;
  };
  const add = (targets: readonly string[], runtime: Runtime, count: number): void => {
    const key = cellKey(targets, runtime);
    cells.set(key, { key, targets, runtime, nodes: count });
  };
  for (const node of nodes) {
    if (node.ownDeployment === true) {
      add(targetsOfNode(node), node.runtime, 1);
      continue;
    }
    const targets = isSorted(node.groups) ? node.groups : targetsOfNode(node);
    let branch = below(roots as Map<string, Branch>, node.runtime);
    for (const target of targets) branch = below(branch.next, target);
    branch.nodes += 1;
    branch.targets = targets;
  }
  const count = ({ next, nodes: counted, targets }: Branch, runtime: Runtime): void => {
    if (counted > 0) add(targets, runtime, counted);
    for (const branch of next.values()) count(branch, runtime);
  };
  for (const [runtime, branch] of roots) count(branch, runtime);
  return cells;
};

const isSorted = (texts: readonly string[]): boolean => {
  for (let at = 1; at < texts.length; at += 1) if ((texts[at - 1] ?? "") > (texts[at] ?? "")) return false;
  return true;
};

/** The layers of the deployments that there are among a cell's targets. */
export const layersOf = (targets: readonly string[], layers: ReadonlyMap<string, Layer>): Layer[] =>
  targets.flatMap((target) => layers.get(target) ?? []);

/** A cell and the identity of what its nodes must run. The set itself is not kept: the resolver makes it again at once. */
export interface ResolvedCell extends CellCount {
  readonly hash: string;
  /** Whether nothing in it is unresolved or unmet. */
  readonly deliverable: boolean;
  /** Components for which targets of equal precedence disagree. */
  readonly ambiguous: readonly string[];
}

/** What every node of a fleet must run, cell by cell. */
export const resolveFleet = (
  nodes: Iterable<FleetNode>,
  layers: ReadonlyMap<string, Layer>,
  resolver: Resolver,
): Map<string, ResolvedCell> => {
  const resolved = new Map<string, ResolvedCell>();
  for (const cell of cellsOf(nodes).values()) {
    const set = resolver.set(layersOf(cell.targets, layers), cell.runtime);
    resolved.set(cell.key, {
      ...cell,
      hash: cellHash(set),
      deliverable: isDeliverable(set),
      ambiguous: set.ambiguous,
    });
  }
  return resolved;
};
