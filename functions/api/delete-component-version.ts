import { usersOf } from "../../shared/aws/users.ts";
import { deleteVersion } from "../../shared/component/version.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint("deleteComponentVersion", async ({ workspace, params, caller, moment, accept }) => {
  const version = await findVersion(workspace, params.component, params.version);
  const users = await usersOf(version);
  if (users.length > 0) throw new AppError("version-in-use", `the version is used by ${users.join(", ")}`);
  return accept(deleteVersion(version, caller, moment));
});
