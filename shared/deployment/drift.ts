import * as z from "zod";
import { keys } from "../keys.ts";
import type { StoredNode } from "../node/node.ts";
import type { StoredNodeGroup } from "../node-group/node-group.ts";
import type { Write } from "../writes.ts";
import { generationId, type StoredGeneration } from "./cell.ts";
import { runsWhatWasDelivered, type StoredProgress } from "./placement.ts";
import { type CellRef, sameCell } from "./steps.ts";
import type { DeviceSeen, EffectiveStatus } from "./truth.ts";

/**
 * Drift: what someone changed in AWS, or on a device, behind Slipway's back. It is told from what Slipway wrote down and what
 * AWS showed; how it is put right is told by its kind.
 */

export const DRIFT_KINDS = [
  /** A device runs something else than its deployment brought it. */
  "components",
  /** A node's thing is in another cell's thing group, or not in its own. */
  "cell-membership",
  /** A node's thing is in a node group's thing group, or out of it, otherwise than the node is. */
  "group-membership",
  /** A deployment for the node's thing alone. */
  "thing-deployment",
  /** A deployment of a thing group that is none of ours reaches the node. */
  "foreign-deployment",
  "cell-missing",
  /** The newest deployment of a cell is not the one that Slipway made, or was cancelled. */
  "cell-deployment",
  /** A thing that is no node of the workspace is in a cell's thing group. */
  "cell-stranger",
  "group-missing",
  /** A deployment of a node group's own thing group, which is to have none. */
  "group-deployment",
] as const;
export type DriftKind = (typeof DRIFT_KINDS)[number];

const Remedy = z.object({
  possible: z.boolean(),
  reason: z.string().optional().meta({ description: "Why not, and what to do instead" }),
});

export const Drift = z
  .object({
    id: z.string(),
    kind: z.enum(DRIFT_KINDS),
    subject: z.object({
      type: z.enum(["node", "cell", "node-group"]),
      id: z.string(),
      name: z.string().optional(),
    }),
    detail: z.string(),
    since: z.iso.datetime().meta({ description: "When it was first found" }),
    repair: Remedy,
    adopt: Remedy,
    intent: z.string().optional().meta({ description: "The intent that was last asked to put it right" }),
  })
  .meta({ id: "Drift", description: "What was changed behind Slipway's back" });
export type Drift = z.infer<typeof Drift>;

/** What was found, as far as it is told from what AWS shows. */
export interface Found {
  /** Begins with the subject's id and a dot: the same drift has the same id. */
  readonly id: string;
  readonly kind: DriftKind;
  readonly subject: Drift["subject"];
  readonly detail: string;
  /** What AWS has otherwise, where its repair or adoption needs that. */
  readonly deploymentId?: string;
  /** Of the thing or thing group that the deployment is for. */
  readonly targetArn?: string;
  readonly groupId?: string;
  readonly change?: "added" | "removed";
  /** The targets of a cell. */
  readonly targets?: readonly string[];
}

export interface StoredDrift extends Found {
  readonly pk: string;
  readonly sk: string;
  readonly type: "drift";
  readonly workspaceId: string;
  readonly since: string;
  readonly intent?: string;
}

const CELLS_ARE_OURS = "which thing group of a cell a node is in follows from its groups: change those instead";

/** Why something of a kind cannot be put right by Slipway; absent where it can. */
const NO_REPAIR: Partial<Record<DriftKind, string>> = {
  "foreign-deployment":
    "Slipway may change no thing group but its own: take the thing out with aws iot remove-thing-from-thing-group",
  "cell-stranger": "Slipway may change no thing but its nodes': take it out with aws iot remove-thing-from-thing-group",
};

/** Why something of a kind cannot become what Slipway wants; absent where it can. */
const NO_ADOPTION: Partial<Record<DriftKind, string>> = {
  components: "what a device is to run is said by deployments: say it in the node's own, or in a group's",
  "cell-membership": CELLS_ARE_OURS,
  "thing-deployment": "give the node a deployment of its own that says the same, then have this put right",
  "foreign-deployment": "make it the deployment of a node group, and take the thing out of the other thing group",
  "cell-missing": "a cell has no thing group but to deliver through: it is wanted as long as nodes are in it",
  "cell-stranger": "a device is delivered to once it is registered as a node",
  "group-missing": "a node group that is wanted no more is deleted as such",
  "group-deployment": "say it in the node group's deployment, then have this put right",
};

/** Why a drift cannot be adopted; undefined where it can be. */
export const whyNotAdopted = ({ kind, targets = [], deploymentId }: Found): string | undefined => {
  if (kind !== "cell-deployment") return NO_ADOPTION[kind];
  if (targets.length !== 1)
    return `what the cell delivers comes from ${targets.length} deployments: which of them is to say it, is not told`;
  return deploymentId === undefined ? "there is no other deployment that could be wanted" : undefined;
};

export const whyNotRepaired = ({ kind }: Found): string | undefined => NO_REPAIR[kind];

