import { isAwsError } from "../../shared/aws/aws-errors.ts";
import {
  componentVersionArn,
  createComponentVersion,
  deleteComponent,
  describeComponent,
} from "../../shared/aws/greengrass.ts";
import { allItems, transact } from "../../shared/aws/table.ts";
import type { StoredFile, StoredVersion } from "../../shared/component/version.ts";
import { readRecipe, refuseErrors } from "../../shared/component/version-recipe.ts";
import { env } from "../../shared/env.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredComponent, desiredVersion, desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/** The intent's id is the client token: a repeat answers the version that was made. */
export const handler = task("create-component-version", async (input) => {
  const version = await desiredVersion(input);
  const component = await desiredComponent(input);
  const { bucket } = await desiredWorkspace(input);
  const files = await allItems<StoredFile>(partitions.files(version.id));
  const { text, findings } = readRecipe(
    version,
    {
      name: component.name,
      version: version.version,
      publisher: component.publisher,
      description: version.description ?? component.description,
      bucket,
    },
    { files: files.map(({ path }) => path) },
  );
  refuseErrors(findings, "");
  if (text === undefined) throw new AppError("invalid-recipe", "the recipe cannot be read");
  let arn: string;
  try {
    arn = await createComponentVersion(text, version.id, input.intentId);
  } catch (error) {
    if (isAwsError(error, "ConflictException")) await clearAway(version);
    if (!isAwsError(error, "ConflictException", "ValidationException")) throw error;
    throw new AppError("component-rejected", `Greengrass: ${(error as Error).message}`, { cause: error });
  }
  await transact([
    { do: "update", key: keys.version(version.componentId, version.id), set: { arn }, when: { status: "publishing" } },
  ]);
});

/**
 * What an earlier publication of this very version left in Greengrass before it failed goes, since the draft may have been
 * changed after it; the tag tells that it is ours. What someone else made stays.
 * @throws AppError `busy` when it was ours: the step is tried again
 */
const clearAway = async (version: StoredVersion): Promise<void> => {
  const arn = await componentVersionArn(env("ACCOUNT_ID"), version.component, version.version);
  const found = await describeComponent(arn);
  if (found !== undefined && found.versionId !== version.id) return;
  if (found !== undefined) await deleteComponent(arn);
  throw new AppError("busy", "an earlier publication of this version is being cleared away");
};
