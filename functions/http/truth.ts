import { currentCatalogue, publishedVersions } from "../../shared/aws/catalogue.ts";
import { generationsOfTarget } from "../../shared/aws/cells.ts";
import { allItems, getItem, getItems, listItems } from "../../shared/aws/table.ts";
import { generationId, type StoredCell, type StoredGeneration, targetsOfNode } from "../../shared/deployment/cell.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import { viewDrift } from "../../shared/deployment/drift.ts";
import { cellProgress, runsWhatWasDelivered, type StoredProgress } from "../../shared/deployment/placement.ts";
import {
  isCurrent,
  type NodeFacts,
  type NodeState,
  type StoredComponents,
  type StoredReport,
  toldOf,
} from "../../shared/deployment/truth.ts";
import type { DeploymentStatus, NodeDeploymentStatus, StatusOfNode } from "../../shared/deployment/truth-answer.ts";
import { wishOf } from "../../shared/deployment/wish.ts";
import { keys, partitions } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { type Facts, factsOf, joined } from "../truth/facts.ts";
import { driftOf } from "../truth/known.ts";
import { encodeCursor, placeIn } from "./paging.ts";

const time = (at: number): string => new Date(at).toISOString();

/** What a node is told as in a list of nodes. */
const statusIn = (facts: NodeFacts & { readonly node: { readonly name: string } }): StatusOfNode => {
  const { state, since, error, errors } = toldOf(facts);
  const { id, name } = facts.node;
  return { id, name, state, since: time(since), ...(error !== undefined && { error }), ...(errors && { errors }) };
};

/** What is wanted of a node now: what was delivered, or where that is something else, what its deployments resolve to. */
const wantedOf = async (facts: Facts): Promise<NodeDeploymentStatus["wanted"]> => {
  const { node, generation } = facts;
  const { workspaceId, cell, runtime } = node;
  const delivered = generation?.delivered;
  if (isCurrent(facts) && delivered !== undefined)
    return { cell, hash: delivered.hash, components: delivered.versions };
  const catalogue = await currentCatalogue();
  const deployments = await getItems<StoredDeployment>(
    targetsOfNode(node).map((target) => keys.deployment(workspaceId, target)),
  );
  const names = [...new Set(deployments.flatMap(({ components }) => Object.keys(components)))];
  const wish = wishOf(runtime, deployments, await publishedVersions(workspaceId, names, { asOf: catalogue }));
  return "code" in wish
    ? { cell, problem: { code: wish.code, detail: wish.detail } }
    : { cell, hash: wish.hash, components: wish.versions };
};

const deliveredOf = ({ generation }: Facts): NodeDeploymentStatus["delivered"] | undefined => {
  const { delivered } = generation ?? {};
  if (generation === undefined || delivered === undefined) return undefined;
  const { hash, versions, deploymentId, jobId, sequence, at } = delivered;
  return { cell: generationId(generation), hash, components: versions, deploymentId, jobId, sequence, at: time(at) };
};

const reportedOf = (
  { report, generation }: Facts,
  components: StoredComponents | undefined,
): NodeDeploymentStatus["reported"] => {
  const { device, effective = [], lookedAt = 0 } = report ?? {};
  const one = effective.find(({ deploymentId }) => deploymentId === generation?.delivered?.deploymentId);
  return {
    ...(device !== undefined && {
      device: {
        status: device.status,
        at: time(device.at),
        ...(device.coreVersion !== undefined && { coreVersion: device.coreVersion }),
      },
    }),
    ...(one !== undefined && {
      deployment: {
        deploymentId: one.deploymentId,
        status: one.status,
        at: time(one.at),
        ...(one.reason !== undefined && { reason: one.reason }),
        ...(one.errors !== undefined && { errors: [...one.errors] }),
      },
    }),
    components: Object.entries(components?.components ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { at, codes, ...rest }]) => ({
        name,
        ...rest,
        ...(codes !== undefined && { codes: [...codes] }),
        at: time(at),
      })),
    ...(lookedAt > 0 && { lookedAt: time(lookedAt) }),
  };
};

/** What is wanted of a node, what was delivered to it, what its device says, and whether these agree. */
export const statusOfNode = async (node: StoredNode): Promise<NodeDeploymentStatus> => {
  const [found] = await factsOf(node.workspaceId, [node]);
  const facts = found as Facts; // one for each node
  const [wanted, components, drift] = await Promise.all([
    wantedOf(facts),
    getItem<StoredComponents>(keys.nodeComponents(node.id)),
    driftOf(node.workspaceId, node.id),
  ]);
  const delivered = deliveredOf(facts);
  const reported = reportedOf(facts, components);
  const installed = new Map(reported.components.map(({ name, version }) => [name, version]));
  const { error, placed } = facts.progress ?? {};
  return {
    ...statusIn(facts),
    wanted,
    ...(delivered !== undefined && { delivered }),
    reported,
    agrees: {
      delivered: delivered !== undefined && delivered.hash === wanted.hash,
      reported: delivered !== undefined && runsWhatWasDelivered(delivered.components, installed),
    },
    way: { arrived: placed === true && isCurrent(facts), ...(error !== undefined && { error }) },
    drift: drift.map(viewDrift),
  };
};

