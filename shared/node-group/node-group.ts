import * as z from "zod";
import { firstCell } from "../deployment/cell.ts";
import { emptyDeployment, keepRevision } from "../deployment/deployment.ts";
import type { Moment } from "../ids.ts";
import { type NewIntent, requestIntent } from "../intent/intent.ts";
import { keys } from "../keys.ts";
import { ResourceName } from "../names.ts";
import { born, Description, ResourceStatus, type Stored, Timestamps } from "../resource.ts";
import { type Accepted, type StoredWorkspace, workspaceIsActive } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";

export const CreateNodeGroup = z
  .strictObject({ name: ResourceName, description: Description.optional() })
  .meta({ id: "CreateNodeGroup" });
export type CreateNodeGroup = z.infer<typeof CreateNodeGroup>;

export const NodeGroup = z
  .object({
    id: z.string(),
    name: ResourceName,
    description: Description.optional(),
    status: ResourceStatus,
    thingGroup: z.string().meta({ description: "Name of its AWS IoT thing group" }),
    ...Timestamps,
  })
  .meta({ id: "NodeGroup" });

export type StoredNodeGroup = z.infer<typeof NodeGroup> &
  Stored & {
    readonly type: "node-group";
    readonly workspaceId: string;
    /** When its thing group was last looked at, in milliseconds. */
    readonly lookedAt?: number;
  };

const subject = (group: StoredNodeGroup): NewIntent["subject"] => ({
  type: "node-group",
  id: group.id,
  name: group.name,
  href: `/v1/workspaces/${group.workspaceId}/node-groups/${group.id}`,
});

/** A new node group with its deployment, empty at first, and the cell of the nodes that are in this group alone. */
export const createNodeGroup = (
  workspace: StoredWorkspace,
  input: CreateNodeGroup,
  thingGroup: (groupId: string) => string,
  catalogue: number,
  caller: string,
  moment: Moment,
): Accepted => {
  const id = moment.newId("node-group");
  const group: StoredNodeGroup = {
    ...keys.nodeGroup(workspace.id, id),
    type: "node-group",
    id,
    workspaceId: workspace.id,
    ...input,
    status: "creating",
    thingGroup: thingGroup(id),
    ...born(moment.now),
  };
  const deployment = emptyDeployment(workspace.id, { type: "node-group", id, name: input.name }, catalogue, moment.now);
  return {
    intent: requestIntent(
      { kind: "node-group.create", workspaceId: workspace.id, subject: subject(group), requestedBy: caller },
      moment,
    ),
    writes: [
      workspaceIsActive(workspace.id),
      {
        do: "create",
        item: { ...keys.nodeGroupName(workspace.id, input.name), type: "name", id },
        otherwise: { code: "name-taken", detail: `a node group named ${input.name} exists in this workspace` },
      },
      { do: "create", item: { ...group } },
      { do: "create", item: { ...deployment } },
      keepRevision(deployment, caller),
      ...firstCell(workspace.id, id, moment.now).map((item): Write => ({ do: "create", item: { ...item } })),
    ],
  };
};

/** Marks the group; only one without nodes may go, which the workflow checks again before it removes anything. */
export const deleteNodeGroup = (group: StoredNodeGroup, caller: string, moment: Moment): Accepted => ({
  intent: requestIntent(
    { kind: "node-group.delete", workspaceId: group.workspaceId, subject: subject(group), requestedBy: caller },
    moment,
  ),
  writes: [
    {
      do: "update",
      key: keys.nodeGroup(group.workspaceId, group.id),
      set: { status: "deleting", updatedAt: moment.now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["active", "failed"] } },
      otherwise: { code: "not-ready", detail: "the node group is being created or deleted" },
    },
  ],
});
