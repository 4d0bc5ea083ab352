import type { Moment } from "../ids.ts";
import { type NewIntent, requestIntent } from "../intent/intent.ts";
import { keys } from "../keys.ts";
import type { StoredNode } from "../node/node.ts";
import { AppError } from "../problems.ts";
import type { Accepted } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";
import { cellKey, enterCell, leaveCell, targetsOfNode } from "./cell.ts";
import { keepRevision, type StoredDeployment } from "./deployment.ts";

/** A revision that is to be: what the deployment will say, and what it follows. */
export interface Revision {
  readonly next: StoredDeployment;
  /** Absent where the target has no deployment yet. */
  readonly current: StoredDeployment | undefined;
  /** The node whose own deployment this is; absent for a node group's. */
  readonly node?: StoredNode | undefined;
}

const CHANGED = { code: "conflict", detail: "the deployment was changed at the same time" } as const;

/**
 * Replaces a deployment by its next revision, or makes a node's first. The conditions on the revision, and on the cell
 * where the node changes it, let no concurrent edit be lost: the handler reads again and applies its edit to what it finds.
 *
 * @throws AppError `not-ready` for a node that is being created or deleted
 */
export const reviseDeployment = ({ next, current, node }: Revision, caller: string, moment: Moment): Accepted => {
  const put: Write =
    current === undefined
      ? { do: "create", item: { ...next }, otherwise: CHANGED }
      : { do: "put", item: { ...next }, when: { revision: current.revision }, otherwise: CHANGED };
  const becomesOwn = node !== undefined && current === undefined;
  return {
    intent: applyIntent(next, caller, moment),
    writes: [
      put,
      keepRevision(next, caller),
      ...(becomesOwn ? moveCell(node, true, moment.now) : [targetIsActive(next)]),
    ],
  };
};

/**
 * Takes a node's own deployment away, of which the last revision is kept as all others are: what it named is left to the
 * deployments of the node's groups.
 *
 * @throws AppError `not-ready` for a node that is being created or deleted
 */
export const liftDeployment = (
  { next, current, node }: Revision & { readonly current: StoredDeployment; readonly node: StoredNode },
  caller: string,
  moment: Moment,
): Accepted => ({
  intent: applyIntent(next, caller, moment),
  writes: [
    {
      do: "delete",
      key: keys.deployment(next.workspaceId, next.id),
      when: { revision: current.revision },
      otherwise: CHANGED,
    },
    keepRevision(next, caller),
    ...moveCell(node, false, moment.now),
  ],
});

const applyIntent = ({ workspaceId, id, target }: StoredDeployment, caller: string, moment: Moment) => {
  const subject: NewIntent["subject"] = {
    type: "deployment",
    id,
    name: target.name,
    href: `/v1/workspaces/${workspaceId}/${target.type}s/${id}/deployment`,
  };
  return requestIntent({ kind: "deployment.apply", workspaceId, subject, requestedBy: caller }, moment);
};

const targetIsActive = ({ workspaceId, target: { type, id, name } }: StoredDeployment): Write => ({
  do: "check",
  key: type === "node" ? keys.node(workspaceId, id) : keys.nodeGroup(workspaceId, id),
  when: { status: "active" },
  otherwise: { code: "not-ready", detail: `the ${type === "node" ? "node" : "node group"} ${name} is not active` },
});

/** The node is reached by a deployment of its own from now on, or no more: it is counted in the cell that follows. */
const moveCell = (node: StoredNode, ownDeployment: boolean, now: Date): Write[] => {
  if (node.status !== "active") throw new AppError("not-ready", `the node ${node.name} is not active`);
  const targets = targetsOfNode({ ...node, ownDeployment });
  const cell = cellKey(targets, node.runtime);
  return [
    {
      do: "update",
      key: keys.node(node.workspaceId, node.id),
      set: { cell, updatedAt: now.toISOString(), ...(ownDeployment && { ownDeployment }) },
      add: { revision: 1 },
      ...(!ownDeployment && { remove: ["ownDeployment"] }),
      when: { status: "active", cell: node.cell },
      otherwise: { code: "conflict", detail: `the node ${node.name} was changed at the same time` },
    },
    enterCell(node.workspaceId, targets, node.runtime, now),
    leaveCell(node.workspaceId, node.cell),
  ];
};
