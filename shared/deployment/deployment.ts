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

/** A component as a deployment keeps it. */
const KeptComponent = z
  .object({
    ...WantedComponent.shape,
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

export const Deployment = z
  .object({
    target: Target,
    revision: z.int().positive(),
    priority: z.int(),
    catalogue: z.int().meta({ description: "Number of the newest published version when this revision was made" }),
    components: z.record(z.string(), KeptComponent),
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
    at: deployment.updatedAt,
  },
});

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
  const components = new Map(Object.entries(deployment.components));
  for (const [name, wanted] of Object.entries(patch.components ?? {})) {
    if (wanted === null) components.delete(name);
    else components.set(name, { ...wanted, catalogue: sight });
  }
  return {
    ...deployment,
    components: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
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
    href: `/v1/workspaces/${next.workspaceId}/node-groups/${next.id}/deployment`,
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
      {
        do: "check",
        key: keys.nodeGroup(next.workspaceId, next.id),
        when: { status: "active" },
        otherwise: { code: "not-ready", detail: `the node group ${next.target.name} is not active` },
      },
    ],
  };
};
