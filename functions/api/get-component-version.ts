import { ComponentVersion } from "../../shared/component/version.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findVersion, tagged } from "../http/resources.ts";

export const handler = endpoint(componentRoutes, "getComponentVersion", async ({ workspace, params }) => {
  const version = await findVersion(workspace, params.component, params.version);
  return tagged(version, view(ComponentVersion, version));
});
