import { publishVersion } from "../../shared/component/version.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { endpoint } from "../http/endpoint.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint(
  componentRoutes,
  "publishComponentVersion",
  async ({ workspace, params, caller, moment, accept }) =>
    accept(publishVersion(await findVersion(workspace, params.component, params.version), caller, moment)),
);
