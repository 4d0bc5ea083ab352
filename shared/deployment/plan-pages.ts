import { type ExplainedComponent, explain } from "./explain.ts";
import type { PlanNode, Planned, Transition } from "./plan.ts";
import type { CellSet } from "./resolve.ts";

/** A transition with everything about the components that it changes, before and after. */
export interface DescribedTransition extends Transition {
  readonly before: readonly ExplainedComponent[];
  readonly after: readonly ExplainedComponent[];
}

const explained = (set: CellSet | undefined, names: ReadonlySet<string>): ExplainedComponent[] =>
  set === undefined
    ? []
    : [...set.components].filter(([name]) => names.has(name)).map(([name, one]) => explain(set, name, one));

/** A page of a plan: the transitions from `offset` on, and where the next page begins, if there is one. */
export const pageOfTransitions = (
  { plan, before, after }: Planned,
  offset: number,
  limit: number,
): { readonly items: readonly DescribedTransition[]; readonly next?: number } => {
  const items = plan.transitions.slice(offset, offset + limit).map((transition): DescribedTransition => {
    const { from, to, changes } = transition;
    const names = new Set(changes.map(({ component }) => component));
    const [old, fresh] = [from === undefined ? undefined : before(from), to === undefined ? undefined : after(to)];
    return { ...transition, before: explained(old, names), after: explained(fresh, names) };
  });
  const next = offset + limit;
  return { items, ...(next < plan.transitions.length && { next }) };
};

/** What becomes of each of these nodes; nothing to tell of those that the plan does not reach. */
export const nodesOfPlan = (
  { transitionOf }: Planned,
  nodes: readonly PlanNode[],
): { readonly node: PlanNode; readonly transition?: Transition }[] =>
  nodes.map((node) => {
    const transition = transitionOf(node);
    return { node, ...(transition !== undefined && { transition }) };
  });
