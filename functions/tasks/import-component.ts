import { isAwsError } from "../../shared/aws/aws-errors.ts";
import {
  componentArn,
  describeComponent,
  getComponent,
  listVersions,
  publicComponentArn,
} from "../../shared/aws/greengrass.ts";
import { copyOver, deleteObject, headObject } from "../../shared/aws/objects.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { adoptVersion, claimPublicName, type PublicClaim, publicVersion } from "../../shared/component/adopt.ts";
import type { StoredComponent } from "../../shared/component/component.ts";
import type { StoredFile } from "../../shared/component/file.ts";
import {
  adoptedRecipe,
  type ForeignArtifact,
  foreignArtifacts,
  isPublicSubject,
} from "../../shared/component/import.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import { ComponentType } from "../../shared/component/short-form.ts";
import { takenBack } from "../../shared/component/version.ts";
import { env } from "../../shared/env.ts";
import { memberInAnyCase } from "../../shared/json.ts";
import { keys } from "../../shared/keys.ts";
import { isArtifactBucket } from "../../shared/names.ts";
import { AppError } from "../../shared/problems.ts";
import { nextInCatalogue } from "../catalogue.ts";
import { theMoment } from "../moment.ts";
import { desiredWorkspace } from "./desired.ts";
import { type TaskInput, task } from "./task.ts";

/** Begins no further version after this; the workflow comes back. */
const BUDGET_MS = 300_000;
/** One transaction has a hundred writes, and a version's own take some of them. */
const MOST_ARTIFACTS = 80;

/** Version by version, each whole or not at all: what is known already is left as it is. */
export const handler = task("import-component", async (input) => {
  const deadline = Date.now() + BUDGET_MS;
  const work = isPublicSubject(input.subjectId) ? await publicWork(input) : await privateWork(input);
  for (const step of work) {
    if (Date.now() > deadline) return { more: true };
    await step();
  }
  return { more: false };
});

/** Of two imports at once, one is faster. */
const unlessTaken = async (work: Promise<void>): Promise<void> => {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof AppError && error.code === "name-taken")) throw error;
  }
};

type Steps = readonly (() => Promise<void>)[];

const noSuch = (name: string) => new AppError("not-found", `Greengrass has no component ${name}`);

/** What the first import finds is for everyone; later versions are seen from their number on, as all others. */
const publicWork = async ({ subjectId: name, intentId }: TaskInput): Promise<Steps> => {
  const versions = await listVersions(await publicComponentArn(name));
  if (versions === undefined) throw noSuch(name);
  await unlessTaken(transact([claimPublicName(name, intentId)]));
  const claim = await getItem<PublicClaim>(keys.componentName(name));
  return versions.map((found) => async () => {
    if ((await getItem(keys.publicVersion(name, found.version))) !== undefined) return;
    const { recipe } = await getComponent(found.arn);
    await unlessTaken(
      claim?.intentId === intentId
        ? transact([publicVersion(name, found, recipe, 0), takenBack()])
        : nextInCatalogue((number) => [publicVersion(name, found, recipe, number)]),
    );
  });
};

const privateWork = async (input: TaskInput): Promise<Steps> => {
  const component = await getItem<StoredComponent>(keys.component(input.workspaceId, input.subjectId));
  if (component === undefined) throw new AppError("not-found", `the component ${input.subjectId} is gone`);
  const { bucket } = await desiredWorkspace(input);
  const versions = await listVersions(await componentArn(env("ACCOUNT_ID"), component.name));
  if (versions === undefined) throw noSuch(component.name);
  return versions.map((found) => () => importVersion(component, bucket, found));
};

const isKnown = async (component: StoredComponent, version: string): Promise<boolean> =>
  (await getItem(keys.versionName(component.id, version))) !== undefined;

const importVersion = async (
  component: StoredComponent,
  bucket: string,
  { version, arn }: { readonly version: string; readonly arn: string },
): Promise<void> => {
  if (await isKnown(component, version)) return;
  // One that Greengrass still makes, or could not make, is none that can be deployed: a later import looks again.
  if ((await describeComponent(arn))?.state !== "DEPLOYABLE") return;
  const { recipe, versionId } = await getComponent(arn);
  if (versionId !== undefined) return; // Slipway's own, of this stage or of another one
  const parsed: unknown = JSON.parse(recipe);
  const artifacts = foreignArtifacts(parsed);
  if (artifacts.length > MOST_ARTIFACTS) {
    throw new AppError("version-too-large", `${component.name} ${version} has more than ${MOST_ARTIFACTS} artifacts`);
  }
  const files: Pick<StoredFile, "path" | "size" | "sha256">[] = [];
  const copied = new Map<string, string>();
  for (const artifact of artifacts) {
    const size = await copyArtifact(artifact, bucket, artifactKey(component.name, version, artifact.path));
    if (size === undefined) continue;
    copied.set(artifact.uri, artifact.path);
    if (!files.some(({ path }) => path === artifact.path))
      files.push({ path: artifact.path, size, sha256: artifact.sha256 });
  }
  const document = adoptedRecipe(parsed, copied) as Record<string, unknown>;
  const componentType =
    ComponentType.safeParse(memberInAnyCase(parsed, "ComponentType")).data ?? "aws.greengrass.generic";
  const missing = artifacts.filter(({ uri }) => !copied.has(uri)).map(({ uri }) => uri);
  try {
    await nextInCatalogue((catalogueNumber) => {
      const adopted = { version, arn, recipe, document, componentType, files, missing, catalogueNumber };
      return adoptVersion(component, adopted, theMoment());
    });
  } catch (error) {
    const isTaken = error instanceof AppError && error.code === "name-taken";
    if (!isTaken || !(await isKnown(component, version))) throw error; // another import was faster
  }
};

/**
 * Copies an artifact with the hash that Greengrass has of it. Buckets of workspaces are not read: what lies there is another
 * tenant's. @returns its size; undefined of what cannot be read, or is something else by now
 */
const copyArtifact = async ({ bucket, key, sha256 }: ForeignArtifact, ours: string, to: string) => {
  if (isArtifactBucket(bucket)) return undefined;
  const held = await headObject(ours, to);
  if (held?.sha256 === sha256) return held.size;
  try {
    const found = await copyOver({ bucket, key }, { bucket: ours, key: to }, held?.etag);
    if (found === sha256) return (await headObject(ours, to))?.size;
    if (found !== undefined) await deleteObject(ours, to);
    return undefined;
  } catch (error) {
    if (isAwsError(error, "AccessDenied", "NoSuchBucket")) return undefined;
    throw error;
  }
};
