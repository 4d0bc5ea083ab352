import valid from "semver/functions/valid.js";
import * as z from "zod";
import type { Runtime } from "../deployment/cell.ts";
import type { Dependency } from "../deployment/versions.ts";
import type { Moment } from "../ids.ts";
import { type IntentKind, type NewIntent, requestIntent, type StoredIntent } from "../intent/intent.ts";
import { JsonObject } from "../json.ts";
import { keys } from "../keys.ts";
import { AppError } from "../problems.ts";
import { born, Description, type Stored, Timestamps } from "../resource.ts";
import { type Accepted, type StoredWorkspace, workspaceIsActive } from "../workspace/workspace.ts";
import type { Key, Refusal, Write } from "../writes.ts";
import type { StoredComponent } from "./component.ts";
import { bytesOf, RecipeText } from "./recipe.ts";
import { RecipeFinding } from "./recipe-findings.ts";
import { ComponentType, ShortRecipe } from "./short-form.ts";
import type { KeptRecipe } from "./version-recipe.ts";

/**
 * Semantic version as Greengrass takes it: at most 64 characters, no build metadata, numbers of six digits at most.
 * https://github.com/aws-greengrass/aws-greengrass-component-common/blob/main/src/main/java/com/amazon/aws/iot/greengrass/component/common/ComponentRecipe.java
 */
export const Version = z
  .string()
  .max(64)
  .refine((text) => valid(text) === text, "must be a semantic version such as 1.0.0")
  .refine((text) => /^\d{1,6}\.\d{1,6}\.\d{1,6}(?:-|$)/.test(text), "must have numbers of at most six digits")
  .meta({ examples: ["1.0.0"] });

export const VersionStatus = z.enum(["draft", "publishing", "published", "failed", "deleting"]);

const GivenRecipe = {
  // Greengrass takes recipes of 16,000 bytes; what is built around the short form needs some of them.
  recipe: ShortRecipe.refine(
    (recipe) => bytesOf(JSON.stringify(recipe)) <= 15_000,
    "must have at most 15,000 bytes as JSON",
  )
    .optional()
    .meta({ description: "The short form, from which the recipe is built" }),
  recipeText: RecipeText.optional().meta({ description: "A recipe of one's own, in place of the short form" }),
};

const oneForm = (given: { recipe?: unknown; recipeText?: unknown }): boolean =>
  given.recipe === undefined || given.recipeText === undefined;
const ONE_FORM = { error: "must not be there beside recipe", path: ["recipeText"] };

export const CreateVersion = z
  .strictObject({
    version: Version,
    from: z.string().min(1).max(64).optional().meta({
      description: "Version or id of another version of the component, of which what is not said here is taken",
    }),
    description: Description.optional(),
    ...GivenRecipe,
  })
  .refine(oneForm, ONE_FORM)
  .refine((given) => (given.recipe ?? given.recipeText ?? given.from) !== undefined, {
    error: "must be there, or recipeText, or from",
    path: ["recipe"],
  })
  .meta({ id: "CreateComponentVersion" });
export type CreateVersion = z.infer<typeof CreateVersion>;

export const EditVersion = z
  .strictObject({
    description: Description.nullable().optional().meta({ description: "null removes it" }),
    ...GivenRecipe,
  })
  .refine(oneForm, ONE_FORM)
  .refine((edit) => Object.values(edit).some((value) => value !== undefined), "must change something")
  .meta({ id: "EditComponentVersion", description: "A recipe is replaced as a whole" });
export type EditVersion = z.infer<typeof EditVersion>;

