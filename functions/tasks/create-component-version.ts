import { isAwsError } from "../../shared/aws/aws-errors.ts";
import { createComponentVersion } from "../../shared/aws/greengrass.ts";
import { allItems, transact } from "../../shared/aws/table.ts";
import { buildRecipe } from "../../shared/component/recipe.ts";
import type { StoredFile } from "../../shared/component/version.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredComponent, desiredVersion, desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/** The intent's id is the client token: a repeat answers the version that was made, another intent's is a conflict. */
export const handler = task("create-component-version", async (input) => {
  const version = await desiredVersion(input);
  const component = await desiredComponent(input);
  const { bucket } = await desiredWorkspace(input);
  const files = await allItems<StoredFile>(partitions.files(version.id));
  const recipe = buildRecipe({
    name: component.name,
    version: version.version,
    publisher: component.publisher,
    description: version.description ?? component.description,
    recipe: version.recipe,
    bucket,
    artifacts: files.map(({ path }) => path).filter((path) => path.startsWith("dist/")),
  });
  try {
    const arn = await createComponentVersion(recipe, input.intentId);
    await transact([
      {
        do: "update",
        key: keys.version(version.componentId, version.id),
        set: { arn },
        when: { status: "publishing" },
      },
    ]);
  } catch (error) {
    if (!isAwsError(error, "ConflictException", "ValidationException")) throw error;
    throw new AppError("component-rejected", `Greengrass: ${(error as Error).message}`, { cause: error });
  }
});
