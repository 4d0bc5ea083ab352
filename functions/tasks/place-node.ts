import { addToThingGroup, removeFromThingGroup } from "../../shared/aws/iot.ts";
import { getItem, getItems, transact } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import { generationId, type StoredGeneration } from "../../shared/deployment/cell.ts";
import {
  isUnplaced,
  leaseProgress,
  type Progress,
  progressed,
  releaseProgress,
  type StoredProgress,
} from "../../shared/deployment/placement.ts";
import {
  type CellRef,
  joined,
  joining,
  left,
  type NodeAction,
  nextForNode,
  renewed,
  type StepLimits,
  sameCell,
  towards,
} from "../../shared/deployment/steps.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import { AppError } from "../../shared/problems.ts";
import { generationsAround, thingGroupOf, vacatedBy } from "./generation.ts";
import { chooseGeneration, executionsSeen, observationOf, type Sighting, sightingOf } from "./placing.ts";
import { task } from "./task.ts";

/** How many generations a node is tried in before a person is asked. */
const RENEWALS = 5;
/** How long a device that is connected is given to take what it was told. */
const DEVICE_MS = 60_000;
/** Steps are taken for this long, well within the task's time and its lease. */
const STEPS_FOR_MS = 15_000;

/** No workflow waits longer than this for a job that comes at its rollout's pace. */
const PACE_MS = 300_000;

const limits = (current: StoredGeneration | undefined): StepLimits => ({
  lagMs: Number(env("MEMBERSHIP_LAG_SECONDS")) * 1_000,
  executionMs: Number(env("JOB_WITHIN_SECONDS")) * 1_000 + paceMs(current),
  renewals: RENEWALS,
});

/** How long a rollout may take to come to one of its nodes: as if all were told anew, and a minute for its first step. */
const paceMs = (current: StoredGeneration | undefined): number => {
  const perMinute = current?.delivered?.perMinute;
  return current === undefined || perMinute === undefined ? 0 : 60_000 * (1 + Math.ceil(current.nodes / perMinute));
};

/** What the workflow does next: `cell` is a generation to be created and delivered to, `cells` are some to be removed. */
interface Answer {
  readonly next: "prepare" | "wait" | "done";
  readonly cell?: string;
  readonly cells: readonly string[];
}

/**
 * Takes a node towards the cell that follows from its deployments, a step at a time, as `steps.ts` says: out of other
 * cells, into its own once those are gone, and into another generation where no job comes of it. The thing groups of its
 * node groups follow. Whatever is to be done is written down before AWS hears of it, so that it may be cut off anywhere.
 */
export const handler = task("place-node", async (input): Promise<Answer> => {
  const { workspaceId, subjectId, intentId, attempt } = input;
  const node = await getItem<StoredNode>(keys.node(workspaceId, subjectId));
  if (node === undefined || node.status === "deleting") return { next: "done", cells: [] };
  const holder = `${intentId}-${attempt}`;
  const way = new Way(node, holder);
  await way.open();
  try {
    // Its own deployment was delivered to the cell that it is in: there is nowhere to go.
    if (input.kind === "deployment.apply" && way.isThere()) return { next: "done", cells: [] };
    return await way.go();
  } finally {
    await way.close();
  }
});

/** One look after another, with what is known of the node's way kept between them. */
class Way {
  private readonly node: StoredNode;
  private readonly holder: string;
  private known: StoredProgress | undefined;

  constructor(node: StoredNode, holder: string) {
    this.node = node;
    this.holder = holder;
  }

  async open(): Promise<void> {
    const { workspaceId, id } = this.node;
    const found = await getItem<StoredProgress>(keys.nodeProgress(workspaceId, id));
    if (found === undefined) return;
    await transact([leaseProgress(found, this.holder, Date.now())]);
    this.known = (await getItem<StoredProgress>(keys.nodeProgress(workspaceId, id))) ?? found;
  }

  async close(): Promise<void> {
    if (this.known === undefined) return;
    await transact([releaseProgress(this.known, this.holder)]).catch((lost: unknown) => {
      // It ran out, and someone else has it.
      if (!(lost instanceof AppError && lost.code === "conflict")) throw lost;
    });
  }

