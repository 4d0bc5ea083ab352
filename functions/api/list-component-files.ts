import { ComponentFile, type StoredFile } from "../../shared/component/file.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { partitions } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint(componentRoutes, "listComponentFiles", async ({ workspace, params, query }) => {
  const version = await findVersion(workspace, params.component, params.version);
  return pageOf({ partition: partitions.files(version.id) }, query, (file: StoredFile) => view(ComponentFile, file));
});
