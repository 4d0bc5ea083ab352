import { Component, type StoredComponent } from "../../shared/component/component.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { filteredPage, pageOf } from "../http/paging.ts";

export const handler = endpoint(componentRoutes, "listComponents", async ({ workspace, query }) => {
  const { prefix, search, publisher } = query;
  const partition = partitions.components(workspace.id);
  const present = (stored: StoredComponent) => view(Component, stored);
  if (prefix === undefined && search === undefined && publisher === undefined) {
    return pageOf({ partition }, query, present);
  }
  const sought = search?.toLowerCase() ?? "";
  return filteredPage(
    partition,
    JSON.stringify([prefix, search, publisher]),
    query,
    (component: StoredComponent) =>
      component.name.startsWith(prefix ?? "") &&
      component.name.toLowerCase().includes(sought) &&
      (publisher === undefined || component.publisher === publisher),
    present,
  );
});
