import { getComponent } from "../../shared/aws/greengrass.ts";
import { transact } from "../../shared/aws/table.ts";
import { artifactsOf, digestMismatch } from "../../shared/component/package.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredDraft, uriPrefix } from "./draft.ts";
import { task } from "./task.ts";

/** Keeps the recipe as Greengrass has it, once its digests are those of the files that were verified. */
export const handler = task("record-component-version", async (input) => {
  const draft = await desiredDraft(input);
  const { version } = draft;
  if (version.arn === undefined) throw new AppError("component-rejected", "Greengrass has no such component version");
  const { recipe: text } = await getComponent(version.arn);
  const artifacts = artifactsOf(draft.files);
  const mismatch = digestMismatch(JSON.parse(text), artifacts, uriPrefix(draft));
  if (mismatch !== undefined) throw new AppError("artifact-mismatch", mismatch);
  const key = keys.version(version.componentId, version.id);
  const artifactBytes = artifacts.reduce((sum, { size }) => sum + size, 0);
  await transact([
    { do: "update", key, set: { artifactBytes }, when: { status: "publishing" } },
    { do: "put", item: { ...keys.publishedRecipe(version.id), type: "published-recipe", text } },
  ]);
});