export const ComponentVersion = z
  .object({
    id: z.string(),
    component: z.string().meta({ description: "Name of the component" }),
    version: Version,
    description: Description.optional(),
    status: VersionStatus,
    componentType: ComponentType.optional().meta({
      description: "What the recipe makes of it; generic unless it says so",
    }),
    clonedFrom: z.string().optional().meta({ description: "Id of the version that it was made from" }),
    copying: z
      .enum(["running", "failed"])
      .optional()
      .meta({
        description:
          "How it stands with the copies of that version's files, or of those of a push, until all are there. Before, files " +
          "cannot be changed, nor the version be published; where it failed, the version can just be deleted, or pushed again",
      }),
    recipe: ShortRecipe.extend({}).meta({ id: "Recipe", description: "The short form, with its defaults" }).optional(),
    recipeText: RecipeText.extend({})
      .meta({ id: "OwnRecipe", description: "The recipe of one's own, byte for byte" })
      .optional(),
    document: JsonObject.optional().meta({ description: "The recipe of one's own as it was read" }),
    arn: z.string().optional().meta({ description: "Greengrass's ARN, once published" }),
    artifactBytes: z.int().optional().meta({ description: "Bytes of all files below dist/, once published" }),
    imported: z
      .object({
        at: z.iso.datetime(),
        missing: z.array(z.string()).meta({ description: "URIs of artifacts that could not be copied" }),
      })
      .optional()
      .meta({
        id: "Imported",
        description: "That Greengrass had it before: devices download its artifacts from where they were",
      }),
    deprecated: z
      .object({ reason: z.string(), at: z.iso.datetime(), by: z.string() })
      .optional()
      .meta({ id: "Deprecation", description: "That it is to be used no more, why, and who said so" }),
    catalogueNumber: z.int().optional().meta({ description: "Place in the order of publication" }),
    ...Timestamps,
  })
  .meta({ id: "ComponentVersion" });

/** A hundred recipes would be more than one answer holds. */
export const ListedVersion = ComponentVersion.omit({ recipeText: true, document: true }).meta({
  id: "ListedComponentVersion",
  description: "A version without its recipe, where that is one's own",
});

const OrderedVersion = z.object({ id: z.string(), version: z.string() });

export const ListedVersions = z
  .object({
    items: z.array(ListedVersion),
    nextCursor: z.string().optional().meta({ description: "Absent on the last page" }),
    newest: OrderedVersion.optional().meta({ description: "The version that was published last" }),
    highest: OrderedVersion.optional().meta({ description: "The highest of the published versions" }),
  })
  .meta({ id: "ListedComponentVersions" });

export const Deprecate = z
  .strictObject({ reason: z.string().min(1).max(1_024).meta({ description: "For those who would use it" }) })
  .meta({ id: "DeprecateComponentVersion" });

export const RecipeFindings = z
  .object({
    publishable: z.boolean().meta({ description: "Whether none of them is an error" }),
    findings: z.array(RecipeFinding),
  })
  .meta({ id: "RecipeFindings", description: "What is wrong with a version's recipe, held against its files" });

export type StoredVersion = z.infer<typeof ComponentVersion> &
  Stored & {
    readonly type: "component-version";
    readonly workspaceId: string;
    readonly componentId: string;
    /** What its recipe depends on, once published, for resolution: that reads many versions, and no recipes. */
    readonly dependencies?: Readonly<Record<string, Dependency>>;
    /** The runtimes that it is made for; absent for all. */
    readonly runtimes?: readonly Runtime[];
    readonly deprecated?: { readonly reason: string };
  };

const subject = (version: StoredVersion): NewIntent["subject"] => ({
  type: "component-version",
  id: version.id,
  name: `${version.component} ${version.version}`,
  href: `/v1/workspaces/${version.workspaceId}/components/${version.componentId}/versions/${version.id}`,
});

/** Where a new version's files come from. */
interface NewFiles {
  readonly copies: boolean;
  readonly caller: string;
  readonly kind?: "component-version.copy" | "component-version.push";
}

/** What a draft is made of: its recipe was accepted for its version. */
export interface NewVersion extends KeptRecipe {
  readonly version: string;
  readonly description?: string | undefined;
  readonly clonedFrom?: string | undefined;
}

/**
 * A draft, counted on its component, with its number claimed. The files of a version that it is made from, or of a push, are
 * copied by a workflow of its own.
 * @param copies whether there are such files
 */
export const createVersion = (
  workspace: StoredWorkspace,
  component: StoredComponent,
  input: NewVersion,
  { copies, caller, kind = "component-version.copy" }: NewFiles,
  moment: Moment,
): { version: StoredVersion; intent?: StoredIntent; writes: Write[] } => {
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
    ...(copies && { copying: "running" }),
    ...born(moment.now),
  };
  const intent = copies ? ask(kind, version, caller, moment) : undefined;
  return {
    version,
    ...(intent && { intent }),
    writes: [workspaceIsActive(workspace.id), ...versionItems(component, version), ...(intent ? [create(intent)] : [])],
  };
};

