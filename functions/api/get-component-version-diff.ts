import { allItems } from "../../shared/aws/table.ts";
import type { StoredComponent } from "../../shared/component/component.ts";
import { diffFiles, diffJson } from "../../shared/component/diff.ts";
import type { StoredFile } from "../../shared/component/file.ts";
import { filesToBe } from "../../shared/component/package.ts";
import type { StoredVersion } from "../../shared/component/version.ts";
import { aboutVersion, portableRecipe, readRecipe } from "../../shared/component/version-recipe.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { partitions } from "../../shared/keys.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { endpoint } from "../http/endpoint.ts";
import { findComponent, findVersion } from "../http/resources.ts";

export const handler = endpoint(componentRoutes, "getComponentVersionDiff", async ({ workspace, params }) => {
  const component = await findComponent(workspace, params.component);
  const [from, to] = await Promise.all([
    findVersion(workspace, component.id, params.from),
    findVersion(workspace, component.id, params.version),
  ]);
  const [before, after] = await Promise.all([read(workspace, component, from), read(workspace, component, to)]);
  return {
    body: {
      from: { id: from.id, version: from.version },
      to: { id: to.id, version: to.version },
      recipe: diffJson(before.recipe, after.recipe),
      files: diffFiles(before.files, after.files),
    },
  };
});

const read = async (workspace: StoredWorkspace, component: StoredComponent, version: StoredVersion) => {
  const files = await allItems<StoredFile>(partitions.files(version.id));
  const about = aboutVersion(workspace, component, version);
  const { document } = readRecipe(version, about, filesToBe(component.name, files));
  return { files, recipe: portableRecipe(document, about) };
};
