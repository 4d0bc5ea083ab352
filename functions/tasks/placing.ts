import { generationsOf } from "../../shared/aws/cells.ts";
import { type DeviceReport, reportOfDevice } from "../../shared/aws/core-devices.ts";
import { executionsOfThing, groupsOfThing } from "../../shared/aws/iot.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { addGeneration, type StoredCell, type StoredGeneration } from "../../shared/deployment/cell.ts";
import {
  executionsIn,
  isUnplaced,
  type ListedExecution,
  runsWhatWasDelivered,
  type StoredProgress,
} from "../../shared/deployment/placement.ts";
import { type Execution, generationFor, type NodeObservation, sameCell } from "../../shared/deployment/steps.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { cellOfThingGroup } from "../../shared/names.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { AppError } from "../../shared/problems.ts";

/** What AWS shows of a node's thing and of its device. */
export interface Sighting {
  /** Names of the thing groups that it is in. */
  readonly thingGroups: readonly string[];
  readonly executions: readonly ListedExecution[];
  /** Asked for only where an execution has ended. */
  readonly report: DeviceReport | undefined;
}

const UNSEEN: Sighting = { thingGroups: [], executions: [], report: undefined };

/** Looks at what AWS has of the node; at nothing, where it was never given a cell. */
export const sightingOf = async (node: StoredNode, progress: StoredProgress | undefined): Promise<Sighting> => {
  if (progress === undefined || isUnplaced(progress)) return UNSEEN;
  const [thingGroups, executions] = await Promise.all([groupsOfThing(node.thing), executionsOfThing(node.thing)]);
  const hasEnded = executions.some(({ status }) => status === "SUCCEEDED" || status === "FAILED");
  return { thingGroups, executions, report: hasEnded ? await reportOfDevice(node.thing) : undefined };
};

/** The device's word for a failed deployment: that of a conflict of versions, or else the last. */
const wordFor = (codes: readonly string[]): string | undefined =>
  codes.find((one) => one === "NO_AVAILABLE_COMPONENT_VERSION" || one === "COMPONENT_VERSION_REQUIREMENTS_NOT_MET") ??
  codes.at(-1);

/** The executions of a thing, by the generations that they are of. */
export const executionsSeen = (
  { executions, report }: Sighting,
  generations: readonly StoredGeneration[],
): Execution[] => {
  const errors = new Map(
    [...(report?.errors ?? [])].flatMap(([job, codes]) => {
      const word = wordFor(codes);
      return word === undefined ? [] : [[job, word] as const];
    }),
  );
  return executionsIn(generations, executions, errors);
};

/** What `steps.ts` decides from. */
export const observationOf = (
  node: StoredNode,
  progress: StoredProgress,
  sighting: Sighting,
  generations: readonly StoredGeneration[],
): NodeObservation => {
  const current = generations.find((one) => sameCell(one, progress.cell));
  const delivered = current?.arn === undefined ? undefined : current.delivered;
  const executions = executionsSeen(sighting, generations);
  return {
    memberOf: sighting.thingGroups.flatMap((name) => cellOfThingGroup(env("STAGE"), node.workspaceId, name) ?? []),
    executions,
    delivered,
    delivering: current?.pending !== undefined,
    runsIt: delivered && runsIt(delivered.versions, sighting.report, executions),
  };
};

/** Whether the device runs what was delivered. What it said before its last deployment ended tells nothing against that. */
const runsIt = (
  versions: Readonly<Record<string, string>>,
  report: DeviceReport | undefined,
  executions: readonly Execution[],
): boolean | undefined => {
  if (report === undefined) return undefined;
  if (runsWhatWasDelivered(versions, report.installed)) return true;
  const last = Math.max(0, ...executions.map(({ updatedAt }) => updatedAt));
  return report.at > last ? false : undefined;
};

/**
 * The generation that a node gets in its cell, made where there is none that will do.
 * @throws AppError `busy` when another one is being made at the same time
 */
export const chooseGeneration = async (
  node: StoredNode,
  sighting: Sighting,
  now: Date,
  avoid?: number,
): Promise<StoredGeneration> => {
  const { workspaceId, cell: key } = node;
  const cell = await getItem<StoredCell>(keys.cell(workspaceId, key));
  if (cell === undefined) throw new AppError("busy", `the cell ${key} is being made or removed`);
  const all = await generationsOf(workspaceId, key);
  const live = all.filter(({ removing }) => removing === undefined);
  const numbers = live.map(({ generation, delivered }) => ({ generation, sequence: delivered?.sequence }));
  const { generation } = generationFor(key, numbers, cell.lastGeneration ?? 0, executionsSeen(sighting, live), avoid);
  const found = live.find((one) => one.generation === generation);
  if (found !== undefined) return found;
  const made = addGeneration(cell, now);
  await transact(made.writes);
  return made.generation;
};
