import { allItems, getItems } from "../../shared/aws/table.ts";
import { bestOf, ListedVersion, type StoredVersion, type StoredVersionOrder } from "../../shared/component/version.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";
import { findComponent } from "../http/resources.ts";

export const handler = endpoint(componentRoutes, "listComponentVersions", async ({ workspace, params, query }) => {
  const component = await findComponent(workspace, params.component);
  const partition = partitions.versionOrders(component.id);
  const page = await pageOf({ partition, newestFirst: true }, query, ({ id }: StoredVersionOrder) =>
    keys.version(component.id, id),
  );
  const versions = await getItems<StoredVersion>(page.body.items);
  const { highest, newest } = bestOf(await allItems<StoredVersionOrder>(partition));
  const told = ({ id, version }: StoredVersionOrder) => ({ id, version });
  return {
    body: {
      ...page.body,
      items: versions.map((version) => view(ListedVersion, version)),
      ...(newest && { newest: told(newest) }),
      ...(highest && { highest: told(highest) }),
    },
  };
});
