import { ComponentVersion } from "../../shared/component/version.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findVersion, tagged } from "../http/resources.ts";

export const handler = endpoint("getComponentVersion", async ({ workspace, params }) => {
  const version = await findVersion(workspace, params.component, params.version);
  return tagged(version, view(ComponentVersion, version));
});
