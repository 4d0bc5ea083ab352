import { ComponentVersion, markVersion } from "../../shared/component/version.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { findVersion, tagged } from "../http/resources.ts";

export const handler = endpoint(
  componentRoutes,
  "restoreComponentVersion",
  async ({ workspace, params, moment, commit }) => {
    const version = await findVersion(workspace, params.component, params.version);
    const { next, writes } = markVersion(version, undefined, moment.now);
    return commit(writes, tagged(next, view(ComponentVersion, next)));
  },
);