/**
 * A draft, or a version whose publication failed, with another description or recipe. Of a form of the recipe that is not
 * given any more nothing stays.
 * @param recipe another one, accepted for this version
 * @throws AppError `version-immutable`
 */
export const editVersion = (
  version: StoredVersion,
  description: string | null | undefined,
  recipe: KeptRecipe | undefined,
  now: Date,
): { next: StoredVersion; write: Write } => {
  if (version.status !== "draft" && version.status !== "failed") {
    throw new AppError("version-immutable", `${version.component} ${version.version} is ${version.status}`);
  }
  const revision = version.revision + 1;
  const edits: Readonly<Record<string, unknown>> = {
    ...(description !== undefined && { description: description ?? undefined }),
    ...(recipe !== undefined && { recipe: undefined, recipeText: undefined, document: undefined, ...recipe }),
  };
  const set = {
    ...Object.fromEntries(Object.entries(edits).filter(([, value]) => value !== undefined)),
    revision,
    updatedAt: now.toISOString(),
  };
  const remove = Object.keys(edits).filter((name) => edits[name] === undefined);
  return {
    next: { ...version, ...edits, ...set },
    write: {
      do: "update",
      key: keys.version(version.componentId, version.id),
      set,
      ...(remove.length > 0 && { remove }),
      when: { revision: version.revision },
      otherwise: { code: "precondition-failed", detail: "it was changed at the same time: read it again" },
    },
  };
};

/** Where a version stands among those of its component: small enough that all of them are read at once. */
export interface StoredVersionOrder extends Key {
  readonly type: "version-order";
  readonly id: string;
  readonly version: string;
  /** Its number in the catalogue, while it is published. */
  readonly published?: number;
}

const versionOrderItem = ({ id, version, catalogueNumber }: StoredVersion): Omit<StoredVersionOrder, keyof Key> => ({
  type: "version-order",
  id,
  version,
  ...(catalogueNumber !== undefined && { published: catalogueNumber }),
});

/** The highest of the published versions, and the one that was published last. */
export const bestOf = (
  orders: readonly StoredVersionOrder[],
): { readonly highest?: StoredVersionOrder; readonly newest?: StoredVersionOrder } => {
  const published = orders.filter((order) => order.published !== undefined);
  const [first, ...others] = published;
  if (first === undefined) return {};
  return {
    highest: others.reduce((best, order) => (order.sk > best.sk ? order : best), first),
    newest: others.reduce((best, order) => ((order.published ?? 0) > (best.published ?? 0) ? order : best), first),
  };
};

/** A version as it is made: counted on its component, with its number claimed. */
export const versionItems = (component: StoredComponent, version: StoredVersion): Write[] => [
  {
    do: "update",
    key: keys.component(component.workspaceId, component.id),
    add: { versions: 1 },
    when: { id: component.id },
    otherwise: { code: "not-found", detail: `the component ${component.name} was deleted` },
  },
  {
    do: "create",
    item: { ...keys.versionName(component.id, version.version), type: "name", id: version.id },
    otherwise: { code: "name-taken", detail: `${component.name} ${version.version} exists` },
  },
  { do: "create", item: { ...version } },
  { do: "create", item: { ...keys.versionOrder(component.id, version.version), ...versionOrderItem(version) } },
];

const create = (intent: StoredIntent): Write => ({ do: "create", item: { ...intent } });

/** An intent of a version's. */
export const ask = (kind: IntentKind, version: StoredVersion, caller: string, moment: Moment): StoredIntent =>
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

/** What a version is refused for that lacks files of the one, or of the push, that it was made from. */
export const copyingOf = ({ component, version, copying }: StoredVersion): Refusal | undefined => {
  if (copying === undefined) return undefined;
  const why = copying === "running" ? "are still being copied" : "could not all be copied: delete it, and make it anew";
  return { code: "not-ready", detail: `the files of ${component} ${version} ${why}` };
};

