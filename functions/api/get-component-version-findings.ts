import { allItems } from "../../shared/aws/table.ts";
import type { StoredFile } from "../../shared/component/file.ts";
import { filesToBe } from "../../shared/component/package.ts";
import { aboutVersion, dependenciesOf, readRecipe } from "../../shared/component/version-recipe.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { partitions } from "../../shared/keys.ts";
import { knownDependencies } from "../component-dependencies.ts";
import { endpoint } from "../http/endpoint.ts";
import { findComponent, findVersion } from "../http/resources.ts";

export const handler = endpoint(componentRoutes, "getComponentVersionFindings", async ({ workspace, params }) => {
  const component = await findComponent(workspace, params.component);
  const version = await findVersion(workspace, component.id, params.version);
  const [files, dependencies] = await Promise.all([
    allItems<StoredFile>(partitions.files(version.id)),
    knownDependencies(workspace, dependenciesOf(version)),
  ]);
  const about = aboutVersion(workspace, component, version);
  const { findings } = readRecipe(version, about, { ...filesToBe(component.name, files), dependencies });
  const publishable = findings.every(({ severity }) => severity !== "error");
  return { body: { publishable, findings: [...findings] } };
});
