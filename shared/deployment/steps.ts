/**
 * The least steps from what is to what is wanted, for one cell and for one node. A workflow reads what there is, asks for
 * the next step, does it, and reads again: a step that was done twice, or of which nobody knows whether it was done, does
 * no harm, since the next one follows from what is then found.
 */

/** A thing group that delivers: of a cell's key, the generation of that number. Names are never used again. */
export interface CellRef {
  readonly key: string;
  readonly generation: number;
}

export const sameCell = (a: CellRef, b: CellRef): boolean => a.key === b.key && a.generation === b.generation;

/** What is known of one generation of a cell. */
export interface CellFacts {
  readonly ref: CellRef;
  /** Its thing group exists. */
  readonly created: boolean;
  /** What Greengrass was last given for it, and that delivery's number. */
  readonly delivered?: { readonly hash: string; readonly sequence: number } | undefined;
  /** A delivery that was begun, and of which it is not known whether Greengrass has it. */
  readonly pending?: { readonly hash: string; readonly sequence: number } | undefined;
  /** It is to be delivered to once more, though its wish is what it was given. */
  readonly again?: boolean | undefined;
  /** Nodes that are in it, are to be in it, or may still be. */
  readonly nodes: number;
  /** Its removal was begun: written down before anything is removed, and only while it has no nodes. It never comes back. */
  readonly removing?: boolean | undefined;
  /** It stays without nodes: a node group's own, which its first node will want to find. */
  readonly kept: boolean;
}

/** What a cell should deliver; a set that cannot be resolved is no reason to take away what runs. */
export type CellWish = { readonly hash: string } | { readonly undeliverable: string };

export type CellAction =
  | { readonly do: "create" }
  /** `CreateDeployment` with a token of cell, generation and sequence: the same token again delivers nothing new. */
  | { readonly do: "deliver"; readonly hash: string; readonly sequence: number }
  /** Deployments first, then the thing group, then what Slipway knows of it. */
  | { readonly do: "remove" }
  | { readonly do: "blocked"; readonly reason: string }
  | { readonly do: "settled" };

/** What brings one generation of a cell nearer to what is wanted. @param wish undefined when no target asks for the cell */
export const nextForCell = (cell: CellFacts, wish: CellWish | undefined): CellAction => {
  if (cell.removing === true) return { do: "remove" };
  if (cell.nodes === 0 && (wish === undefined || !cell.kept)) return { do: "remove" };
  if (wish === undefined) return { do: "settled" }; // its nodes move away first
  if (!cell.created) return { do: "create" };
  if ("undeliverable" in wish) return { do: "blocked", reason: wish.undeliverable };
  const { delivered, pending } = cell;
  if (pending === undefined && delivered?.hash === wish.hash && cell.again !== true) return { do: "settled" };
  if (pending?.hash === wish.hash) return { do: "deliver", ...pending };
  return {
    do: "deliver",
    hash: wish.hash,
    sequence: Math.max(delivered?.sequence ?? 0, pending?.sequence ?? 0) + 1,
  };
};

/** Where a node is on its way, as Slipway wrote it down. */
export interface NodeProgress {
  /** The generation that it was given in the cell it should be in. */
  readonly cell: CellRef;
  /**
   * Thing groups of cells that it may be in: written down before a join, crossed out after the thing was taken out. What
   * AWS shows may lag behind either.
   */
  readonly mayBeIn: readonly CellRef[];
  /** When it last joined and last left one, in milliseconds. */
  readonly joinedAt?: number | undefined;
  readonly leftAt?: number | undefined;
  /** How often it was given a fresh generation since its wish last changed. */
  readonly renewals: number;
}

/** An execution of a cell's current or earlier job on the node's device. */
export interface Execution {
  readonly cell: CellRef;
  /** The delivery that the job is of. */
  readonly sequence: number;
  readonly status:
    | "QUEUED"
    | "IN_PROGRESS"
    | "SUCCEEDED"
    | "FAILED"
    | "REJECTED"
    | "TIMED_OUT"
    | "CANCELED"
    | "REMOVED";
  /** Milliseconds. */
  readonly updatedAt: number;
  /** The device's word for a failure: the last of its error types. */
  readonly error?: string | undefined;
}

export interface NodeObservation {
  /** Cells whose thing groups `ListThingGroupsForThing` shows. */
  readonly memberOf: readonly CellRef[];
  readonly executions: readonly Execution[];
  /** What the given generation was last given to deliver; undefined while it is not created or has delivered nothing. */
  readonly delivered?: { readonly sequence: number; readonly at: number } | undefined;
  /** Whether another delivery of that generation is under way: it cancels the job of the one before. */
  readonly delivering: boolean;
  /** Whether what the device says it runs is what was delivered; undefined while it has not said. */
  readonly runsIt?: boolean | undefined;
}