/** All files that were copied are there. */
export const finishCopy = (version: StoredVersion, now: Date): Write => ({
  do: "update",
  key: keys.version(version.componentId, version.id),
  set: { updatedAt: now.toISOString() },
  remove: ["copying"],
  add: { revision: 1 },
  when: { copying: "running" },
});

/** Freezes a draft, or one whose publication failed, and asks for its publication. */
export const publishVersion = (version: StoredVersion, caller: string, moment: Moment): Accepted => ({
  intent: ask("component-version.publish", version, caller, moment),
  writes: [
    {
      do: "update",
      key: keys.version(version.componentId, version.id),
      set: { status: "publishing", updatedAt: moment.now.toISOString() },
      add: { revision: 1 },
      when: { status: { in: ["draft", "failed"] }, copying: { exists: false } },
      otherwise: copyingOf(version) ?? {
        code: "version-immutable",
        detail: `${version.component} ${version.version} is already ${version.status === "draft" ? "being published" : version.status}`,
      },
    },
  ],
});

/**
 * How long a publication goes on looking, from when its version was frozen: its workflow has 45 minutes, of which some stay
 * to take away what there is.
 */
const DEPLOYABLE_WITHIN_MINUTES = 40;

/**
 * Whether Greengrass has made a version deployable, or may still do so.
 * @param found what Greengrass says of it; undefined when it has none
 * @throws AppError `component-rejected` with the reason
 */
export const isDeployable = (
  { updatedAt }: Pick<StoredVersion, "updatedAt">,
  found: { readonly state: string; readonly message?: string | undefined } | undefined,
  now: Date,
): boolean => {
  const rejected = (why: string) => new AppError("component-rejected", why);
  if (found === undefined) throw rejected("Greengrass no longer has the component version");
  if (found.state === "FAILED" || found.state === "DEPRECATED") {
    throw rejected(`Greengrass: ${found.message ?? found.state}`);
  }
  if (found.state === "DEPLOYABLE") return true;
  if (now.getTime() - Date.parse(updatedAt) < DEPLOYABLE_WITHIN_MINUTES * 60_000) return false;
  throw rejected(`Greengrass has not made it deployable in ${DEPLOYABLE_WITHIN_MINUTES} minutes: it is ${found.state}`);
};

/** A published version that is to be used no more, or again: it stays what it is, and deployments keep it. */
export const markVersion = (
  version: StoredVersion,
  deprecated: StoredVersion["deprecated"],
  now: Date,
): { next: StoredVersion; writes: Write[] } => {
  const set = { revision: version.revision + 1, updatedAt: now.toISOString(), ...(deprecated && { deprecated }) };
  const { deprecated: _former, ...rest } = version;
  return {
    next: { ...rest, ...set },
    writes: [
      {
        do: "update",
        key: keys.version(version.componentId, version.id),
        set,
        ...(deprecated === undefined && { remove: ["deprecated"] }),
        when: { status: "published", revision: version.revision },
        otherwise:
          version.status === "published"
            ? { code: "conflict", detail: "it was changed at the same time: try again" }
            : {
                code: "not-ready",
                detail: `${version.component} ${version.version} is ${version.status}, not published`,
              },
      },
      takenBack(),
    ],
  };
};

/** Whatever remembers published versions reads them again. */
export const takenBack = (): Write => ({
  do: "update",
  key: keys.catalogue(),
  setIfAbsent: { type: "catalogue" },
  add: { edition: 1 },
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
    takenBack(),
  ],
});

/** The last writes of a version's deletion. Its number in the catalogue stays used. */
export const forgetVersion = (version: StoredVersion): Write[] => [
  { do: "delete", key: keys.version(version.componentId, version.id), when: { status: "deleting" } },
  { do: "delete", key: keys.versionName(version.componentId, version.version) },
  { do: "delete", key: keys.versionOrder(version.componentId, version.version) },
  { do: "delete", key: keys.publishedRecipe(version.id) },
  { do: "delete", key: keys.push(version.id) },
  {
    do: "update",
    key: keys.component(version.workspaceId, version.componentId),
    add: { versions: -1 },
    when: { id: version.componentId },
  },
];
