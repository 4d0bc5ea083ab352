import { Component, createComponent } from "../../shared/component/component.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { created } from "../http/resources.ts";

export const handler = endpoint(componentRoutes, "createComponent", async ({ workspace, body, moment, commit }) => {
  const { component, writes } = createComponent(workspace, body, moment);
  return commit(
    writes,
    created(component, view(Component, component), `/v1/workspaces/${workspace.id}/components/${component.id}`),
  );
});
