import { isAwsError } from "../../shared/aws/aws-errors.ts";
import { createComponentVersion } from "../../shared/aws/greengrass.ts";
import { transact } from "../../shared/aws/table.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredDraft } from "./draft.ts";
import { recipeOf } from "./draft-recipe.ts";
import { task } from "./task.ts";
import { withdraw } from "./withdraw.ts";

/** The intent's id is the client token: a repeat answers the version that was made. */
export const handler = task("create-component-version", async (input) => {
  const draft = await desiredDraft(input);
  const { version } = draft;
  const { text } = await recipeOf(input, draft);
  let arn: string;
  try {
    arn = await createComponentVersion(text, version.id, input.intentId);
  } catch (error) {
    if (isAwsError(error, "ConflictException")) await clearAway(version);
    if (isAwsError(error, "RequestAlreadyInProgressException")) {
      throw new AppError("busy", "Greengrass is still at the same request", { cause: error });
    }
    if (!isAwsError(error, "ConflictException", "ValidationException", "ServiceQuotaExceededException")) throw error;
    throw new AppError("component-rejected", `Greengrass: ${(error as Error).message}`, { cause: error });
  }
  await transact([
    { do: "update", key: keys.version(version.componentId, version.id), set: { arn }, when: { status: "publishing" } },
  ]);
});

/**
 * What an earlier publication of this very version left in Greengrass goes, since the draft may have been changed after it;
 * what someone else made stays. @throws AppError `busy` when it was ours: the step is tried again
 */
const clearAway = async (version: StoredVersion): Promise<void> => {
  if (!(await withdraw(version))) return;
  throw new AppError("busy", "an earlier publication of this version is being cleared away");
};
