import * as z from "zod";
import { cellKey, enterCell, type Runtime, targetsOfNode } from "../deployment/cell.ts";
import { PlanHash } from "../deployment/edit.ts";
import type { Moment } from "../ids.ts";
import { Intent, requestIntent } from "../intent/intent.ts";
import { keys } from "../keys.ts";
import { ResourceName } from "../names.ts";
import type { StoredNodeGroup } from "../node-group/node-group.ts";
import { firstToken, type NewToken, RegistrationToken, TokenLife, withoutToken } from "../registration/registration.ts";
import { born, Description, ResourceStatus, type Stored, Timestamps } from "../resource.ts";
import { type Accepted, type StoredWorkspace, workspaceIsActive } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";
import { nodeSubject } from "./intents.ts";

/** A thing can be in 10 static groups (AWS IoT's limit); one of them is the cell. */
export const MAX_GROUPS_OF_NODE = 9;

/** A thing with a type has 50 attributes; one says which node it is. https://docs.aws.amazon.com/general/latest/gr/iot-core.html */
const MAX_ATTRIBUTES = 49;

/**
 * Attributes of a node's thing. Names and values are of those characters that AWS IoT takes; an empty value would remove
 * the attribute. https://docs.aws.amazon.com/iot/latest/apireference/API_AttributePayload.html
 */
