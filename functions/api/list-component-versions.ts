import { ListedVersion, type StoredVersion } from "../../shared/component/version.ts";
import { partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";
import { findComponent } from "../http/resources.ts";

export const handler = endpoint("listComponentVersions", async ({ workspace, params, query }) => {
  const component = await findComponent(workspace, params.component);
  return pageOf({ partition: partitions.versions(component.id) }, query, (version: StoredVersion) =>
    view(ListedVersion, version),
  );
});