const remedy = (reason: string | undefined) => ({
  possible: reason === undefined,
  ...(reason !== undefined && { reason }),
});

export const viewDrift = (stored: StoredDrift): Drift => ({
  id: stored.id,
  kind: stored.kind,
  subject: stored.subject,
  detail: stored.detail,
  since: stored.since,
  repair: remedy(whyNotRepaired(stored)),
  adopt: remedy(whyNotAdopted(stored)),
  ...(stored.intent !== undefined && { intent: stored.intent }),
});

/** How names of thing groups are read, and those of ours are made. */
export interface Names {
  readonly cellOf: (thingGroup: string) => CellRef | undefined;
  readonly groupOf: (thingGroup: string) => string | undefined;
}

/** A deployment as AWS has it for a target. */
export interface SeenDeployment {
  readonly targetArn: string;
  readonly deploymentId: string;
  readonly status: string;
  /** How many components it has: one without any leaves nothing behind. */
  readonly components: number;
}

/** What AWS shows of a node. */
export interface NodeSeen {
  readonly thingGroups: readonly string[];
  /** The newest deployment for its thing alone. */
  readonly ofThing: SeenDeployment | undefined;
  /** Undefined before its device first reported. */
  readonly device: DeviceSeen | undefined;
}

const groupNameIn = (arn = ""): string | undefined => /:thinggroup\/(.+)$/.exec(arn)?.[1];
const DONE: ReadonlySet<EffectiveStatus> = new Set(["SUCCEEDED", "COMPLETED"]);

/**
 * Drift of a node that is where it belongs, as far as Slipway knows: one that is on its way differs from what AWS shows.
 * @param groups the node groups that it is in
 */
export const driftOfNode = (
  node: Pick<StoredNode, "id" | "name" | "groups">,
  progress: Pick<StoredProgress, "cell">,
  generation: StoredGeneration | undefined,
  groups: readonly Pick<StoredNodeGroup, "id" | "name">[],
  seen: NodeSeen,
  names: Names,
): Found[] => {
  const subject = { type: "node" as const, id: node.id, name: node.name };
  const found: Found[] = [];
  const tell = (kind: DriftKind, rest: string, detail: string, more: Partial<Found> = {}) =>
    found.push({ id: `${node.id}.${rest}`, kind, subject, detail, ...more });

  const cells = seen.thingGroups.flatMap((name) => names.cellOf(name) ?? []);
  const own = progress.cell;
  if (!cells.some((one) => sameCell(one, own))) {
    tell("cell-membership", `cell.${generationId(own)}`, "its thing was taken out of its cell's thing group", {
      change: "removed",
    });
  }
  for (const other of cells.filter((one) => !sameCell(one, own))) {
    tell(
      "cell-membership",
      `cell.${generationId(other)}`,
      "its thing was put into the thing group of another cell, whose deployment reaches it too",
      { change: "added" },
    );
  }

  const shown = seen.thingGroups.flatMap((name) => names.groupOf(name) ?? []);
  for (const { id, name } of groups.filter(({ id }) => !shown.includes(id))) {
    tell("group-membership", `group.${id}`, `its thing was taken out of the thing group of ${name}`, {
      groupId: id,
      change: "removed",
    });
  }
  for (const id of shown.filter((one) => !node.groups.includes(one))) {
    tell("group-membership", `group.${id}`, `its thing was put into the thing group of the node group ${id}`, {
      groupId: id,
      change: "added",
    });
  }

  const { ofThing, device } = seen;
  if (ofThing !== undefined && ofThing.components > 0) {
    const { deploymentId, targetArn } = ofThing;
    const detail = `the deployment ${deploymentId} was made for its thing alone`;
    tell("thing-deployment", "thing", detail, { deploymentId, targetArn });
  }
  const foreign = new Set<string>();
  for (const { targetArn, deploymentId } of device?.effective ?? []) {
    const name = groupNameIn(targetArn);
    const isOurs = name === undefined || names.cellOf(name) !== undefined || names.groupOf(name) !== undefined;
    if (isOurs || !seen.thingGroups.includes(name) || foreign.has(name)) continue;
    foreign.add(name);
    tell(
      "foreign-deployment",
      `foreign.${name}`,
      `the deployment ${deploymentId} of the thing group ${name} reaches it`,
    );
  }

  const difference = generation && device && differenceOf(generation, device);
  if (difference !== undefined) tell("components", "components", difference);
  return found;
};

/** Whether a node is where it belongs as far as Slipway knows, and AWS has had the time to show it. */
export const isSettledPlace = (
  node: Pick<StoredNode, "status" | "cell">,
  progress: StoredProgress | undefined,
  lagMs: number,
  now: number,
): progress is StoredProgress =>
  node.status === "active" &&
  progress?.placed === true &&
  progress.gone !== true &&
  progress.cell.key === node.cell &&
  progress.mayBeIn.length === 1 &&
  progress.leaseUntil < now &&
  Math.max(progress.joinedAt ?? 0, Date.parse(progress.updatedAt)) + lagMs < now;

