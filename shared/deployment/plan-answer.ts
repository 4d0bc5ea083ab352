import * as z from "zod";
import { ResourceName } from "../names.ts";
import { MAX_GROUPS_OF_NODE, RuntimeSchema } from "../node/node.ts";
import { RunWith } from "./deployment.ts";
import { FirstEdit, ProposedEdit } from "./edit.ts";
import type { Finding, Plan, PlanNode, Planned } from "./plan.ts";
import { type DescribedTransition, nodesOfPlan, pageOfTransitions } from "./plan-pages.ts";

const Reference = z.string().min(1).max(64);
const Groups = z
  .array(Reference)
  .max(MAX_GROUPS_OF_NODE)
  .refine((groups) => new Set(groups).size === groups.length, "must not repeat a group")
  .meta({ description: "Names or ids of its node groups; of those that the plan proposes, names" });

/** More than this is proposed by several plans. */
const MAX_CHANGES = 1_000;

const hasAtMost = (record: object): boolean => Object.keys(record).length <= MAX_CHANGES;
const TOO_MANY = `must name at most ${MAX_CHANGES}`;

/** What a plan is asked about, by names or ids. */
export const PlanRequest = z
  .strictObject({
    nodeGroups: z
      .record(
        Reference,
        z.strictObject({ deployment: ProposedEdit.nullable().meta({ description: "null empties it" }) }),
      )
      .refine(hasAtMost, TOO_MANY)
      .optional(),
    nodes: z
      .record(
        Reference,
        z
          .strictObject({
            groups: Groups.optional(),
            deployment: ProposedEdit.nullable().optional().meta({ description: "null lifts the node's own" }),
          })
          .nullable()
          .meta({ description: "null takes the node away" }),
      )
      .refine(hasAtMost, TOO_MANY)
      .optional(),
    newNodeGroups: z
      .array(z.strictObject({ name: ResourceName, deployment: FirstEdit.optional() }))
      .max(MAX_CHANGES)
      .optional()
      .meta({ description: "Node groups that do not exist yet" }),
    newNodes: z
      .array(
        z.strictObject({
          name: ResourceName,
          groups: Groups.default([]),
          runtime: RuntimeSchema.default("nucleus"),
          deployment: FirstEdit.optional().meta({ description: "The node's own" }),
        }),
      )
      .max(MAX_CHANGES)
      .optional()
      .meta({ description: "Nodes that do not exist yet" }),
  })
  .meta({ id: "PlanRequest", description: "Proposed changes, of which nothing is written" });
export type PlanRequest = z.infer<typeof PlanRequest>;

const Count = z.int().min(0);
const Cell = z
  .object({
    key: z.string(),
    targets: z.array(z.string()).meta({ description: "Ids of what deploys to it" }),
    names: z.array(z.string()).meta({ description: "The same by name, for people" }),
    runtime: RuntimeSchema,
  })
  .meta({ id: "PlanCell", description: "Nodes with the same deployments and runtime are in one cell" });

const Party = z
  .object({
    target: z.string().meta({ description: "Id of the node group or node" }),
    name: z.string(),
    requirement: z.string(),
    priority: z.int(),
    catalogue: z.int(),
  })
  .meta({ id: "PlanParty", description: "A target's requirement of a component" });

const Need = z
  .object({ dependent: z.string(), requirement: z.string(), type: z.enum(["HARD", "SOFT"]) })
  .meta({ id: "PlanNeed", description: "A component that needs this one" });

const Explained = z
  .object({
    component: z.string(),
    version: z.string(),
    winner: Party.optional().meta({ description: "Whose requirement decided; absent for what nobody names" }),
    agreeing: z.array(Party),
    losers: z.array(Party),
    requiredBy: z.array(Need),
    configuration: z
      .object({
        merge: z.record(z.string(), z.unknown()).optional(),
        reset: z.array(z.string()).optional(),
        runWith: RunWith.optional(),
        sources: z.record(z.string(), z.string()).meta({ description: "JSON pointer in `merge` to the target's id" }),
      })
      .optional(),
  })
  .meta({ id: "PlanComponent", description: "A component of a cell, and why it is as it is" });

const Change = z
  .object({
    component: z.string(),
    change: z.enum(["added", "removed", "upgraded", "downgraded", "reconfigured"]),
    before: z.string().optional(),
    after: z.string().optional(),
  })
  .meta({ id: "PlanChange" });

const transition = {
  from: Cell.optional().meta({ description: "Absent for nodes that are new" }),
  to: Cell.optional().meta({ description: "Absent for nodes that go" }),
  changes: z.array(Change),
};

const Transition = z
  .object({ ...transition, nodes: Count, before: z.array(Explained), after: z.array(Explained) })
  .meta({ id: "PlanTransition", description: "Nodes that go from what a cell has to what it, or another, will have" });

