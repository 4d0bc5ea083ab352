import { filesToBe } from "../../shared/component/package.ts";
import { aboutVersion, readRecipe, refuseErrors } from "../../shared/component/version-recipe.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredComponent } from "./desired.ts";
import type { Draft } from "./draft.ts";
import type { TaskInput } from "./task.ts";

/**
 * The recipe that Greengrass is given, with the files that the version has once its sources are packaged.
 * @param dependencies names of what components depend on, by name, where circles are to be found
 * @throws AppError `invalid-recipe` with all that is wrong with it
 */
export const recipeOf = async (
  input: TaskInput,
  { workspace, version, files }: Draft,
  dependencies?: ReadonlyMap<string, readonly string[]>,
): Promise<{ readonly text: string; readonly document: unknown }> => {
  const component = await desiredComponent(input);
  const about = aboutVersion(workspace, component, version);
  const known = { ...filesToBe(component.name, files), dependencies };
  const { text, document, findings } = readRecipe(version, about, known);
  refuseErrors(findings, "");
  if (text === undefined) throw new AppError("invalid-recipe", "the recipe cannot be read");
  return { text, document };
};
