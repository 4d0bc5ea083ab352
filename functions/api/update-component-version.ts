import { ComponentVersion, editVersion } from "../../shared/component/version.ts";
import { acceptRecipe } from "../../shared/component/version-recipe.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { checkIfMatch, findComponent, findVersion, tagged } from "../http/resources.ts";

export const handler = endpoint(
  componentRoutes,
  "updateComponentVersion",
  async ({ workspace, params, body, ifMatch, moment, commit }) => {
    const component = await findComponent(workspace, params.component);
    const version = await findVersion(workspace, component.id, params.version);
    checkIfMatch(version, ifMatch);
    const { description, recipe, recipeText } = body;
    const { name, publisher } = component;
    const about = { name, version: version.version, publisher, bucket: workspace.bucket };
    const accepted =
      recipe === undefined && recipeText === undefined ? undefined : acceptRecipe({ recipe, recipeText }, about);
    const { next, write } = editVersion(version, description, accepted, moment.now);
    return commit([write], tagged(next, view(ComponentVersion, next)));
  },
);
