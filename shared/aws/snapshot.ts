import { cellKey, isGroupsOwn, type StoredCell, targetsOfNode } from "../deployment/cell.ts";
import type { StoredDeployment } from "../deployment/deployment.ts";
import { type Changes, editsOf, type PlanCell, type PlanNode, type Snapshot } from "../deployment/plan.ts";
import { isId } from "../ids.ts";
import { keys, partitions } from "../keys.ts";
import type { StoredNode } from "../node/node.ts";
import { currentCatalogue, publishedVersions } from "./catalogue.ts";
import { allItems, getItems } from "./table.ts";

const CELL = ["key", "targets", "runtime", "nodes", "lastGeneration"] as const;
type SeenCell = Pick<StoredCell, (typeof CELL)[number]>;

/** DynamoDB takes at most so many operators in one filter; where more targets change, all cells are read. */
const MAX_FILTERS = 100;

/**
 * All that a plan of these changes looks at, and little more: the cells that they reach, the deployments of those cells'
 * targets, and the versions of the components of those. It is read anew each time, consistently item by item, but for versions,
 * which are remembered while the catalogue stays the same; that is read before them.
 */
export const snapshotFor = async (workspaceId: string, changes: Changes): Promise<Snapshot> => {
  const edited = Object.keys(changes.deployments ?? {});
  const [groups, ownOnes] = [edited.filter((id) => isId(id, "node-group")), edited.filter((id) => isId(id, "node"))];
  const named = [...new Set([...ownOnes, ...Object.keys(changes.nodes ?? {})])];
  const [catalogue, nodes, reached] = await Promise.all([
    currentCatalogue(),
    getItems<StoredNode>(named.map((id) => keys.node(workspaceId, id))),
    cellsOfTargets(workspaceId, groups),
  ]);
  const places = nodes.flatMap((node) => placesOf(node, changes)).concat(changes.newNodes?.map(newPlace) ?? []);
  const met = new Set(reached.map(({ key }) => key));
  const keysOfPlaces = [...new Set(places.map(({ targets, runtime }) => cellKey(targets, runtime)))];
  const entered = await getItems<SeenCell>(
    keysOfPlaces.filter((key) => !met.has(key)).map((key) => keys.cell(workspaceId, key)),
  );
  const cells = [...reached, ...entered];
  const targets = [
    ...new Set([...edited, ...cells.flatMap((cell) => cell.targets), ...places.flatMap((p) => p.targets)]),
  ];
  const deployments = await getItems<StoredDeployment>(targets.map((id) => keys.deployment(workspaceId, id)));
  return {
    workspaceId,
    catalogue: catalogue.number,
    deployments,
    published: await publishedVersions(workspaceId, [...componentsOf(deployments, changes)], { asOf: catalogue }),
    cells: cells.map(planCell),
    nodes: nodes.map(planNode),
  };
};

/** A node as plans see it. */
export const planNode = ({ id, name, groups, runtime, ownDeployment, revision }: StoredNode): PlanNode => ({
  id,
  name,
  groups,
  runtime,
  ...(ownDeployment !== undefined && { ownDeployment }),
  revision,
});

/** A cell keeps its highest generation's number for ever; its thing groups go with its last node, but for a group's own. */
const planCell = ({ key, targets, runtime, nodes, lastGeneration }: SeenCell): PlanCell => ({
  key,
  targets,
  runtime,
  nodes,
  delivers: lastGeneration !== undefined && (nodes > 0 || isGroupsOwn({ targets, runtime })),
});

const cellsOfTargets = async (workspaceId: string, targets: readonly string[]): Promise<SeenCell[]> => {
  if (targets.length === 0) return [];
  const found = await allItems<SeenCell>({
    partition: partitions.cells(workspaceId),
    attributes: CELL,
    ...(targets.length <= MAX_FILTERS && { holding: { attribute: "targets", oneOf: targets } }),
  });
  return found.filter((cell) => cell.targets.some((one) => targets.includes(one)));
};

type Place = Pick<SeenCell, "targets" | "runtime">;

/** Where a node is and where it would be. */
const placesOf = (node: StoredNode, { nodes, deployments }: Changes): Place[] => {
  const to = nodes?.[node.id];
  const edit = deployments?.[node.id];
  const after = {
    id: node.id,
    groups: to?.groups ?? node.groups,
    ownDeployment: edit === undefined ? node.ownDeployment : edit !== null,
  };
  return [node, after].map((one) => ({ targets: targetsOfNode(one), runtime: node.runtime }));
};

const newPlace = ({ groups, runtime }: NonNullable<Changes["newNodes"]>[number]): Place => ({
  targets: targetsOfNode({ id: "", groups }),
  runtime,
});

const componentsOf = (deployments: readonly StoredDeployment[], changes: Changes): Set<string> => {
  const names = new Set(deployments.flatMap(({ components }) => Object.keys(components)));
  for (const edit of editsOf(changes)) {
    if (edit.edit === "patch" || edit.edit === "replace") {
      for (const name of Object.keys(edit.components ?? {})) names.add(name);
    }
    if (edit.edit === "rollback") for (const name of Object.keys(edit.to.components)) names.add(name);
  }
  return names;
};
