import type { Deed } from "../../shared/audit/audit.ts";
import { auditOf } from "../../shared/aws/audit.ts";
import { translated } from "../../shared/aws/aws-errors.ts";
import { listDropped, readDropped } from "../../shared/aws/drops.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { createComponent, type StoredComponent } from "../../shared/component/component.ts";
import { MAX_FILES } from "../../shared/component/file.ts";
import { MAX_RECIPE_BYTES, RecipeText } from "../../shared/component/recipe.ts";
import type { NewVersion } from "../../shared/component/version.ts";
import { acceptRecipe, type GivenRecipe, readRecipe, refuseErrors } from "../../shared/component/version-recipe.ts";
import { keys } from "../../shared/keys.ts";
import { AppError, problem } from "../../shared/problems.ts";
import { type Dropped, type PushManifest, wantedFiles } from "../../shared/push/manifest.ts";
import {
  answerEvent,
  type DroppedObject,
  type Given,
  hashOfOrigin,
  isTheirs,
  type PushOrigin,
  type PushResult,
  pushAgain,
  pushVersion,
  type StoredPush,
} from "../../shared/push/push.ts";
import { utf8, validated } from "../../shared/read-json.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { findComponent, versionOf } from "../http/resources.ts";
import type { Log } from "../logger.ts";
import { measure } from "../metrics.ts";
import { theMoment } from "../moment.ts";
import { tell } from "./tell.ts";

/** Of one outcome: an event has room for a megabyte, and people for less. */
const MOST_FINDINGS = 100;

/** Who asks for what version of which workspace. */
export interface Occasion {
  readonly workspace: StoredWorkspace;
  readonly origin: PushOrigin;
  readonly pusher: Pick<Deed, "actor" | "source">;
}

/** What is asked for, once it is read. */
export interface Asked {
  readonly manifest: PushManifest;
  /** Prefix of the files. */
  readonly folder?: string | undefined;
}

/**
 * Answers an event that asks for a push, once: the version is made, with an intent that fills and publishes it; or nothing is
 * changed, and its outcome tells why. What is nobody's fault is thrown, and the event comes again.
 */
export const answer = async (occasion: Occasion, read: () => Promise<Asked>, log: Log): Promise<void> => {
  const { workspace, origin } = occasion;
  const hash = hashOfOrigin(workspace.id, origin);
  const isAnswered = async () => (await getItem(keys.pushEvent(hash))) !== undefined;
  if (await isAnswered()) return;
  let asked: Asked | undefined;
  try {
    asked = await read();
    await accept(occasion, hash, asked);
    log.info("pushed", { component: asked.manifest.component, version: asked.manifest.version });
  } catch (error) {
    const told = translated(error);
    if (!(told instanceof AppError) || !isTheirs(told.code)) throw told;
    if (await isAnswered()) return; // by another delivery of it
    log.info("refused", { code: told.code });
    const result: PushResult = {
      status: "failed",
      workspaceId: workspace.id,
      component: asked?.manifest.component,
      version: asked?.manifest.version,
      origin,
      problem: problem(told.code, told.message, told.findings.slice(0, MOST_FINDINGS)),
      finishedAt: new Date().toISOString(),
    };
    await tell(workspace.bucket, result);
    await transact([answerEvent(hash, new Date(), result)]);
  }
};

/** @throws AppError for whatever the API refuses a version for, and its files or its recipe the publication */
const accept = async (occasion: Occasion, hash: string, { manifest, folder }: Asked): Promise<void> => {
  const { workspace, origin, pusher } = occasion;
  const { bucket } = workspace;
  const dropped = folder === undefined ? [] : await listDropped(bucket, folder, 2 * MAX_FILES);
  const files = wantedFiles(manifest, dropped);
  const recipeFile = recipeIn(manifest, folder, dropped);
  const given = await givenRecipe(manifest, bucket, recipeFile);
  const known = await knownComponent(workspace, manifest.component);
  const { version, description } = manifest;
  const about = { name: manifest.component, version, publisher: known?.publisher, description, bucket };
  const input: NewVersion = { version, description, ...accepted(manifest, given, about, files) };

  const component = known ?? (await madeComponent(occasion, manifest.component));
  const push: Given = { publish: manifest.publish, origin, folder, files: manifest.files, recipeFile };
  const former = await versionOf(component, version);
  const moment = theMoment();
  const { intent, writes } =
    former === undefined
      ? pushVersion(workspace, component, input, push, moment)
      : pushAgain(former, await getItem<StoredPush>(keys.push(former.id)), input, push, moment);
  const { type, id, name } = intent.subject;
  const deed = {
    workspaceId: workspace.id,
    ...pusher,
    operation: "component-version.pushed",
    object: { type, id, name },
    intent: intent.id,
  };
  await transact([...writes, answerEvent(hash, moment.now), ...auditOf(deed, writes, moment.now)]);
  measure("IntentsAccepted", 1, { kind: intent.kind });
};

