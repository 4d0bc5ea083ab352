import * as z from "zod";
import type { VersionFacts } from "../deployment/versions.ts";
import { isId, type Moment } from "../ids.ts";
import { requestIntent } from "../intent/intent.ts";
import { memberInAnyCase } from "../json.ts";
import { keys } from "../keys.ts";
import { ComponentName, isPublicName, OF_AWS } from "../names.ts";
import { born } from "../resource.ts";
import type { Accepted, StoredWorkspace } from "../workspace/workspace.ts";
import type { Key, Write } from "../writes.ts";
import { createComponent, type StoredComponent } from "./component.ts";
import { factsOf } from "./facts.ts";
import type { StoredFile } from "./file.ts";
import { artifactsIn } from "./package.ts";
import { ARTIFACTS_FOLDER } from "./recipe.ts";
import type { ComponentType } from "./short-form.ts";
import { type StoredVersion, versionItems } from "./version.ts";

export const ImportComponent = z
  .strictObject({
    name: ComponentName.meta({
      description: "One of the account's own, or one of AWS's, which begin with aws.greengrass.",
    }),
  })
  .meta({ id: "ImportComponent" });

/** A version of a component that AWS publishes: what others may depend on. */
export interface StoredPublicVersion extends Key {
  readonly type: "public-version";
  readonly name: string;
  readonly version: string;
  readonly arn: string;
  readonly status: "published";
  /** 0 for what the first import of the component found: with it the component is known, to deployments of any age. */
  readonly catalogueNumber: number;
  readonly dependencies?: VersionFacts["dependencies"];
  readonly runtimes?: VersionFacts["runtimes"];
}

/** The claim of a name of AWS's, and the intent of the import that made it. */
export interface PublicClaim extends Key {
  readonly workspaceId: typeof OF_AWS;
  readonly intentId: string;
}

export const claimPublicName = (name: string, intentId: string): Write => ({
  do: "create",
  item: { ...keys.componentName(name), type: "name", workspaceId: OF_AWS, intentId },
  otherwise: { code: "name-taken", detail: `${name} is known` },
});

/** A version of AWS's, as resolution knows it. @param recipe as Greengrass has it */
export const publicVersion = (
  name: string,
  { version, arn }: { readonly version: string; readonly arn: string },
  recipe: string,
  catalogueNumber: number,
): Write => {
  const { dependencies, runtimes } = factsOf({ version, document: JSON.parse(recipe) }, catalogueNumber);
  const item: StoredPublicVersion = {
    ...keys.publicVersion(name, version),
    type: "public-version",
    ...{ name, version, arn, status: "published", catalogueNumber },
    ...(dependencies !== undefined && { dependencies }),
    ...(runtimes !== undefined && { runtimes }),
  };
  return { do: "create", item: { ...item }, otherwise: { code: "name-taken", detail: `${name} ${version} is known` } };
};

/**
 * Asks for the versions of a component that Greengrass has, those that are not known yet. One of the account's own becomes the
 * workspace's; AWS's own are everybody's.
 * @param known the workspace's component of this name
 */
export const importComponent = (
  workspace: StoredWorkspace,
  known: StoredComponent | undefined,
  name: string,
  caller: string,
  moment: Moment,
): Accepted => {
  const at = `/v1/workspaces/${workspace.id}/components`;
  const ask = (id: string, href: string) =>
    requestIntent(
      {
        kind: "component.import",
        workspaceId: workspace.id,
        subject: { type: "component", id, name, href },
        requestedBy: caller,
      },
      moment,
    );
  if (isPublicName(name)) return { intent: ask(name, at), writes: [] };
  if (known !== undefined) return { intent: ask(known.id, `${at}/${known.id}`), writes: [] };
  const { component, writes } = createComponent(workspace, { name }, moment);
  return { intent: ask(component.id, `${at}/${component.id}`), writes };
};

/** Whether an import's subject is one of AWS's components, which are told by their names. */
export const isPublicSubject = (subjectId: string): boolean => !isId(subjectId, "component");

export interface ForeignArtifact {
  readonly uri: string;
  readonly bucket: string;
  readonly key: string;
  /** Hexadecimal, as Greengrass has it. */
  readonly sha256: string;
  /** Where it goes among the version's files: devices know artifacts by their file names alone. */
  readonly path: string;
}

/** The artifacts in S3 that a recipe of someone else names, each once. */
export const foreignArtifacts = (recipe: unknown): ForeignArtifact[] => {
  const found = new Map<string, ForeignArtifact>();
  for (const { uri, digest } of artifactsIn(recipe)) {
    const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
    if (bucket === undefined || key === undefined || typeof digest !== "string") continue;
    const sha256 = Buffer.from(digest, "base64").toString("hex");
    found.set(uri, { uri, bucket, key, sha256, path: `dist/${key.slice(key.lastIndexOf("/") + 1)}` });
  }
  return [...found.values()];
};

/**
 * The recipe as a version of Slipway's may have it: artifacts that were copied are told by their placeholders, and what
 * Greengrass alone sets is left out.
 */
export const adoptedRecipe = (recipe: unknown, copied: ReadonlyMap<string, string>): unknown => {
  const adopt = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(adopt);
    if (typeof value !== "object" || value === null) return value;
    const uri = memberInAnyCase(value, "Uri");
    const isArtifact = typeof uri === "string" && /^(?:s3|docker):/.test(uri);
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, inner]) => {
        if (!isArtifact) return [[name, adopt(inner)]];
        if (/^(?:digest|algorithm)$/i.test(name)) return [];
        const path = /^uri$/i.test(name) ? copied.get(uri) : undefined;
        return [[name, path === undefined ? inner : ARTIFACTS_FOLDER + path.slice("dist/".length)]];
      }),
    );
  };
  return adopt(recipe);
};

export interface Adopted {
  readonly version: string;
  readonly arn: string;
  /** As Greengrass has it. */
  readonly recipe: string;
  readonly document: Record<string, unknown>;
  readonly componentType: ComponentType;
  readonly files: readonly Pick<StoredFile, "path" | "size" | "sha256">[];
  /** URIs of what could not be read, or is not what Greengrass has. */
  readonly missing: readonly string[];
  readonly catalogueNumber: number;
}

/** A version that Greengrass has, as a published one of Slipway's. */
export const adoptVersion = (component: StoredComponent, adopted: Adopted, moment: Moment): Write[] => {
  const { files, missing, recipe, document, ...known } = adopted;
  const { dependencies, runtimes } = factsOf({ version: known.version, document }, known.catalogueNumber);
  const id = moment.newId("component-version");
  const version: StoredVersion = {
    ...keys.version(component.id, id),
    type: "component-version",
    id,
    workspaceId: component.workspaceId,
    componentId: component.id,
    component: component.name,
    ...known,
    recipeText: { format: "json", text: JSON.stringify(document) },
    document,
    status: "published",
    ...(dependencies !== undefined && { dependencies }),
    ...(runtimes !== undefined && { runtimes }),
    imported: { at: moment.now.toISOString(), missing: [...missing] },
    artifactBytes: files.reduce((sum, { size }) => sum + size, 0),
    ...born(moment.now),
  };
  const createdAt = moment.now.toISOString();
  return [
    ...versionItems(component, version),
    { do: "create", item: { ...keys.publishedRecipe(id), type: "published-recipe", text: recipe } },
    ...files.map(
      (file): Write => ({ do: "create", item: { ...keys.file(id, file.path), type: "file", ...file, createdAt } }),
    ),
  ];
};
