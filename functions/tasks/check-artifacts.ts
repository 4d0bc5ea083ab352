import { clashesOf, isClearing, MAX_FILE_BYTES, MAX_FILES } from "../../shared/component/file.ts";
import { artifactClash, ownArtifacts, sourcesOf } from "../../shared/component/package.ts";
import { dependenciesOf } from "../../shared/component/version-recipe.ts";
import { AppError } from "../../shared/problems.ts";
import { knownDependencies } from "../component-dependencies.ts";
import { desiredDraft } from "./draft.ts";
import { recipeOf } from "./draft-recipe.ts";
import { task } from "./task.ts";

/**
 * What can be said of a draft without reading its files: their number, their sizes, their names, and whether the recipe
 * goes with them and with other components. Nobody changes them any more, and once no request can be at removing former
 * bytes, what is checked from here on stays.
 */
export const handler = task("check-artifacts", async (input) => {
  const draft = await desiredDraft(input);
  const { workspace, version, files } = draft;
  const busy = files.find((file) => isClearing(file, new Date()));
  if (busy !== undefined) throw new AppError("busy", `the former bytes of ${busy.path} are being removed`);
  if (files.length > MAX_FILES) {
    throw new AppError("version-too-large", `${files.length} files are more than ${MAX_FILES}`);
  }
  const own = ownArtifacts(files);
  const sources = sourcesOf(files);
  for (const [folder, listed] of [
    ["dist/", own],
    ["src/", own.length === 0 ? sources : []],
  ] as const) {
    const bytes = listed.reduce((sum, { size }) => sum + size, 0);
    if (bytes > MAX_FILE_BYTES) {
      throw new AppError("version-too-large", `${folder} has ${bytes} bytes; at most ${MAX_FILE_BYTES} are taken`);
    }
  }
  const [clash] = clashesOf([...own, ...sources].map(({ path }) => path));
  if (clash !== undefined) throw new AppError("path-clash", clash.detail);
  const sameName = artifactClash(own, []);
  if (sameName !== undefined) throw new AppError("artifact-clash", sameName);
  await recipeOf(input, draft, await knownDependencies(workspace, dependenciesOf(version)));
});