  /** Whether it was seen to be in its cell, in no other, and has left nothing behind. */
  isThere(): boolean {
    const { known, node } = this;
    if (known?.placed !== true || known.gone === true || known.cell.key !== node.cell) return false;
    const isReplaced = known.registrations !== (node.registrations ?? 0);
    return !isReplaced && known.mayBeIn.length === 1 && known.leftBehind.length === 0;
  }

  async go(): Promise<Answer> {
    const deadline = Date.now() + STEPS_FOR_MS;
    while (Date.now() < deadline) {
      const answer = await this.step();
      if (answer !== undefined) return answer;
    }
    return { next: "wait", cells: [] };
  }

  /** One look and what follows from it. @returns nothing when it is to be looked again at once */
  private async step(): Promise<Answer | undefined> {
    const sighting = await sightingOf(this.node, this.known);
    let progress = await this.towardsCell(sighting);
    const generations = await generationsAround(this.node, progress);
    const seen = observationOf(this.node, progress, sighting, generations);
    const isIn = (cells: readonly CellRef[]) => cells.some((one) => sameCell(one, progress.cell));
    if (progress.joinedAt === undefined && isIn(progress.mayBeIn) && isIn(seen.memberOf)) {
      // It was cut off between the call and writing that down.
      progress = await this.write(progress, { ...progress, ...joined(progress, Date.now()) });
    }
    const current = generations.find((one) => sameCell(one, progress.cell));
    const action = nextForNode(progress, seen, limits(current), Date.now());
    if (action.do !== "prepare") await this.followGroups(sighting, progress);
    return this.perform(action, progress, sighting, generations);
  }

  private async perform(
    action: NodeAction,
    progress: StoredProgress,
    sighting: Sighting,
    generations: readonly StoredGeneration[],
  ): Promise<Answer | undefined> {
    switch (action.do) {
      case "prepare":
        return this.prepare(action.cell, generations);
      case "leave":
        for (const cell of action.cells) await this.leave(cell);
        return undefined;
      case "join": {
        const isFirst = progress.leftAt === undefined && progress.renewals === 0;
        const after = await this.join(progress, action.cell);
        // No execution of anything is in the way of a thing that was never in a cell: its first is sure to come.
        return isFirst ? this.done(after) : undefined;
      }
      case "renew": {
        const fresh = await chooseGeneration(this.node, sighting, new Date(), progress.cell.generation);
        await this.write(progress, { ...renewed(progress, fresh), error: action.reason });
        return undefined;
      }
      case "wait":
        return this.waitFor(action, progress);
      case "failed":
        return this.failed(progress, action.error ?? action.status);
      case "settled":
        return this.done(progress);
    }
  }

  private async waitFor(action: NodeAction & { do: "wait" }, progress: StoredProgress): Promise<Answer> {
    const isForLong = (action.until ?? 0) > Date.now() + PACE_MS;
    const byItself = action.for === "device" ? !this.deviceIsAtIt(progress) : action.for === "execution" && isForLong;
    return byItself ? this.done(progress) : { next: "wait", cells: [] };
  }

  /** A device that is connected will soon tell; nobody waits for one that is not. */
  private deviceIsAtIt({ joinedAt, leftAt }: StoredProgress): boolean {
    const moved = leftAt !== undefined && joinedAt !== undefined;
    return moved && this.node.connection?.connected === true && Date.now() < joinedAt + DEVICE_MS;
  }

  /** On its way to the cell that it belongs in, by a generation that will reach it. */
  private async towardsCell(sighting: Sighting): Promise<StoredProgress> {
    const { known, node } = this;
    const registrations = node.registrations ?? 0;
    const isReplaced = known !== undefined && known.registrations !== registrations;
    if (known !== undefined && known.gone !== true && known.cell.key === node.cell && !isReplaced) return known;
    const now = new Date();
    if (known === undefined || known.cell.key !== node.cell) {
      const generation = await chooseGeneration(node, sighting, now);
      return this.write(known, { ...towards(known, generation), registrations, placed: undefined, error: undefined });
    }
    // Another device takes the node's place: what its predecessor has run, it has not.
    const own = executionsSeen(sighting, await generationsAround(node, known)).find((one) =>
      sameCell(one.cell, known.cell),
    );
    const willComeAnyway = own === undefined || own.status === "QUEUED" || own.status === "REMOVED";
    if (willComeAnyway) return this.write(known, { ...known, registrations });
    const fresh = await chooseGeneration(node, sighting, now, known.cell.generation);
    const { joinedAt: _, placed: _placed, error: _error, ...kept } = known;
    return this.write(known, { ...kept, cell: refOf(fresh), renewals: 0, registrations });
  }

