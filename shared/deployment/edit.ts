import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { ownMember } from "../json.ts";
import { ComponentName } from "../names.ts";
import {
  KeptComponent,
  type KeptRevision,
  patchedComponents,
  RunWith,
  type StoredDeployment,
  sortedComponents,
  WantedComponent,
} from "./deployment.ts";
import { layerOf } from "./layers.ts";
import { cellHash, resolver } from "./resolve.ts";
import { Policies, Rollout } from "./settings.ts";
import type { Published } from "./versions.ts";

/** A component as an edit names it. */
export const ComponentWish = z
  .strictObject({ ...WantedComponent.shape, runWith: RunWith.optional() })
  .meta({ id: "ComponentWish" });
export type ComponentWish = z.infer<typeof ComponentWish>;

const Priority = z.int().min(0).max(1000).meta({ description: "Decides between groups; higher wins" });
const Reason = z.string().min(1).max(1024).meta({ description: "Why; kept with the revision" });

const AutoUpdate = z.boolean().meta({ description: "Takes newly published versions as they come" });
export const PlanHash = z.string().regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits, lower case");
const Plan = PlanHash.meta({ description: "Hash of the plan of just this edit: refused where that would differ now" });

const patch = {
  components: z
    .record(ComponentName, ComponentWish.nullable())
    .optional()
    .meta({ description: "Components to add or change by name; null removes one. Others stay as they are" }),
  priority: Priority.optional(),
  autoUpdate: AutoUpdate.optional(),
  policies: Policies.nullable().optional().meta({ description: "As a whole; null leaves all to Greengrass" }),
  rollout: Rollout.nullable().optional().meta({ description: "As a whole; null leaves all to AWS IoT" }),
  reason: Reason.optional(),
};

const changesSomething = ({ edit: _, reason: _reason, plan: _plan, ...changes }: Readonly<Record<string, unknown>>) =>
  Object.values(changes).some((one) => one !== undefined);
const NOTHING = "must change something";

/** `PATCH`: what is named changes, null removes, everything else stays as it is. */
export const DeploymentPatch = z
  .strictObject({ ...patch, plan: Plan.optional() })
  .refine(changesSomething, NOTHING)
  .meta({ id: "DeploymentPatch" });
export type DeploymentPatch = z.infer<typeof DeploymentPatch>;

const replacement = {
  components: z.record(ComponentName, ComponentWish),
  priority: Priority.default(0),
  autoUpdate: AutoUpdate.optional(),
  policies: Policies.optional(),
  rollout: Rollout.optional(),
  reason: Reason.optional(),
};

/** `PUT`: the whole. What it does not say is removed, so it carries the hash of the plan that showed what that is. */
export const DeploymentReplacement = z
  .strictObject({ ...replacement, plan: PlanHash.meta({ description: "Hash of the plan of just this replacement" }) })
  .meta({ id: "DeploymentReplacement" });
export type DeploymentReplacement = z.infer<typeof DeploymentReplacement>;

const refresh = {
  components: z
    .array(ComponentName)
    .min(1)
    .max(1_000)
    .optional()
    .meta({ description: "Those that see what was published since; all without it" }),
  reason: Reason.optional(),
};

/** Named components, or all, see what was published since. */
export const DeploymentRefresh = z
  .strictObject({ ...refresh, plan: Plan.optional() })
  .meta({ id: "DeploymentRefresh" });
export type DeploymentRefresh = z.infer<typeof DeploymentRefresh>;

const rollback = {
  revision: z.int().positive().meta({ description: "The revision that is said again" }),
  reason: Reason.optional(),
};

/** What a revision said is said again, so that it resolves as it did then. */
export const DeploymentRollback = z
  .strictObject({ ...rollback, plan: Plan.optional() })
  .meta({ id: "DeploymentRollback" });
export type DeploymentRollback = z.infer<typeof DeploymentRollback>;

const ProposedPatch = z.strictObject({ edit: z.literal("patch"), ...patch }).refine(changesSomething, NOTHING);
const ProposedReplacement = z.strictObject({ edit: z.literal("replace"), ...replacement });

