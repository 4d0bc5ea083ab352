import validRange from "semver/ranges/valid.js";
import * as z from "zod";
import type { Moment } from "../ids.ts";
import { type NewIntent, requestIntent } from "../intent/intent.ts";
import { JsonObject } from "../json.ts";
import { keys } from "../keys.ts";
import { ComponentName } from "../names.ts";
import { Timestamps } from "../resource.ts";
import type { Accepted } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";
import { Policies, Rollout } from "./settings.ts";

/** An exact version or an npm-style range, as Greengrass takes them in version requirements. */
export const Requirement = z
  .string()
  .min(1)
  .max(64)
  .refine((text) => text.trim() !== "" && validRange(text) !== null, "must be a version or an npm-style range")
  .meta({ description: "An exact version or an npm-style range", examples: ["1.0.0", "^1.2.0"] });

export const WantedComponent = z
  .strictObject({
    version: Requirement,
    merge: JsonObject.optional().meta({ description: "Configuration to merge (RFC 7396)" }),
    reset: z
      .array(z.string().regex(/^(?:\/.*)?$/, "must be a JSON pointer"))
      .max(64)
      .optional()
      .meta({ description: "JSON pointers of configuration to put back to its default" }),
  })
  .meta({ id: "WantedComponent" });
export type WantedComponent = z.infer<typeof WantedComponent>;

/** https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ComponentRunWith.html */
export const RunWith = z
  .strictObject({
    posixUser: z.string().min(1).max(256).optional().meta({ description: "user or user:group, on Linux" }),
    windowsUser: z.string().min(1).max(256).optional(),
    systemResourceLimits: z
      .strictObject({
        memory: z.int().min(0).optional().meta({ description: "Kilobytes" }),
        cpus: z.number().min(0).optional(),
      })
      .optional(),
  })
  .meta({ id: "RunWith", description: "As whom, and within which limits, the component's processes run" });

/** A component as a deployment keeps it. */
const KeptComponent = z
  .object({
    ...WantedComponent.shape,
    runWith: RunWith.optional(),
    catalogue: z.int().meta({
      description:
        "Resolution sees versions published up to this number: that of the edit which last named the component",
    }),
  })
  .meta({ id: "KeptComponent" });
export type KeptComponent = z.infer<typeof KeptComponent>;

export const PatchDeployment = z
  .strictObject({
    components: z
      .record(ComponentName, WantedComponent.nullable())
      .optional()
      .meta({ description: "Components to add or change by name; null removes one. Others stay as they are" }),
    priority: z.int().min(0).max(1000).optional().meta({ description: "Decides between groups; higher wins" }),
  })
  .refine((patch) => patch.components !== undefined || patch.priority !== undefined, "must change something")
  .meta({ id: "PatchDeployment" });
export type PatchDeployment = z.infer<typeof PatchDeployment>;

const Target = z.object({ type: z.enum(["node-group", "node"]), id: z.string(), name: z.string() });

/** How a revision came to be; who made it is kept beside it, and when is its `updatedAt`. */
const Change = z
  .object({
    kind: z.enum(["patch", "replace", "refresh", "rollback", "auto-update"]),
    reason: z.string().optional().meta({ description: "What the caller gave as the reason" }),
    rolledBackTo: z.int().optional().meta({ description: "The revision that a rollback restored" }),
  })
  .meta({ id: "DeploymentChange" });

export const Deployment = z
  .object({
    target: Target,
    revision: z.int().positive(),
    priority: z.int(),
    catalogue: z.int().meta({ description: "Number of the newest published version when this revision was made" }),
    components: z.record(z.string(), KeptComponent),
    autoUpdate: z.boolean().optional().meta({ description: "Takes newly published versions as they come" }),
    policies: Policies.optional(),
    rollout: Rollout.optional(),
    change: Change.optional(),
    ...Timestamps,
  })
  .meta({ id: "Deployment", description: "What a target wants; one per node group or node" });
export type Deployment = z.infer<typeof Deployment>;

export type StoredDeployment = Deployment & {
  readonly pk: string;
  readonly sk: string;
  readonly type: "deployment";
  /** The target's id: a deployment has no other. */
  readonly id: string;
  readonly workspaceId: string;
};

/** The first revision: it wants nothing. */
export const emptyDeployment = (
  workspaceId: string,
  target: Deployment["target"],
  catalogue: number,
  now: Date,
): StoredDeployment => ({
  ...keys.deployment(workspaceId, target.id),
  type: "deployment",
  id: target.id,
  workspaceId,
  target,
  revision: 1,
  priority: 0,
  catalogue,
  components: {},
  createdAt: now.toISOString(),
  updatedAt: now.toISOString(),
});

