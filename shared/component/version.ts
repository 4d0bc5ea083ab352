import semver from "semver";
import * as z from "zod";
import type { Moment } from "../ids.ts";
import { type IntentKind, type NewIntent, requestIntent, type StoredIntent } from "../intent/intent.ts";
import { keys } from "../keys.ts";
import { born, Description, type Stored, Timestamps } from "../resource.ts";
import { type Accepted, type StoredWorkspace, workspaceIsActive } from "../workspace/workspace.ts";
import type { Write } from "../writes.ts";
import type { StoredComponent } from "./component.ts";
import { ShortRecipe } from "./recipe.ts";

/** Semantic version as Greengrass takes it: at most 64 characters, no build metadata. */
export const Version = z
  .string()
  .max(64)
  .refine((text) => semver.valid(text) === text, "must be a semantic version such as 1.0.0")
  .meta({ examples: ["1.0.0"] });

export const VersionStatus = z.enum(["draft", "publishing", "published", "failed", "deleting"]);

export const CreateVersion = z
  .strictObject({
    version: Version,
    description: Description.optional(),
    // Greengrass takes recipes of 16,000 bytes; what is built around the short form needs some of them.
    recipe: ShortRecipe.refine(
      (recipe) => new TextEncoder().encode(JSON.stringify(recipe)).length <= 15_000,
      "must have at most 15,000 bytes as JSON",
    ),
  })
  .meta({ id: "CreateComponentVersion" });
export type CreateVersion = z.infer<typeof CreateVersion>;

export const ComponentVersion = z
  .object({
    id: z.string(),
    component: z.string().meta({ description: "Name of the component" }),
    version: Version,
    description: Description.optional(),
    status: VersionStatus,
    recipe: ShortRecipe.extend({}).meta({ id: "Recipe", description: "The short form, with its defaults" }),
    arn: z.string().optional().meta({ description: "Greengrass's ARN, once published" }),
    artifactBytes: z.int().optional().meta({ description: "Bytes of all files below dist/, once published" }),
    catalogueNumber: z.int().optional().meta({ description: "Place in the order of publication" }),
    ...Timestamps,
  })
  .meta({ id: "ComponentVersion" });

export type StoredVersion = z.infer<typeof ComponentVersion> &
  Stored & {
    readonly type: "component-version";
    readonly workspaceId: string;
    readonly componentId: string;
  };

const subject = (version: StoredVersion): NewIntent["subject"] => ({
  type: "component-version",
  id: version.id,
  name: `${version.component} ${version.version}`,
  href: `/v1/workspaces/${version.workspaceId}/components/${version.componentId}/versions/${version.id}`,
});

/** A draft, counted on its component, with its number claimed. */
export const createVersion = (
  workspace: StoredWorkspace,
  component: StoredComponent,
  input: CreateVersion,
  moment: Moment,
): { version: StoredVersion; writes: Write[] } => {
  const id = moment.newId("component-version");
  const version: StoredVersion = {
    ...keys.version(component.id, id),
    type: "component-version",
    id,
    workspaceId: workspace.id,
    componentId: component.id,
    component: component.name,
    ...input,
    status: "draft",
    ...born(moment.now),
  };
  return {
    version,
    writes: [
      workspaceIsActive(workspace.id),
      {
        do: "update",
        key: keys.component(workspace.id, component.id),
        add: { versions: 1 },
        when: { id: component.id },
        otherwise: { code: "not-found", detail: `the component ${component.name} was deleted` },
      },
      {
        do: "create",
        item: { ...keys.versionName(component.id, input.version), type: "name", id },
        otherwise: { code: "name-taken", detail: `${component.name} ${input.version} exists` },
      },
      { do: "create", item: { ...version } },
    ],
  };
};

const ask = (kind: IntentKind, version: StoredVersion, caller: string, moment: Moment): StoredIntent =>
  requestIntent(
    {
      kind,
      workspaceId: version.workspaceId,
      subject: subject(version),
      requestedBy: caller,
      parentId: version.componentId,
    },
    moment,
  );

/** Freezes a draft, or one whose publication failed, and asks for its publication. */
export const publishVersion = (version: StoredVersion, caller: string, moment: Moment): Accepted => ({
  intent: ask("component-version.publish", version, caller, moment),
  writes: [
    {
      do: "update",
      key: keys.version(version.componentId, version.id),
      set: { status: "publishing", updatedAt: moment.now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["draft", "failed"] } },
      otherwise: {
        code: "version-immutable",
        detail: `${version.component} ${version.version} is already ${version.status === "draft" ? "being published" : version.status}`,
      },
    },
  ],
});

/** Asks for the deletion; the caller has checked that no deployment uses it, and the workflow checks again. */
export const deleteVersion = (version: StoredVersion, caller: string, moment: Moment): Accepted => ({
  intent: ask("component-version.delete", version, caller, moment),
  writes: [
    {
      do: "update",
      key: keys.version(version.componentId, version.id),
      set: { status: "deleting", updatedAt: moment.now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["draft", "failed", "published"] } },
      otherwise: { code: "not-ready", detail: "the version is being published or deleted" },
    },
  ],
});

/** The last writes of a version's deletion. Its number in the catalogue stays used. */
export const forgetVersion = (version: StoredVersion): Write[] => [
  { do: "delete", key: keys.version(version.componentId, version.id), when: { status: "deleting" } },
  { do: "delete", key: keys.versionName(version.componentId, version.version) },
  { do: "delete", key: keys.publishedRecipe(version.id) },
  {
    do: "update",
    key: keys.component(version.workspaceId, version.componentId),
    add: { versions: -1 },
    when: { id: version.componentId },
  },
];
