import { Component } from "../../shared/component/component.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { describeAnew, findComponent, tagged } from "../http/resources.ts";

export const handler = endpoint("updateComponent", async ({ workspace, params, body, ifMatch, moment, commit }) => {
  const found = await findComponent(workspace, params.component);
  const { next, write } = describeAnew(found, body.description, ifMatch, moment.now);
  return commit([write], tagged(next, view(Component, next)));
});
