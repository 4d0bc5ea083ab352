import { seenDevice } from "../../shared/aws/core-devices.ts";
import { latestDeployment } from "../../shared/aws/greengrass.ts";
import { groupsOfThing, thingGroupArn } from "../../shared/aws/iot.ts";
import { getItem, getItems, transact } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import { generationId, type StoredGeneration } from "../../shared/deployment/cell.ts";
import {
  driftOfGeneration,
  driftOfGroup,
  driftOfNode,
  type Found,
  isSettledPlace,
  type Names,
  reconcile,
} from "../../shared/deployment/drift.ts";
import {
  nodeStays,
  type StoredComponents,
  seenComponents,
  seenOf,
  writeComponents,
  writeReport,
} from "../../shared/deployment/truth.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames, cellOfThingGroup } from "../../shared/names.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import { AppError } from "../../shared/problems.ts";
import type { Write } from "../../shared/writes.ts";
import { type Facts, factsOf } from "./facts.ts";
import { driftOf } from "./known.ts";

/**
 * Looks at what AWS has, and writes down what devices say and what was changed behind Slipway's back. A look that meets
 * something in motion tells nothing of it: the next one will.
 */

/** How many calls a look at a node makes at least. */
const CALLS_OF_A_NODE = 6;
const TRIES = 5;

const namesIn = (workspaceId: string): Names => {
  const stage = env("STAGE");
  const ofGroups = awsNames.nodeGroup(stage, workspaceId, "");
  return {
    cellOf: (name) => cellOfThingGroup(stage, workspaceId, name),
    groupOf: (name) => (name.startsWith(`${ofGroups}grp_`) ? name.slice(ofGroups.length) : undefined),
  };
};

/** A transaction takes 100 writes; these hold by themselves. */
const writeAll = async (writes: readonly Write[]): Promise<void> => {
  for (let at = 0; at < writes.length; at += 50) await transact(writes.slice(at, at + 50));
};

const isBusy = (error: unknown) => error instanceof AppError && (error.code === "busy" || error.code === "conflict");

/** Looks at a node: its device, its thing groups, and deployments for its thing alone. */
export const lookAtNode = async (workspaceId: string, nodeId: string): Promise<void> => {
  const node = await getItem<StoredNode>(keys.node(workspaceId, nodeId));
  if (node === undefined) return;
  const [before] = await factsOf(workspaceId, [node]);
  const from = Date.now();
  await takeTurn("SweepReads", CALLS_OF_A_NODE);
  const thingArn = before?.generation?.arn?.replace(/:thinggroup\/.*$/, `:thing/${node.thing}`);
  const [thingGroups, device, ofThing] = await Promise.all([
    groupsOfThing(node.thing),
    seenDevice(node.thing),
    thingArn === undefined ? undefined : latestDeployment(thingArn, true),
  ]);
  for (let tries = 1; ; tries += 1) {
    const now = await getItem<StoredNode>(keys.node(workspaceId, nodeId));
    const [facts] = now === undefined ? [] : await factsOf(workspaceId, [now]);
    if (facts === undefined) return;
    const components = await getItem<StoredComponents>(keys.nodeComponents(nodeId));
    const { report } = facts;
    const merged = device && seenComponents(components?.components ?? {}, device.components, from);
    const writes: Write[] = [
      nodeStays(facts.node),
      writeReport(facts, report, {
        device: device?.device ?? report?.device,
        effective: device === undefined ? [] : seenOf(report?.effective ?? [], device.effective, from),
        lookedAt: from,
      }).write,
    ];
    if (merged !== undefined && JSON.stringify(merged) !== JSON.stringify(components?.components))
      writes.push(writeComponents(facts.node, components, merged));
    if (before !== undefined && hasStayed(before, facts)) {
      const groups = await getItems<StoredNodeGroup>(facts.node.groups.map((id) => keys.nodeGroup(workspaceId, id)));
      const seen = { thingGroups, ofThing, device };
      const { node: one, progress, generation } = facts;
      if (progress !== undefined) {
        const found = driftOfNode(one, progress, generation, groups, seen, namesIn(workspaceId));
        writes.push(...reconcile(workspaceId, await driftOf(workspaceId, nodeId), found, new Date()));
      }
    }
    try {
      await transact(writes);
      return;
    } catch (error) {
      if (error instanceof AppError && error.code === "not-found") return;
      if (!isBusy(error) || tries >= TRIES) throw error;
    }
  }
};

/** Whether a node was, and is, where it belongs, and nothing of it or of what reaches it has changed between the two. */
const hasStayed = (before: Facts, after: Facts): boolean => {
  const lagMs = Number(env("MEMBERSHIP_LAG_SECONDS")) * 1_000;
  return (
    isSettledPlace(before.node, before.progress, lagMs, Date.now()) &&
    isSettledPlace(after.node, after.progress, lagMs, Date.now()) &&
    before.progress.updatedAt === after.progress.updatedAt &&
    before.node.cell === after.node.cell &&
    before.generation?.delivered?.sequence === after.generation?.delivered?.sequence
  );
};

/** What a look at the things of a cell's thing group finds: things of others, and nodes that should not be there, or should. */
export type LookAtMembers = (
  generation: StoredGeneration,
  thingGroup: string,
) => Promise<{ readonly strangers: readonly string[]; readonly misplaced: string[] }>;

/**
 * Looks at a thing group by which Greengrass delivers: that it is there, and what it was last given.
 * @param lookAtMembers looks at the things that are in it too, of which there may be many
 * @returns ids of nodes that are in it otherwise than they should be, as far as their own looks have to tell
 */
export const lookAtGeneration = async (before: StoredGeneration, lookAtMembers?: LookAtMembers): Promise<string[]> => {
  const { workspaceId, key, generation, arn } = before;
  if (arn === undefined || isMoving(before)) return [];
  const name = awsNames.cell(env("STAGE"), workspaceId, key, generation);
  await takeTurn("SweepReads", 2);
  const exists = (await thingGroupArn(name)) !== undefined;
  const latest = exists ? await latestDeployment(arn, false) : undefined;
  const members = exists ? await lookAtMembers?.(before, name) : undefined;
  const after = await getItem<StoredGeneration>(keys.cellGeneration(workspaceId, key, generation));
  if (after === undefined || isMoving(after)) return [];
  if (after.delivered?.sequence !== before.delivered?.sequence || after.arn !== arn) return [];
  const strangers = members?.strangers ?? [];
  const isTold = ({ kind }: Found) => members !== undefined || kind !== "cell-stranger";
  const known = (await driftOf(workspaceId, generationId(before))).filter((one) => isTold(one) || !exists);
  await writeAll(reconcile(workspaceId, known, driftOfGeneration(after, { exists, latest, strangers }), new Date()));
  return members?.misplaced ?? [];
};

const isMoving = ({ pending, leaseUntil, removing, again }: StoredGeneration): boolean =>
  pending !== undefined || removing === true || again === true || leaseUntil > Date.now();

/** Looks at a node group's own thing group. */
export const lookAtGroup = async (group: StoredNodeGroup): Promise<void> => {
  const { workspaceId, id, thingGroup } = group;
  await takeTurn("SweepReads", 3);
  const arn = await thingGroupArn(thingGroup);
  const latest = arn === undefined ? undefined : await latestDeployment(arn, true);
  const now = await getItem<StoredNodeGroup>(keys.nodeGroup(workspaceId, id));
  if (now?.status !== "active" || group.status !== "active") return;
  const found = driftOfGroup(now, { exists: arn !== undefined, latest });
  await writeAll(reconcile(workspaceId, await driftOf(workspaceId, id), found, new Date()));
};
