import { Component } from "../../shared/component/component.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { changeAnew, findComponent, tagged } from "../http/resources.ts";

export const handler = endpoint(
  componentRoutes,
  "updateComponent",
  async ({ workspace, params, body, ifMatch, moment, commit }) => {
    const found = await findComponent(workspace, params.component);
    const { next, write } = changeAnew(found, body, ifMatch, moment.now);
    return commit([write], tagged(next, view(Component, next)));
  },
);
