import validRange from "semver/ranges/valid.js";
import * as z from "zod";
import { JsonObject } from "../json.ts";
import { keys } from "../keys.ts";
import { Timestamps } from "../resource.ts";
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
export const KeptComponent = z
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

const Target = z.object({ type: z.enum(["node-group", "node"]), id: z.string(), name: z.string() });
export type Target = z.infer<typeof Target>;

/** How a revision came to be; who made it is kept beside it, and when is its `updatedAt`. */
const Change = z
  .object({
    kind: z.enum(["patch", "replace", "refresh", "rollback", "delete", "auto-update"]),
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

/** One of a target's revisions without what it said of components, of which there may be many. */
export const ListedRevision = Deployment.pick({
  revision: true,
  priority: true,
  catalogue: true,
  autoUpdate: true,
  change: true,
})
  .extend({
    requestedBy: z.string().meta({ description: "Subject of who asked for it" }),
    at: z.iso.datetime(),
  })
  .meta({ id: "ListedDeploymentRevision" });

export const DeploymentRevision = ListedRevision.extend(
  Deployment.pick({ components: true, policies: true, rollout: true }).shape,
).meta({ id: "DeploymentRevision", description: "What a deployment said, and who made it so, when and why" });

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
export type KeptRevision = z.infer<typeof DeploymentRevision>;

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
