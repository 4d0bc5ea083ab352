import { allItems } from "../../shared/aws/table.ts";
import type { StoredFile } from "../../shared/component/version.ts";
import { dependenciesOf, readRecipe } from "../../shared/component/version-recipe.ts";
import { partitions } from "../../shared/keys.ts";
import { knownDependencies } from "../http/component-dependencies.ts";
import { endpoint } from "../http/endpoint.ts";
import { findComponent, findVersion } from "../http/resources.ts";

export const handler = endpoint("getComponentVersionFindings", async ({ workspace, params }) => {
  const component = await findComponent(workspace, params.component);
  const version = await findVersion(workspace, component.id, params.version);
  const [files, dependencies] = await Promise.all([
    allItems<StoredFile>(partitions.files(version.id)),
    knownDependencies(workspace, dependenciesOf(version)),
  ]);
  const { findings } = readRecipe(
    version,
    {
      name: component.name,
      version: version.version,
      publisher: component.publisher,
      description: version.description ?? component.description,
      bucket: workspace.bucket,
    },
    { files: files.map(({ path }) => path), dependencies },
  );
  const publishable = findings.every(({ severity }) => severity !== "error");
  return { body: { publishable, findings: [...findings] } };
});
