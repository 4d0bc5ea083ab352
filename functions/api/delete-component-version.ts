import { usersOf } from "../../shared/aws/users.ts";
import { deleteVersion } from "../../shared/component/version.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { inUse } from "../../shared/deployment/users.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint(
  componentRoutes,
  "deleteComponentVersion",
  async ({ workspace, params, caller, moment, accept }) => {
    const version = await findVersion(workspace, params.component, params.version);
    const refusal = inUse(await usersOf(version));
    if (refusal !== undefined) throw new AppError(refusal.code, refusal.detail);
    return accept(deleteVersion(version, caller, moment));
  },
);
