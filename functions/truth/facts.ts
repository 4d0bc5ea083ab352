import { getItems } from "../../shared/aws/table.ts";
import type { StoredGeneration } from "../../shared/deployment/cell.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import type { StoredProgress } from "../../shared/deployment/placement.ts";
import { type NodeFacts, type StoredReport, whereIs } from "../../shared/deployment/truth.ts";
import { keys } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";

/** What is written down of a node, as the table has it. */
export interface Facts<Node extends NodeFacts["node"] = StoredNode> extends NodeFacts {
  readonly node: Node;
  readonly progress: StoredProgress | undefined;
  readonly report: StoredReport | undefined;
}

/** What is written down of nodes of a workspace, read for all of them together. */
export const factsOf = async (workspaceId: string, nodes: readonly StoredNode[]): Promise<Facts[]> => {
  const ids = nodes.map(({ id }) => id);
  const [progress, reports] = await Promise.all([
    getItems<StoredProgress>(ids.map((id) => keys.nodeProgress(workspaceId, id))),
    getItems<StoredReport>(ids.map((id) => keys.nodeReport(workspaceId, id))),
  ]);
  return joined(workspaceId, nodes, progress, reports);
};

/** As {@link factsOf}, of what was read by other ways, with the generations and deployments that it takes. */
export const joined = async <Node extends NodeFacts["node"]>(
  workspaceId: string,
  nodes: readonly Node[],
  progress: readonly StoredProgress[],
  reports: readonly StoredReport[],
): Promise<Facts<Node>[]> => {
  const places = new Map(progress.map((one) => [one.nodeId, one]));
  const reported = new Map(reports.map((one) => [one.nodeId, one]));
  const refs = new Map(
    progress.map((one) => {
      const { key, generation } = whereIs(one);
      return [`${key} ${generation}`, keys.cellGeneration(workspaceId, key, generation)] as const;
    }),
  );
  const found = await getItems<StoredGeneration>([...refs.values()]);
  const generations = new Map(found.map((one) => [`${one.key} ${one.generation}`, one]));
  const targets = [...new Set(found.flatMap((one) => one.targets))];
  const deployments = new Map(
    (await getItems<StoredDeployment>(targets.map((target) => keys.deployment(workspaceId, target)))).map((one) => [
      one.id,
      one,
    ]),
  );
  return nodes.map((node) => {
    const place = places.get(node.id);
    const ref = place && whereIs(place);
    const generation = ref && generations.get(`${ref.key} ${ref.generation}`);
    return {
      node,
      progress: place,
      generation,
      deployments: (generation?.targets ?? []).flatMap((target) => deployments.get(target) ?? []),
      report: reported.get(node.id),
    };
  });
};