export interface StepLimits {
  /** How long what AWS shows of memberships is given to show what was done. */
  readonly lagMs: number;
  /** How long after a join an execution may take to come. */
  readonly executionMs: number;
  /** How many fresh generations are tried before a person is asked. */
  readonly renewals: number;
}

export type NodeAction =
  /** The cell's generation must exist and deliver before the node leaves what it has. */
  | { readonly do: "prepare"; readonly cell: CellRef }
  | { readonly do: "leave"; readonly cells: readonly CellRef[] }
  | { readonly do: "join"; readonly cell: CellRef }
  | {
      readonly do: "wait";
      readonly for: "removal" | "delivery" | "execution" | "device";
      /** When to look again at the latest, in milliseconds; absent when only the device can bring it on. */
      readonly until?: number;
    }
  /** Another generation of the same cell, to which the node has never belonged. */
  | { readonly do: "renew"; readonly reason: "no-execution" | "stale-membership" | "runs-something-else" }
  | { readonly do: "failed"; readonly status: Execution["status"]; readonly error?: string | undefined }
  | { readonly do: "settled" };

/**
 * Error types with which a device fails because it still counts a cell that it has left.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/troubleshooting-deployment.html
 */
const CONFLICT: ReadonlySet<string> = new Set([
  "NO_AVAILABLE_COMPONENT_VERSION",
  "COMPONENT_VERSION_REQUIREMENTS_NOT_MET",
]);

/**
 * What brings one node nearer to its cell. It leaves every other cell, waits until those are seen to be gone and nothing
 * queued from them is left, and only then joins, so that it is never in two. A job's execution must then come: a device that
 * has run the cell's current job before gets no other one, and is given a fresh generation, as is one that counted the cell
 * it had left.
 */
export const nextForNode = (
  progress: NodeProgress,
  seen: NodeObservation,
  limits: StepLimits,
  now: number,
): NodeAction => {
  const { cell, mayBeIn, joinedAt, leftAt } = progress;
  const isOther = (one: CellRef) => !sameCell(one, cell);
  if (seen.delivered === undefined) return { do: "prepare", cell };
  const shown = seen.memberOf.filter(isOther);
  const others = [...mayBeIn.filter(isOther), ...shown.filter((one) => !mayBeIn.some((known) => sameCell(known, one)))];
  const justLeft = leftAt !== undefined && now < leftAt + limits.lagMs;
  if (others.length > 0) {
    const onlyShown = !mayBeIn.some(isOther);
    return onlyShown && justLeft
      ? { do: "wait", for: "removal", until: leftAt + limits.lagMs }
      : { do: "leave", cells: others };
  }
  if (seen.delivering) return { do: "wait", for: "delivery", until: now + limits.lagMs };
  const justJoined = joinedAt !== undefined && now < joinedAt + limits.lagMs;
  const isIn = justJoined || seen.memberOf.some((one) => sameCell(one, cell));
  // A queued execution turns REMOVED by itself. Cancelled ones would not come again should the node come back.
  const queuedElsewhere = seen.executions.some((one) => one.status === "QUEUED" && isOther(one.cell));
  if (!isIn && queuedElsewhere) return { do: "wait", for: "removal", until: now + limits.lagMs };
  // A device that is asked too early still counts the cell that it has left, and merges it in.
  if (!isIn && justLeft) return { do: "wait", for: "removal", until: leftAt + limits.lagMs };
  const { delivered } = seen;
  const own = seen.executions.find((one) => sameCell(one.cell, cell) && one.sequence === delivered.sequence);
  if (!isIn) {
    const neverAgain = own !== undefined && own.status !== "REMOVED" && !isLast(own, seen.executions);
    return neverAgain ? renewal(progress, limits, "no-execution", own) : { do: "join", cell };
  }
  // Nothing tells when it joined: the process ended between the join and the note of it, or what is shown is from before it left.
  // To join is right for both, changes nothing where it is in, and from then on there is a time to wait from.
  if (joinedAt === undefined && isAwaited(own, seen.executions)) {
    return justLeft ? { do: "wait", for: "removal", until: leftAt + limits.lagMs } : { do: "join", cell };
  }
  return afterJoin(progress, seen, own, limits, now);
};

/** Whether an execution is still to come. */
const isAwaited = (own: Execution | undefined, all: readonly Execution[]): boolean =>
  own === undefined || own.status === "REMOVED" || (own.status === "SUCCEEDED" && !isLast(own, all));