  private prepare(cell: CellRef, generations: readonly StoredGeneration[]): Answer {
    const found = generations.find((one) => sameCell(one, cell));
    const blocked = found?.delivered === undefined ? found?.blocked : undefined;
    if (blocked !== undefined) throw new AppError(blocked.code, blocked.detail);
    return { next: "prepare", cell: generationId(cell), cells: [] };
  }

  private async leave(cell: CellRef): Promise<void> {
    const before = this.known;
    if (before === undefined) throw new Error("a node without a way leaves no cell");
    await takeTurn("RemoveThingFromThingGroup");
    await removeFromThingGroup(this.node.thing, thingGroupOf(this.node.workspaceId, cell));
    const behind = [...before.leftBehind.filter((one) => !sameCell(one, cell)), refOf(cell)];
    await this.write(before, { ...before, ...left(before, [cell], Date.now()), leftBehind: behind });
  }

  private async join(progress: StoredProgress, cell: CellRef): Promise<StoredProgress> {
    const before = await this.write(progress, { ...progress, ...joining(progress) });
    await takeTurn("AddThingToThingGroup");
    await addToThingGroup(this.node.thing, thingGroupOf(this.node.workspaceId, cell));
    const { error: _, ...rest } = before;
    return this.write(before, { ...rest, ...joined(before, Date.now()), error: undefined });
  }

  /** The thing groups of the node's groups, which deliver nothing: those that people hang their own things on. */
  private async followGroups({ thingGroups }: Sighting, progress: StoredProgress): Promise<void> {
    const { workspaceId, groups, thing } = this.node;
    const wanted = (await getItems<StoredNodeGroup>(groups.map((id) => keys.nodeGroup(workspaceId, id)))).map(
      ({ thingGroup }) => thingGroup,
    );
    const ofGroups = awsNames.nodeGroup(env("STAGE"), workspaceId, "grp_");
    // What it was never seen in, it is put into before it joins its cell, and then no more.
    const shown = isUnplaced(progress) ? [] : thingGroups;
    for (const name of shown.filter((one) => one.startsWith(ofGroups) && !wanted.includes(one))) {
      await takeTurn("RemoveThingFromThingGroup");
      await removeFromThingGroup(thing, name);
    }
    for (const name of wanted.filter((one) => !shown.includes(one))) {
      await takeTurn("AddThingToThingGroup");
      await addToThingGroup(thing, name);
    }
  }

  /** The node is where it belongs, or will be by its device alone. */
  private async done(progress: StoredProgress): Promise<Answer> {
    const cells = (await vacatedBy(progress)).map(generationId);
    const leftBehind = cells.length === 0 ? [] : progress.leftBehind;
    if (progress.placed !== true || leftBehind.length < progress.leftBehind.length) {
      await this.write(progress, { ...progress, leftBehind, placed: true });
    }
    return { next: "done", cells };
  }

  /**
   * What a device says of a deployment is told with the node, and fails nothing here: it has what it was to get.
   * @throws AppError `not-delivered` when AWS IoT makes no job for it, in whichever generation
   */
  private async failed(progress: StoredProgress, error: string): Promise<Answer> {
    const written = await this.write(progress, { ...progress, error });
    if (error === "no-execution") {
      throw new AppError("not-delivered", `AWS IoT made no job for the node in ${RENEWALS} thing groups of its cell`);
    }
    return this.done(written);
  }

  private async write(before: StoredProgress | undefined, next: Partial<Progress> & Pick<Progress, "cell">) {
    const whole: Progress = {
      mayBeIn: [],
      renewals: 0,
      leftBehind: before?.leftBehind ?? [],
      registrations: before?.registrations ?? 0,
      ...next,
      cell: refOf(next.cell),
    } as Progress;
    const { progress, writes } = progressed(this.node, before, whole, this.holder, new Date());
    await transact(writes);
    this.known = progress;
    return progress;
  }
}

const refOf = ({ key, generation }: CellRef): CellRef => ({ key, generation });
