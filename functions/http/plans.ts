import { planNode, snapshotFor } from "../../shared/aws/snapshot.ts";
import { getItems, listItems } from "../../shared/aws/table.ts";
import { DEFAULT_RATES } from "../../shared/deployment/estimate.ts";
import type { CellFinding } from "../../shared/deployment/explain.ts";
import { type Changes, type Planned, plan, requirePlan } from "../../shared/deployment/plan.ts";
import { presentNodes, presentPlan } from "../../shared/deployment/plan-answer.ts";
import { isId } from "../../shared/ids.ts";
import { keys, partitions } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { AppError, type Finding, type ProblemCode } from "../../shared/problems.ts";
import type { Key } from "../../shared/writes.ts";
import { decodeCursor, encodeCursor } from "./paging.ts";

/** What would come of the changes as things are now. @throws AppError `not-found` for a change of what is not there */
export const planOf = async (
  workspaceId: string,
  changes: Changes,
): Promise<{ readonly planned: Planned; readonly catalogue: number }> => {
  const snapshot = await snapshotFor(workspaceId, changes);
  return { planned: plan(snapshot, changes, DEFAULT_RATES), catalogue: snapshot.catalogue };
};

/** @throws AppError `invalid-cursor`; `precondition-failed` where the cursor is of a plan that would be another one now */
const within = (planned: Planned, cursor: string | undefined): string | undefined => {
  if (cursor === undefined) return undefined;
  const [, hash, after] = /^([0-9a-f]{64}) (.{1,512})$/.exec(String(decodeCursor(PLAN, cursor))) ?? [];
  if (hash === undefined)
    throw new AppError("invalid-cursor", "cursor must be the nextCursor of this plan's page before");
  requirePlan(planned, hash);
  return after;
};

const PLAN = "plan";

const cursorOf = ({ plan: { hash } }: Planned, after: string | number | undefined) =>
  after === undefined ? {} : { nextCursor: encodeCursor(PLAN, `${hash} ${after}`) };

interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** A page of a plan's transitions, below its summary. */
export const pageOfPlan = async (workspaceId: string, changes: Changes, { limit, cursor }: PageQuery) => {
  const { planned } = await planOf(workspaceId, changes);
  const after = within(planned, cursor) ?? "0";
  if (!/^\d{1,9}$/.test(after)) throw new AppError("invalid-cursor", "cursor must be one of a plan's transitions");
  const { body, next } = presentPlan(planned, Number(after), limit);
  return { body: { ...body, ...cursorOf(planned, next) } };
};

/** A page of the nodes of a workspace or of a node group, with what a plan makes of each. */
export const pageOfPlannedNodes = async (
  workspaceId: string,
  changes: Changes,
  group: string | undefined,
  { limit, cursor }: PageQuery,
) => {
  const { planned } = await planOf(workspaceId, changes);
  const after = within(planned, cursor);
  const partition = group === undefined ? partitions.nodes(workspaceId) : partitions.nodesOfGroup(group);
  if (after !== undefined && !isId(after, "node"))
    throw new AppError("invalid-cursor", "cursor must be one of a plan's nodes");
  const { items, next } = await listItems<Key>({ partition, limit, after, attributes: [] });
  const nodes = await getItems<StoredNode>(items.map(({ sk }) => keys.node(workspaceId, sk)));
  return {
    body: { hash: planned.plan.hash, items: presentNodes(planned, nodes.map(planNode)), ...cursorOf(planned, next) },
  };
};

/** What a finding is told as where it refuses a request. */
const CODES: Partial<Record<CellFinding["kind"], ProblemCode>> = {
  unresolvable: "unresolvable",
  "unmet-dependency": "unmet-dependency",
  "too-large": "deployment-too-large",
  ambiguous: "ambiguous",
};

/** At most so many findings are told in one answer. */
const TOLD = 100;

/**
 * Lets changes go ahead that their plan does not refuse, and that are as the caller was shown, where it says what it was
 * shown.
 *
 * @param named components that the request's body names by themselves
 * @throws AppError `precondition-failed` for a stale plan; `unresolvable`, `unmet-dependency`, `deployment-too-large`,
 * `ambiguous` with every party and what would put it right
 */
export const approve = (planned: Planned, shown: string | undefined, named: ReadonlySet<string> = new Set()): void => {
  if (shown !== undefined) requirePlan(planned, shown);
  const { refusals } = planned.plan;
  const [first] = refusals;
  if (first === undefined) return;
  const findings = refusals.slice(0, TOLD).map(
    ({ kind, component = "", detail, remedies }): Finding => ({
      ...(named.has(component) && {
        pointer: `/components/${component}${kind === "unresolvable" ? "/version" : ""}`,
      }),
      rule: kind,
      detail,
      hint: remedies.join("; or "),
    }),
  );
  // What cannot be delivered at all comes before what is only undecided.
  const worst = refusals.find(({ kind }) => kind !== "ambiguous") ?? first;
  const told = refusals.slice(0, 3).map(({ detail }) => detail);
  const more = refusals.length > told.length ? `; and ${refusals.length - told.length} more` : "";
  throw new AppError(CODES[worst.kind] ?? "conflict", `${told.join("; ")}${more}`, { findings });
};