/** What a deployment begins with, as a plan is asked about it. */
export const FirstEdit = z.discriminatedUnion("edit", [ProposedPatch, ProposedReplacement]).meta({ id: "FirstEdit" });
export type FirstEdit = z.infer<typeof FirstEdit>;

/** An edit as a plan is asked about it. */
export const ProposedEdit = z
  .discriminatedUnion("edit", [
    ProposedPatch,
    ProposedReplacement,
    z.strictObject({ edit: z.literal("refresh"), ...refresh }),
    z.strictObject({ edit: z.literal("rollback"), ...rollback }),
  ])
  .meta({ id: "ProposedEdit" });
export type ProposedEdit = z.infer<typeof ProposedEdit>;

/** An edit of a deployment, as data: what a plan is asked about and what an intent asks for is the same. */
export type DeploymentEdit =
  | Exclude<ProposedEdit, { edit: "rollback" }>
  | { readonly edit: "rollback"; readonly to: KeptRevision; readonly reason?: string | undefined }
  | { readonly edit: "delete"; readonly reason?: string | undefined };

/** What an edit sees: the number of the newest published version, and the time. */
export interface Sight {
  readonly catalogue: number;
  readonly now: Date;
}

type Kept = Readonly<Record<string, KeptComponent>>;

/** Whether a deployment keeps of a component just what this says. */
const saysTheSame = ({ catalogue: _, ...kept }: KeptComponent, wish: ComponentWish): boolean => same(kept, wish);

const same = (one: object, other: object): boolean => isDeepStrictEqual(dropUndefined(one), dropUndefined(other));

const dropUndefined = (object: object): object =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

/** What a replacement says again as it was keeps its catalogue number: to repeat a component is not to refresh it. */
const replacedComponents = (kept: Kept, wishes: DeploymentReplacement["components"], catalogue: number): Kept =>
  sortedComponents(
    Object.entries(wishes).map(([name, wish]) => {
      const before = ownMember(kept, name);
      return [name, before !== undefined && saysTheSame(before, wish) ? before : { ...wish, catalogue }] as const;
    }),
  );

const refreshedComponents = (kept: Kept, names: readonly string[] | undefined, catalogue: number): Kept =>
  sortedComponents(
    Object.entries(kept).map(([name, component]) =>
      names === undefined || names.includes(name) ? [name, { ...component, catalogue }] : [name, component],
    ),
  );

type Said = Pick<StoredDeployment, "components" | "priority" | "autoUpdate" | "policies" | "rollout" | "change">;

const said = (deployment: StoredDeployment, edit: DeploymentEdit, catalogue: number): Said => {
  const { components, priority, autoUpdate, policies, rollout } = deployment;
  const because = edit.reason === undefined ? {} : { reason: edit.reason };
  switch (edit.edit) {
    case "patch":
      return {
        components: patchedComponents(components, edit.components, catalogue),
        priority: edit.priority ?? priority,
        autoUpdate: edit.autoUpdate ?? autoUpdate,
        policies: edit.policies === undefined ? policies : (edit.policies ?? undefined),
        rollout: edit.rollout === undefined ? rollout : (edit.rollout ?? undefined),
        change: { kind: "patch", ...because },
      };
    case "replace":
      return {
        components: replacedComponents(components, edit.components, catalogue),
        priority: edit.priority,
        autoUpdate: edit.autoUpdate,
        policies: edit.policies,
        rollout: edit.rollout,
        change: { kind: "replace", ...because },
      };
    case "refresh":
      return {
        components: refreshedComponents(components, edit.components, catalogue),
        priority,
        autoUpdate,
        policies,
        rollout,
        change: { kind: "refresh", ...because },
      };
    case "rollback":
      return {
        components: sortedComponents(Object.entries(edit.to.components)),
        priority: edit.to.priority,
        autoUpdate: edit.to.autoUpdate === undefined ? undefined : false,
        policies: edit.to.policies,
        rollout: edit.to.rollout,
        change: { kind: "rollback", rolledBackTo: edit.to.revision, ...because },
      };
    case "delete":
      return {
        components: {},
        priority: 0,
        autoUpdate: undefined,
        policies: undefined,
        rollout: undefined,
        change: { kind: "delete", ...because },
      };
  }
};