/** The recipe beside the manifest, if there is to be one. @throws AppError `artifact-missing`, `invalid-recipe` */
const recipeIn = (
  { recipeFile }: PushManifest,
  folder: string | undefined,
  dropped: readonly Dropped[],
): DroppedObject | undefined => {
  if (recipeFile === undefined) return undefined;
  const found = dropped.find(({ path }) => path === recipeFile);
  const pointer = "/recipeFile";
  if (found === undefined) {
    const detail = `${recipeFile} is not beside the manifest`;
    throw new AppError("artifact-missing", detail, { findings: [{ pointer, rule: "artifact-missing", detail }] });
  }
  if (found.size > MAX_RECIPE_BYTES) {
    const detail = `${recipeFile} has ${found.size} bytes; at most ${MAX_RECIPE_BYTES} are taken`;
    throw new AppError("invalid-recipe", detail, { findings: [{ pointer, rule: "too-big", detail }] });
  }
  return { key: `${folder}${found.path}`, etag: found.etag };
};

const givenRecipe = async (
  { recipe, recipeText, recipeFile }: PushManifest,
  bucket: string,
  found: DroppedObject | undefined,
): Promise<GivenRecipe> => {
  if (found === undefined || recipeFile === undefined) return { recipe, recipeText };
  const format = recipeFile.toLowerCase().endsWith(".json") ? "json" : "yaml";
  const text = utf8(await readDropped(bucket, found), recipeFile);
  return { recipeText: validated(RecipeText, { format, text }, recipeFile, () => ({ pointer: "/recipeFile" })) };
};

/** The recipe as the draft keeps it; of one that is to be published all is checked that its files do not have to be read for. */
const accepted = (
  { publish, recipeFile }: PushManifest,
  given: GivenRecipe,
  about: Parameters<typeof readRecipe>[1],
  files: readonly { readonly path: string }[],
) => {
  const at = given.recipeText === undefined ? "/recipe" : "/recipeText";
  try {
    const kept = acceptRecipe(given, about);
    if (publish) refuseErrors(readRecipe(given, about, { files: files.map(({ path }) => path) }).findings, at);
    return kept;
  } catch (error) {
    if (!(error instanceof AppError) || recipeFile === undefined) throw error;
    const findings = error.findings.map((finding) => ({
      ...finding,
      ...(finding.pointer !== undefined && { pointer: finding.pointer.replace(at, "/recipeFile") }),
    }));
    throw new AppError(error.code, error.message.replaceAll(`${at}/`, "/recipeFile/"), { findings });
  }
};

/** The component of the workspace by its name, if there is one. */
const knownComponent = async (workspace: StoredWorkspace, name: string): Promise<StoredComponent | undefined> => {
  try {
    return await findComponent(workspace, name);
  } catch (error) {
    if (error instanceof AppError && error.code === "not-found") return undefined;
    throw error;
  }
};

/**
 * The component, made for the first version that is pushed of it: by itself, since a transaction writes an item once, and the
 * version is counted on it. Another push may have made it at the same time. @throws AppError `name-taken`, `not-ready`
 */
const madeComponent = async ({ workspace, pusher }: Occasion, name: string): Promise<StoredComponent> => {
  const moment = theMoment();
  const { component, writes } = createComponent(workspace, { name }, moment);
  const deed = { workspaceId: workspace.id, ...pusher, operation: "component.pushed" };
  try {
    await transact([...writes, ...auditOf(deed, writes, moment.now)]);
    return component;
  } catch (error) {
    const other = error instanceof AppError && error.code === "name-taken" && (await knownComponent(workspace, name));
    if (!other) throw error;
    return other;
  }
};