export const NodeAttributes = z
  .record(
    z
      .string()
      .regex(/^[a-zA-Z0-9_.,@/:#-]{1,128}$/, "1 to 128 of letters, digits and _.,@/:#-")
      .refine((name) => !/^slipway/i.test(name), "names that begin with slipway are the product's own")
      .refine((name) => name !== "__proto__", "must not be __proto__"),
    z.string().regex(/^[a-zA-Z0-9_.,@/:#=[\]-]{1,800}$/, "1 to 800 of letters, digits and _.,@/:#=[]-"),
  )
  .refine((attributes) => Object.keys(attributes).length <= MAX_ATTRIBUTES, `at most ${MAX_ATTRIBUTES} attributes`)
  .meta({ description: "Attributes of its AWS IoT thing, by which fleets are indexed and searched" });

export const RuntimeSchema = z
  .enum(["nucleus", "nucleus-lite"])
  .meta({ description: "The Greengrass runtime on the device" });

/** What clients say of a node that is to be, one by one or in an import. */
export const NodeWish = z.strictObject({
  name: ResourceName,
  description: Description.optional(),
  groups: z
    .array(z.string().min(1).max(64))
    .max(MAX_GROUPS_OF_NODE)
    .refine((groups) => new Set(groups).size === groups.length, "must not repeat a group")
    .default([])
    .meta({ description: "Names or ids of its node groups" }),
  runtime: RuntimeSchema.default("nucleus"),
  attributes: NodeAttributes.optional(),
});
export type NodeWish = z.infer<typeof NodeWish>;

export const CreateNode = NodeWish.extend({
  tokenExpiresInSeconds: TokenLife,
  plan: PlanHash.optional().meta({
    description: "Hash of the plan of just this node, as `newNodes` names it: refused where that would differ now",
  }),
}).meta({ id: "CreateNode" });
export type CreateNode = z.infer<typeof CreateNode>;

export const Node = z
  .object({
    id: z.string(),
    name: ResourceName,
    description: Description.optional(),
    status: ResourceStatus,
    groups: z.array(z.string()).meta({ description: "Ids of its node groups" }),
    runtime: RuntimeSchema,
    attributes: NodeAttributes.optional(),
    thing: z.string().meta({ description: "Name of its AWS IoT thing, which is also its Greengrass core device" }),
    tokenExpiresAt: z.iso
      .datetime()
      .optional()
      .meta({ description: "When its registration token ends; absent when it has none that could still be used" }),
    registeredAt: z.iso.datetime().optional().meta({ description: "When its device first connected" }),
    connection: z
      .object({ connected: z.boolean(), since: z.iso.datetime() })
      .optional()
      .meta({ description: "As AWS IoT last told; the ETag does not cover it" }),
    ...Timestamps,
  })
  .meta({ id: "Node" });

export const CreatedNode = Intent.extend({
  registration: RegistrationToken.optional().meta({
    description: "Absent in an answer that is replayed: ask for another token",
  }),
}).meta({ id: "CreatedNode" });

export type StoredNode = z.infer<typeof Node> &
  Stored & {
    readonly type: "node";
    readonly workspaceId: string;
    readonly cell: string;
    /** The import that created it, if one did. */
    readonly importId?: string;
    /** How often another device took the place of the one that was registered. */
    readonly registrations?: number;
    /** Whether it has a deployment of its own, which reaches it beside those of its groups. */
    readonly ownDeployment?: boolean;
    /** The hash of its registration token, while that could still be used. */
    readonly token?: string;
    /** When AWS IoT last told of its connection, in milliseconds. */
    readonly connectionAt?: number;
    /** How often that was noted: what the revision does not count. */
    readonly connectionChanges?: number;
  };

/** Where a node that is to be comes from. */
export interface NewNode {
  readonly thing: (nodeId: string) => string;
  readonly token: NewToken;
  /** The import that creates it. */
  readonly importId?: string;
}

/** A new node in its groups, counted in the cell that follows from them, and its registration token. */
export const newNode = (
  workspaceId: string,
  { groups: _names, ...wish }: Omit<NodeWish, "groups"> & { readonly groups?: unknown },
  groups: readonly Pick<StoredNodeGroup, "id" | "name">[],
  { thing, token: newToken, importId }: NewNode,
  caller: string,
  moment: Moment,
): { readonly node: StoredNode; readonly writes: readonly Write[] } => {
  const id = moment.newId("node");
  const token = firstToken({ id, workspaceId }, newToken, caller, moment.now);
  const targets = targetsOfNode({ id, groups: groups.map((group) => group.id) });
  const runtime: Runtime = wish.runtime;
  const node: StoredNode = {
    ...keys.node(workspaceId, id),
    type: "node",
    id,
    workspaceId,
    ...wish,
    status: "creating",
    groups: targets,
    thing: thing(id),
    cell: cellKey(targets, runtime),
    ...token.node,
    ...(importId !== undefined && { importId }),
    ...born(moment.now),
  };
  return {
    node,
    writes: [
      workspaceIsActive(workspaceId),
      {
        do: "create",
        item: { ...keys.nodeName(workspaceId, wish.name), type: "name", id },
        otherwise: { code: "name-taken", detail: `a node named ${wish.name} exists in this workspace` },
      },
      { do: "create", item: { ...node } },
      token.write,
      ...groups.flatMap((group): Write[] => [
        {
          do: "check",
          key: keys.nodeGroup(workspaceId, group.id),
          when: { status: "active" },
          otherwise: { code: "not-ready", detail: `the node group ${group.name} is not active` },
        },
        {
          do: "create",
          item: { ...keys.nodeOfGroup(group.id, id), type: "node-of-group", nodeId: id, workspaceId },
        },
      ]),
      enterCell(workspaceId, targets, runtime, moment.now),
    ],
  };
};

/** {@link newNode}, with the intent that makes it a thing. */
export const createNode = (
  workspace: StoredWorkspace,
  { tokenExpiresInSeconds, plan: _, ...wish }: CreateNode,
  groups: readonly StoredNodeGroup[],
  options: { readonly thing: (nodeId: string) => string; readonly token: string },
  caller: string,
  moment: Moment,
): Accepted => {
  const token: NewToken = { token: options.token, lifeSeconds: tokenExpiresInSeconds };
  const { node, writes } = newNode(workspace.id, wish, groups, { thing: options.thing, token }, caller, moment);
  return {
    intent: requestIntent(
      { kind: "node.create", workspaceId: workspace.id, subject: nodeSubject(node), requestedBy: caller },
      moment,
    ),
    writes,
  };
};

/** The end of a node's creation. */
export const nodeIsThere = (node: Pick<StoredNode, "workspaceId" | "id">, now: Date): Write => ({
  do: "update",
  key: keys.node(node.workspaceId, node.id),
  set: { status: "active", updatedAt: now.toISOString() },
  add: { revision: 1 },
  when: { status: { in: ["creating", "active"] } },
  otherwise: { code: "not-ready", detail: "the node is being deleted" },
});

/** creating → failed: the node can be deleted then. */
export const giveUpNode = (node: Pick<StoredNode, "workspaceId" | "id">, now: Date): Write => ({
  do: "update",
  key: keys.node(node.workspaceId, node.id),
  set: { status: "failed", updatedAt: now.toISOString() },
  add: { revision: 1 },
  when: { status: "creating" },
});

/** failed → creating: its import tries once more. */
export const tryNodeAgain = (node: Pick<StoredNode, "workspaceId" | "id">, now: Date): Write => ({
  do: "update",
  key: keys.node(node.workspaceId, node.id),
  set: { status: "creating", updatedAt: now.toISOString() },
  add: { revision: 1 },
  when: { status: { in: ["creating", "failed"] } },
});

/** What AWS IoT told of the node's connection, unless something later is known. It is no edit, so the ETag stays. */
export const connectionChanged = (node: StoredNode, connected: boolean, at: Date): Write => ({
  do: "update",
  key: keys.node(node.workspaceId, node.id),
  set: { connection: { connected, since: at.toISOString() }, connectionAt: at.getTime() },
  add: { connectionChanges: 1 },
  when: {
    status: { exists: true },
    connectionAt: node.connectionAt === undefined ? { exists: false } : { below: at.getTime() },
  },
});

/** Marks the node; the workflow takes it out of AWS and then forgets it. */
export const deleteNode = (node: StoredNode, caller: string, moment: Moment): Accepted => ({
  intent: requestIntent(
    { kind: "node.delete", workspaceId: node.workspaceId, subject: nodeSubject(node), requestedBy: caller },
    moment,
  ),
  writes: [
    {
      do: "update",
      key: keys.node(node.workspaceId, node.id),
      set: { status: "deleting", updatedAt: moment.now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["active", "failed"] } },
      otherwise: { code: "not-ready", detail: "the node is being created or deleted" },
    },
  ],
});

/**
 * The last writes of a deletion: once AWS has nothing of the node, Slipway forgets it, all at once. It was counted out of
 * its cell when it left that.
 */
export const forgetNode = (node: StoredNode): Write[] => [
  { do: "delete", key: keys.node(node.workspaceId, node.id), when: { status: "deleting" } },
  { do: "delete", key: keys.nodeName(node.workspaceId, node.name) },
  ...node.groups.map((group): Write => ({ do: "delete", key: keys.nodeOfGroup(group, node.id) })),
  ...withoutToken(node),
  { do: "delete", key: keys.nodeProgress(node.workspaceId, node.id) },
  { do: "delete", key: keys.nodeReport(node.workspaceId, node.id) },
  { do: "delete", key: keys.nodeComponents(node.id) },
  { do: "delete", key: keys.deployment(node.workspaceId, node.id) },
];