/** How many differences of components are told in one text. */
const TOLD = 5;

/** What a device has otherwise than the deployment brought it that it says went well; nothing before it has said both. */
const differenceOf = (
  { delivered, pending }: StoredGeneration,
  { device, effective, components }: DeviceSeen,
): string | undefined => {
  if (delivered === undefined || pending !== undefined) return undefined;
  const done = effective.find(({ deploymentId }) => deploymentId === delivered.deploymentId);
  if (done === undefined || !DONE.has(done.status) || device.at <= done.at) return undefined;
  const installed = new Map(Object.entries(components).map(([name, { version }]) => [name, version]));
  if (runsWhatWasDelivered(delivered.versions, installed)) return undefined;
  const names = [...new Set([...Object.keys(delivered.versions), ...installed.keys()])].sort();
  const differing = names.flatMap((name) => {
    const [wanted, has] = [delivered.versions[name], installed.get(name)];
    if (wanted === has || (wanted === undefined && name.startsWith("aws.greengrass."))) return [];
    return [`${name} ${has ?? "is missing"}${wanted === undefined ? ", which is not wanted" : `, not ${wanted}`}`];
  });
  const more = differing.length > TOLD ? `; and ${differing.length - TOLD} more` : "";
  return `its device has otherwise than was delivered: ${differing.slice(0, TOLD).join("; ")}${more}`;
};

/** What AWS shows of a cell's generation. */
export interface GenerationSeen {
  readonly exists: boolean;
  readonly latest: SeenDeployment | undefined;
  /** Things in it that are no nodes of the workspace. */
  readonly strangers: readonly string[];
}

const STOPPED: ReadonlySet<string> = new Set(["CANCELED", "INACTIVE"]);

/** Drift of a generation that was delivered to, and to which no delivery is under way. */
export const driftOfGeneration = (generation: StoredGeneration, seen: GenerationSeen): Found[] => {
  const id = generationId(generation);
  const { delivered, targets } = generation;
  const subject = { type: "cell" as const, id };
  if (!seen.exists) {
    return [{ id: `${id}.missing`, kind: "cell-missing", subject, detail: "its thing group was deleted", targets }];
  }
  const strangers = seen.strangers.map(
    (thing): Found => ({
      id: `${id}.thing.${thing}`,
      kind: "cell-stranger",
      subject,
      detail: `the thing ${thing}, which is no node of the workspace, was put into its thing group`,
      targets,
    }),
  );
  const { latest } = seen;
  const isOurs = latest?.deploymentId === delivered?.deploymentId;
  if (delivered === undefined || (isOurs && !STOPPED.has(latest?.status ?? ""))) return strangers;
  const detail =
    latest === undefined
      ? `its deployment ${delivered.deploymentId} was deleted`
      : isOurs
        ? `its deployment ${delivered.deploymentId} was cancelled`
        : `the deployment ${latest.deploymentId} took the place of ${delivered.deploymentId}, which Slipway made`;
  const other = latest !== undefined && !isOurs ? { deploymentId: latest.deploymentId } : {};
  return [{ id: `${id}.deployment`, kind: "cell-deployment", subject, detail, targets, ...other }, ...strangers];
};

/** Drift of a node group's own thing group, which people hang their own things on, and which delivers nothing. */
export const driftOfGroup = (
  { id, name }: Pick<StoredNodeGroup, "id" | "name">,
  seen: { readonly exists: boolean; readonly latest: SeenDeployment | undefined },
): Found[] => {
  const subject = { type: "node-group" as const, id, name };
  if (!seen.exists)
    return [{ id: `${id}.missing`, kind: "group-missing", subject, detail: "its thing group was deleted" }];
  const { latest } = seen;
  if (latest === undefined || latest.components === 0) return [];
  const { deploymentId, targetArn } = latest;
  const detail = `the deployment ${deploymentId} was made for its thing group, and reaches its nodes beside what their cells deliver`;
  return [{ id: `${id}.deployment`, kind: "group-deployment", subject, detail, deploymentId, targetArn }];
};

/** What is written down of a subject's drift once it was looked at: what is new, what is otherwise now, and what is gone. */
export const reconcile = (
  workspaceId: string,
  known: readonly StoredDrift[],
  found: readonly Found[],
  now: Date,
): Write[] => {
  const writes: Write[] = [];
  for (const one of found) {
    const before = known.find(({ id }) => id === one.id);
    const isSame = before?.detail === one.detail && before.deploymentId === one.deploymentId;
    if (isSame) continue;
    const item: StoredDrift = {
      ...keys.drift(workspaceId, one.id),
      type: "drift",
      workspaceId,
      ...one,
      since: before?.since ?? now.toISOString(),
    };
    writes.push({ do: "put", item: { ...item } });
  }
  for (const { id } of known.filter((one) => !found.some((other) => other.id === one.id)))
    writes.push({ do: "delete", key: keys.drift(workspaceId, id) });
  return writes;
};