/**
 * The next revision of a deployment. A patch changes only what it names, and only what it names sees versions published
 * since. A rollback says again what the revision said, catalogue numbers included, so that it resolves as it did then; it
 * leaves `autoUpdate` off, which would take it forward again. The deployment's own number never falls.
 */
export const edited = (
  deployment: StoredDeployment,
  edit: DeploymentEdit,
  { catalogue, now }: Sight,
): StoredDeployment => {
  const sight = Math.max(deployment.catalogue, catalogue); // a concurrent edit may have seen more
  const { autoUpdate: _a, policies: _p, rollout: _r, change: _c, ...kept } = deployment;
  return {
    ...kept,
    ...(dropUndefined(said(deployment, edit, sight)) as Said),
    revision: deployment.revision + 1,
    catalogue: sight,
    updatedAt: now.toISOString(),
  };
};

/**
 * The revision that takes what was published since, of a deployment with `autoUpdate`; undefined where that would change
 * nothing of what its target alone wants.
 */
export const autoUpdated = (
  deployment: StoredDeployment,
  published: Published,
  sight: Sight,
): StoredDeployment | undefined => {
  if (deployment.autoUpdate !== true) return undefined;
  const next = edited(deployment, { edit: "refresh" }, sight);
  const { set } = resolver(published);
  const hashOf = (one: StoredDeployment) => cellHash(set([layerOf(one)], undefined));
  if (hashOf(next) === hashOf(deployment)) return undefined;
  return { ...next, change: { kind: "auto-update" } };
};

type Comparable = Pick<StoredDeployment, "components" | "priority" | "autoUpdate" | "policies" | "rollout">;

const Differences = z.object({
  components: z.record(
    z.string(),
    z.object({
      change: z.enum(["added", "removed", "changed"]),
      before: KeptComponent.optional(),
      after: KeptComponent.optional(),
    }),
  ),
  priority: z.object({ before: z.int(), after: z.int() }).optional(),
  settings: z
    .record(z.string(), z.object({ before: z.unknown().optional(), after: z.unknown().optional() }))
    .meta({ description: "autoUpdate, policies and rollout, where they differ" }),
});
/** What differs between two revisions. A member is absent where both say the same. */
export type RevisionDiff = z.infer<typeof Differences>;

export const RevisionDifferences = z
  .object({ from: z.int().meta({ description: "0 for nothing, before the first revision" }), to: z.int() })
  .extend(Differences.shape)
  .meta({ id: "DeploymentDifferences", description: "What leads from one revision to another" });

/** The differences that lead from one revision to another. */
export const diffRevisions = (before: Comparable, after: Comparable): RevisionDiff => {
  const components: Record<string, RevisionDiff["components"][string]> = {};
  for (const name of [...new Set([...Object.keys(before.components), ...Object.keys(after.components)])].sort()) {
    const one = ownMember(before.components, name);
    const other = ownMember(after.components, name);
    if (one === undefined && other !== undefined) components[name] = { change: "added", after: other };
    else if (one !== undefined && other === undefined) components[name] = { change: "removed", before: one };
    else if (one !== undefined && other !== undefined && !same(one, other))
      components[name] = { change: "changed", before: one, after: other };
  }
  const settings: Record<string, { before?: unknown; after?: unknown }> = {};
  for (const name of ["autoUpdate", "policies", "rollout"] as const) {
    if (!isDeepStrictEqual(before[name], after[name]))
      settings[name] = dropUndefined({ before: before[name], after: after[name] });
  }
  return {
    components,
    ...(before.priority !== after.priority && { priority: { before: before.priority, after: after.priority } }),
    settings,
  };
};