/** Whether the device has done nothing else since. */
const isLast = (execution: Execution, all: readonly Execution[]): boolean =>
  all.every((one) => one === execution || !TOOK_EFFECT.has(one.status) || one.updatedAt <= execution.updatedAt);

const TOOK_EFFECT: ReadonlySet<Execution["status"]> = new Set(["SUCCEEDED", "FAILED", "IN_PROGRESS", "TIMED_OUT"]);

const afterJoin = (
  progress: NodeProgress,
  seen: NodeObservation,
  own: Execution | undefined,
  limits: StepLimits,
  now: number,
): NodeAction => {
  const since = Math.max(progress.joinedAt ?? now, seen.delivered?.at ?? 0);
  const until = since + limits.executionMs;
  switch (own?.status) {
    case "QUEUED":
    case "IN_PROGRESS":
      return { do: "wait", for: "device" };
    case "SUCCEEDED":
      if (!isLast(own, seen.executions)) return awaited(progress, limits, now, until);
      if (seen.runsIt === undefined) return { do: "wait", for: "device" };
      return seen.runsIt ? { do: "settled" } : renewal(progress, limits, "runs-something-else", own);
    case "FAILED":
      if (own.error !== undefined && CONFLICT.has(own.error)) return renewal(progress, limits, "stale-membership", own);
      return { do: "failed", status: own.status, error: own.error };
    case "REJECTED":
    case "TIMED_OUT":
    case "CANCELED":
      return { do: "failed", status: own.status, error: own.error };
    case "REMOVED":
    case undefined:
      return awaited(progress, limits, now, until);
  }
};

const awaited = (progress: NodeProgress, limits: StepLimits, now: number, until: number): NodeAction =>
  now < until ? { do: "wait", for: "execution", until } : renewal(progress, limits, "no-execution", undefined);

const renewal = (
  progress: NodeProgress,
  limits: StepLimits,
  reason: Extract<NodeAction, { do: "renew" }>["reason"],
  last: Execution | undefined,
): NodeAction =>
  progress.renewals < limits.renewals
    ? { do: "renew", reason }
    : { do: "failed", status: last?.status ?? "REMOVED", error: last?.error ?? reason };

/**
 * The generation for a node that comes to a cell, or needs a fresh one: the lowest one there is whose current job the
 * device has not run, else one more than there ever was. Where many nodes come back at once they share it.
 *
 * @param generations of the cell that are not being removed, with the number of what each last delivered
 * @param last the highest number that was ever given to a generation of the cell
 * @param avoid the generation that just did not work
 */
export const generationFor = (
  key: string,
  generations: readonly { readonly generation: number; readonly sequence?: number | undefined }[],
  last: number,
  executions: readonly Execution[],
  avoid?: number,
): CellRef => {
  const hasRun = (generation: number, sequence: number | undefined): boolean =>
    executions.some(
      (one) =>
        one.cell.key === key &&
        one.cell.generation === generation &&
        one.sequence === sequence &&
        one.status !== "REMOVED",
    );
  const fitting = [...generations]
    .sort((a, b) => a.generation - b.generation)
    .find(({ generation, sequence }) => generation !== avoid && !hasRun(generation, sequence));
  return { key, generation: fitting?.generation ?? last + 1 };
};

/** The progress of a node whose wish is now this cell; unchanged where it is on its way there already. */
export const towards = (progress: NodeProgress | undefined, cell: CellRef): NodeProgress => {
  if (progress === undefined) return { cell, mayBeIn: [], renewals: 0 };
  if (progress.cell.key === cell.key) return progress;
  const { joinedAt: _, ...kept } = progress;
  return { ...kept, cell, renewals: 0 };
};

/** After `renew`: on to another generation. */
export const renewed = (progress: NodeProgress, cell: CellRef): NodeProgress => {
  const { joinedAt: _, ...kept } = progress;
  return { ...kept, cell, renewals: progress.renewals + 1 };
};

/** To be written down before the thing joins its cell. */
export const joining = (progress: NodeProgress): NodeProgress => {
  const { cell, mayBeIn } = progress;
  return mayBeIn.some((one) => sameCell(one, cell)) ? progress : { ...progress, mayBeIn: [...mayBeIn, cell] };
};

/** Once the thing has joined its cell. */
export const joined = (progress: NodeProgress, now: number): NodeProgress => ({ ...joining(progress), joinedAt: now });

/** Once the thing was taken out of these. */
export const left = (progress: NodeProgress, cells: readonly CellRef[], now: number): NodeProgress => ({
  ...progress,
  mayBeIn: progress.mayBeIn.filter((one) => !cells.some((gone) => sameCell(gone, one))),
  leftAt: now,
});
