import { Component, type StoredComponent } from "../../shared/component/component.ts";
import { partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";

export const handler = endpoint("listComponents", async ({ workspace, query }) =>
  pageOf({ partition: partitions.components(workspace.id) }, query, (stored: StoredComponent) =>
    view(Component, stored),
  ),
);