const PlanFinding = z
  .object({
    kind: z.enum([
      "unresolvable",
      "unmet-dependency",
      "ambiguous",
      "too-large",
      "deprecated",
      "lite-document-size",
      "lite-value-size",
    ]),
    component: z.string().optional(),
    detail: z.string(),
    remedies: z.array(z.string()).meta({ description: "What would put it right, each by itself" }),
    parties: z.array(Party),
    requiredBy: z.array(Need).optional(),
    cells: z.array(z.string()).meta({ description: "Keys of the first 20 cells in which it holds" }),
    cellCount: Count,
    nodes: Count,
  })
  .meta({ id: "PlanFinding" });

const Summary = z
  .object({
    cells: z.object({ changed: Count, created: Count, vacated: Count }),
    nodes: z.object({ affected: Count, moved: Count, added: Count, removed: Count }),
    removals: z.record(z.string(), Count).meta({ description: "Components that nodes lose, and how many nodes do" }),
    refusals: Count,
    warnings: Count,
    transitions: Count,
    work: z
      .object({
        thingGroups: Count,
        deliveries: Count,
        joins: Count,
        leaves: Count,
        jobs: Count,
        rolloutMinutes: z.number().min(0),
      })
      .meta({ description: "What AWS is asked for" }),
    seconds: Count.meta({ description: "How long that takes at least at the rates that AWS grants" }),
  })
  .meta({ id: "PlanSummary" });

const hash = z
  .string()
  .meta({ description: "Of all that the plan depends on: an edit that carries it is done as planned" });

export const PlanAnswer = z
  .object({
    hash,
    summary: Summary,
    refusals: z.array(PlanFinding).meta({ description: "What forbids the changes; the first 100" }),
    warnings: z.array(PlanFinding).meta({ description: "What is worth knowing; the first 100" }),
    transitions: z.array(Transition),
    nextCursor: z.string().optional().meta({ description: "For the next transitions of the same plan" }),
  })
  .meta({ id: "Plan", description: "What would come of the changes" });
export type PlanAnswer = z.infer<typeof PlanAnswer>;

export const PlanNodes = z
  .object({
    hash,
    items: z.array(
      z
        .object({ id: z.string(), name: z.string(), ...transition })
        .meta({ id: "PlanNode", description: "What becomes of a node; without `from` and `to`, nothing" }),
    ),
    nextCursor: z.string().optional(),
  })
  .meta({ id: "PlanNodes" });

const TOLD_FINDINGS = 100;
const TOLD_CELLS = 20;

/** Puts the names of targets beside their ids, and leaves out the inner parts. */
const presenter = ({ nameOf, cellOf }: Planned) => {
  const party = <P extends { readonly target: string }>(one: P) => ({ ...one, name: nameOf(one.target) });
  const cell = (key: string | undefined) => {
    const found = key === undefined ? undefined : cellOf(key);
    return found && { ...found, names: found.targets.map(nameOf) };
  };
  const places = ({ from, to }: { readonly from?: string; readonly to?: string }) => ({
    from: cell(from),
    to: cell(to),
  });
  const explained = ({ winner, agreeing, losers, ...rest }: DescribedTransition["after"][number]) => ({
    ...rest,
    winner: winner && party(winner),
    agreeing: agreeing.map(party),
    losers: losers.map(party),
  });
  return {
    places,
    finding: ({ cells, parties, ...rest }: Finding) => ({
      ...rest,
      parties: parties.map(party),
      cells: cells.slice(0, TOLD_CELLS),
      cellCount: cells.length,
    }),
    transition: ({ before, after, ...rest }: DescribedTransition) => ({
      ...rest,
      ...places(rest),
      before: before.map(explained),
      after: after.map(explained),
    }),
  };
};

const summaryOf = ({ summary, refusals, warnings, transitions }: Plan) => ({
  ...summary,
  refusals: refusals.length,
  warnings: warnings.length,
  transitions: transitions.length,
});

/** A plan as the API shows it: summary, findings, and the transitions from `offset` on. */
export const presentPlan = (
  planned: Planned,
  offset: number,
  limit: number,
): { readonly body: PlanAnswer; readonly next?: number | undefined } => {
  const { plan } = planned;
  const present = presenter(planned);
  const { items, next } = pageOfTransitions(planned, offset, limit);
  return {
    body: PlanAnswer.parse({
      hash: plan.hash,
      summary: summaryOf(plan),
      refusals: plan.refusals.slice(0, TOLD_FINDINGS).map(present.finding),
      warnings: plan.warnings.slice(0, TOLD_FINDINGS).map(present.finding),
      transitions: items.map(present.transition),
    }),
    next,
  };
};

/** What becomes of these nodes, as the API shows it. */
export const presentNodes = (planned: Planned, nodes: readonly PlanNode[]): z.infer<typeof PlanNodes>["items"] => {
  const { places } = presenter(planned);
  return nodesOfPlan(planned, nodes).map(({ node: { id, name }, transition: found }) =>
    PlanNodes.shape.items.element.parse({ id, name, changes: found?.changes ?? [], ...(found && places(found)) }),
  );
};