/** Up to so many nodes are read one by one; of more, whole partitions are gone through. */
const FEW = 2_000;
const A_BATCH = 100;

const NODE = ["id", "name", "cell", "groups", "connection", "createdAt"] as const;
type Lean = Pick<StoredNode, (typeof NODE)[number]>;

/** All nodes of a node group with what is written down of them, some at a time. */
async function* factsOfGroup({ workspaceId, id }: StoredNodeGroup, isLarge: boolean): AsyncGenerator<NodeFacts[]> {
  if (isLarge) {
    const [nodes, progress, reports] = await Promise.all([
      allItems<Lean>({
        partition: partitions.nodes(workspaceId),
        attributes: NODE,
        holding: { attribute: "groups", oneOf: [id] },
      }),
      allItems<StoredProgress>({
        partition: partitions.nodeProgress(workspaceId),
        attributes: ["nodeId", "cell", "mayBeIn", "placed"],
      }),
      allItems<StoredReport>({
        partition: partitions.nodeReports(workspaceId),
        attributes: ["nodeId", "device", "effective"],
      }),
    ]);
    yield joined(workspaceId, nodes, progress, reports);
    return;
  }
  let after: string | undefined;
  do {
    const page: { items: { nodeId: string }[]; next?: string } = await listItems<{ nodeId: string }>({
      partition: partitions.nodesOfGroup(id),
      after,
      limit: A_BATCH,
    });
    yield factsOf(workspaceId, await nodesOf(workspaceId, page.items));
    after = page.next;
  } while (after !== undefined);
}

const nodesOf = (workspaceId: string, items: readonly { readonly nodeId: string }[]): Promise<StoredNode[]> =>
  getItems<StoredNode>(items.map(({ nodeId }) => keys.node(workspaceId, nodeId)));

/** How far a node group's deployment has come: its nodes by state, and the cells that it reaches. */
export const statusOfGroup = async (group: StoredNodeGroup): Promise<DeploymentStatus> => {
  const { workspaceId, id } = group;
  const holding = { attribute: "targets", oneOf: [id] };
  const [deployment, cells, seen] = await Promise.all([
    getItem<StoredDeployment>(keys.deployment(workspaceId, id)),
    allItems<StoredCell>({ partition: partitions.cells(workspaceId), holding }),
    generationsOfTarget(workspaceId, id),
  ]);
  const generations = await getItems<StoredGeneration>(
    seen.map(({ key, generation }) => keys.cellGeneration(workspaceId, key, generation)),
  );
  const counts: Record<NodeState, number> = { succeeded: 0, "in-progress": 0, failed: 0, unreachable: 0 };
  let nodes = 0;
  const isLarge = cells.reduce((sum, cell) => sum + cell.nodes, 0) > FEW;
  for await (const some of factsOfGroup(group, isLarge)) {
    nodes += some.length;
    for (const facts of some) counts[toldOf(facts).state] += 1;
  }
  return {
    revision: deployment?.revision ?? 0,
    nodes,
    succeeded: counts.succeeded,
    inProgress: counts["in-progress"],
    failed: counts.failed,
    unreachable: counts.unreachable,
    cells: cells
      .map((cell) =>
        cellProgress(
          cell,
          generations.filter(({ key }) => key === cell.key),
        ),
      )
      .filter((cell) => cell.nodes.wanted > 0)
      .map(({ targets, ...cell }) => ({ ...cell, targets: [...targets] })),
  };
};

/** As many nodes as one answer goes through, of which a state may leave none. */
const MOST_LOOKED_AT = 1_000;

/** A page of a node group's nodes with how each is; it may be short, or empty, and still have a cursor to go on with. */
export const statusesOfGroup = async (
  workspace: StoredWorkspace,
  group: StoredNodeGroup,
  query: { readonly limit: number; readonly cursor?: string | undefined; readonly state?: NodeState | undefined },
) => {
  const partition = partitions.nodesOfGroup(group.id);
  const list = `${partition}?status=${query.state ?? ""}`;
  let after = placeIn(list, query);
  const items: StatusOfNode[] = [];
  for (let looked = 0; looked < MOST_LOOKED_AT; looked += A_BATCH) {
    const limit = query.state === undefined ? query.limit : A_BATCH;
    const page: { items: { nodeId: string }[]; next?: string } = await listItems<{ nodeId: string }>({
      partition,
      after,
      limit,
    });
    const facts = await factsOf(workspace.id, await nodesOf(workspace.id, page.items));
    for (const [at, one] of facts.entries()) {
      const status = statusIn(one);
      if (query.state !== undefined && status.state !== query.state) continue;
      items.push(status);
      const isLast = at === facts.length - 1 && page.next === undefined;
      if (items.length === query.limit && !isLast)
        return { body: { items, nextCursor: encodeCursor(list, status.id) } };
    }
    after = page.next;
    if (after === undefined) return { body: { items } };
  }
  return { body: { items, nextCursor: encodeCursor(list, after) } };
};