/** Every revision is kept: who made it and what it said. */
export const keepRevision = (deployment: StoredDeployment, caller: string): Write => ({
  do: "create",
  item: {
    ...keys.deploymentRevision(deployment.id, deployment.revision),
    type: "deployment-revision",
    requestedBy: caller,
    workspaceId: deployment.workspaceId,
    revision: deployment.revision,
    priority: deployment.priority,
    catalogue: deployment.catalogue,
    components: deployment.components,
    ...settingsOf(deployment),
    ...(deployment.change !== undefined && { change: deployment.change }),
    at: deployment.updatedAt,
  },
});

/** What a revision says beside its components and priority. */
export const settingsOf = ({
  autoUpdate,
  policies,
  rollout,
}: Pick<StoredDeployment, "autoUpdate" | "policies" | "rollout">): Pick<
  StoredDeployment,
  "autoUpdate" | "policies" | "rollout"
> => ({
  ...(autoUpdate !== undefined && { autoUpdate }),
  ...(policies !== undefined && { policies }),
  ...(rollout !== undefined && { rollout }),
});

/** A revision as it is kept, for the differences between two and for a rollback. */
export type KeptRevision = Pick<
  StoredDeployment,
  "revision" | "priority" | "catalogue" | "components" | "autoUpdate" | "policies" | "rollout" | "change"
> & { readonly requestedBy: string; readonly at: string };

type Components = Readonly<Record<string, KeptComponent>>;

/** Components as a deployment keeps them: in the order of their names. */
export const sortedComponents = (
  components: Iterable<readonly [string, KeptComponent]>,
): Record<string, KeptComponent> => Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1)));

/** Components with those changed that a patch names; null removes one. What is named sees versions up to `catalogue`. */
export const patchedComponents = (
  kept: Components,
  patch: Readonly<Record<string, Omit<KeptComponent, "catalogue"> | null>> | undefined,
  catalogue: number,
): Record<string, KeptComponent> => {
  const components = new Map(Object.entries(kept));
  for (const [name, wanted] of Object.entries(patch ?? {})) {
    if (wanted === null) components.delete(name);
    else components.set(name, { ...wanted, catalogue });
  }
  return sortedComponents(components);
};

/**
 * The deployment with the patch applied: only what it names changes (RFC 7396 on the component level), and only what it
 * names sees versions published since. An unrelated edit upgrades nothing.
 */
export const patched = (
  deployment: StoredDeployment,
  patch: PatchDeployment,
  catalogue: number,
  now: Date,
): StoredDeployment => {
  const sight = Math.max(deployment.catalogue, catalogue); // a concurrent edit may have seen more
  const { change: _, ...kept } = deployment;
  return {
    ...kept,
    components: patchedComponents(deployment.components, patch.components, sight),
    priority: patch.priority ?? deployment.priority,
    revision: deployment.revision + 1,
    catalogue: sight,
    updatedAt: now.toISOString(),
  };
};

/**
 * Replaces the deployment by its next revision. The condition on the revision lets no concurrent edit be lost: the
 * handler reads again and applies its patch to what it finds then.
 */
export const reviseDeployment = (next: StoredDeployment, caller: string, moment: Moment): Accepted => {
  const subject: NewIntent["subject"] = {
    type: "deployment",
    id: next.id,
    name: next.target.name,
    href: `/v1/workspaces/${next.workspaceId}/${next.target.type}s/${next.id}/deployment`,
  };
  return {
    intent: requestIntent(
      { kind: "deployment.apply", workspaceId: next.workspaceId, subject, requestedBy: caller },
      moment,
    ),
    writes: [
      {
        do: "put",
        item: { ...next },
        when: { revision: next.revision - 1 },
        otherwise: { code: "conflict", detail: "the deployment was changed at the same time" },
      },
      keepRevision(next, caller),
      targetIsActive(next),
    ],
  };
};

const targetIsActive = ({ workspaceId, target: { type, id, name } }: StoredDeployment): Write => ({
  do: "check",
  key: type === "node" ? keys.node(workspaceId, id) : keys.nodeGroup(workspaceId, id),
  when: { status: "active" },
  otherwise: { code: "not-ready", detail: `the ${type === "node" ? "node" : "node group"} ${name} is not active` },
});
