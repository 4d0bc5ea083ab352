import * as z from "zod";
import { isId, type Moment } from "../ids.ts";
import { requestIntent } from "../intent/intent.ts";
import { memberInAnyCase } from "../json.ts";
import { ComponentName, isPublicName } from "../names.ts";
import type { Accepted, StoredWorkspace } from "../workspace/workspace.ts";
import { createComponent, type StoredComponent } from "./component.ts";
import { artifactsIn } from "./package.ts";
import { ARTIFACTS_FOLDER } from "./recipe.ts";

export const ImportComponent = z
  .strictObject({
    name: ComponentName.meta({
      description: "One of the account's own, or one of AWS's, which begin with aws.greengrass.",
    }),
  })
  .meta({ id: "ImportComponent" });

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
