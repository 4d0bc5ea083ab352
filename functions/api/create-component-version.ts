import { isPartitionEmpty } from "../../shared/aws/table.ts";
import { ComponentVersion, copyingOf, createVersion } from "../../shared/component/version.ts";
import { acceptRecipe, cloneRecipe } from "../../shared/component/version-recipe.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { created, findComponent, versionOf } from "../http/resources.ts";

export const handler = endpoint(
  componentRoutes,
  "createComponentVersion",
  async ({ workspace, params, body, caller, moment, commit }) => {
    const component = await findComponent(workspace, params.component);
    const { version: number, from, recipe, recipeText } = body;
    const source = from === undefined ? undefined : await versionOf(component, from);
    if (from !== undefined && source === undefined) {
      const detail = `${component.name} has no version ${from}`;
      throw new AppError("invalid-request", `the body is not valid: /from: ${detail}`, {
        findings: [{ pointer: "/from", rule: "unknown-version", detail }],
      });
    }
    const lacking = source && copyingOf(source);
    if (lacking !== undefined) throw new AppError(lacking.code, lacking.detail);
    const copies = source !== undefined && !(await isPartitionEmpty(partitions.files(source.id)));
    const { name, publisher } = component;
    const { bucket } = workspace;
    const description = body.description ?? source?.description;
    const given =
      source === undefined || recipe !== undefined || recipeText !== undefined
        ? { recipe, recipeText }
        : cloneRecipe({ ...source, name, bucket }, number);
    const { version, writes } = createVersion(
      workspace,
      component,
      {
        version: number,
        description,
        ...(source !== undefined && { clonedFrom: source.id }),
        ...acceptRecipe(given, { name, version: number, publisher, description, bucket }),
      },
      { copies, caller },
      moment,
    );
    const location = `/v1/workspaces/${workspace.id}/components/${component.id}/versions/${version.id}`;
    return commit(writes, created(version, view(ComponentVersion, version), location));
  },
);
