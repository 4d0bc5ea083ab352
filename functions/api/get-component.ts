import { Component } from "../../shared/component/component.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findComponent, tagged } from "../http/resources.ts";

export const handler = endpoint(componentRoutes, "getComponent", async ({ workspace, params }) => {
  const found = await findComponent(workspace, params.component);
  return tagged(found, view(Component, found));
});
