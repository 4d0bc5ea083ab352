import * as z from "zod";
import { cellKey, enterCell, leaveCell, targetsOfNode } from "../deployment/cell.ts";
import { PlanHash } from "../deployment/edit.ts";
import type { Moment } from "../ids.ts";
import { keys } from "../keys.ts";
import type { StoredNodeGroup } from "../node-group/node-group.ts";
import { AppError } from "../problems.ts";
import type { Accepted } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";
import { placeNode } from "./intents.ts";
import { MAX_GROUPS_OF_NODE, type StoredNode } from "./node.ts";

const References = z
  .array(z.string().min(1).max(64))
  .max(MAX_GROUPS_OF_NODE)
  .refine((groups) => new Set(groups).size === groups.length, "must not repeat a group");

/** Node groups that a node joins and leaves. Concurrent edits of other groups all survive. */
export const EditMemberships = z
  .strictObject({
    add: References.optional().meta({ description: "Names or ids of node groups to join" }),
    remove: References.optional().meta({ description: "Names or ids of node groups to leave" }),
    plan: PlanHash.optional().meta({
      description: "Hash of the plan of just this change: refused where that would differ now",
    }),
  })
  .refine(({ add = [], remove = [] }) => add.length + remove.length > 0, "must change something")
  .meta({ id: "EditMemberships" });
export type EditMemberships = z.infer<typeof EditMemberships>;

/** Ids of the groups that a node is in once it has joined and left these, sorted. */
export const groupsAfter = (
  node: Pick<StoredNode, "groups">,
  add: readonly Pick<StoredNodeGroup, "id">[],
  remove: readonly Pick<StoredNodeGroup, "id">[],
): string[] => {
  const left = new Set(remove.map(({ id }) => id));
  return [...new Set([...node.groups.filter((id) => !left.has(id)), ...add.map(({ id }) => id)])].sort();
};

/**
 * A node in other groups: it is counted in the cell that follows at once, and the intent takes it there. Where it is in
 * the groups already, the intent looks whether it has got there.
 *
 * @throws AppError `not-ready`, or `too-many-groups`; its writes answer `conflict` when the node was moved at the same time
 */
export const changeMemberships = (
  node: StoredNode,
  add: readonly StoredNodeGroup[],
  remove: readonly StoredNodeGroup[],
  caller: string,
  moment: Moment,
): Accepted => {
  if (node.status !== "active") throw new AppError("not-ready", `the node ${node.name} is ${node.status}`);
  const joins = add.filter(({ id }) => !node.groups.includes(id));
  const leaves = remove.filter(({ id }) => node.groups.includes(id));
  const groups = groupsAfter(node, add, remove);
  if (groups.length > MAX_GROUPS_OF_NODE) {
    throw new AppError("too-many-groups", `the node ${node.name} would be in ${groups.length} node groups`);
  }
  const intent = placeNode(node, caller, moment);
  if (joins.length + leaves.length === 0) return { intent, writes: [] };
  const targets = targetsOfNode({ ...node, groups });
  return {
    intent,
    writes: [
      {
        do: "update",
        key: keys.node(node.workspaceId, node.id),
        set: { groups, cell: cellKey(targets, node.runtime), updatedAt: moment.now.toISOString() },
        add: { revision: 1 },
        when: { status: "active", cell: node.cell },
        otherwise: { code: "conflict", detail: `the node ${node.name} was changed at the same time` },
      },
      ...joins.flatMap(({ id, name }): Write[] => [
        {
          do: "check",
          key: keys.nodeGroup(node.workspaceId, id),
          when: { status: "active" },
          otherwise: { code: "not-ready", detail: `the node group ${name} is not active` },
        },
        {
          do: "put",
          item: {
            ...keys.nodeOfGroup(id, node.id),
            type: "node-of-group",
            nodeId: node.id,
            workspaceId: node.workspaceId,
          },
        },
      ]),
      ...leaves.map(({ id }): Write => ({ do: "delete", key: keys.nodeOfGroup(id, node.id) })),
      enterCell(node.workspaceId, targets, node.runtime, moment.now),
      leaveCell(node.workspaceId, node.cell),
    ],
  };
};
