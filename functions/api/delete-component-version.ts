import { allItems } from "../../shared/aws/table.ts";
import { deleteVersion } from "../../shared/component/version.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import { usersOfVersion } from "../../shared/deployment/users.ts";
import { partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint("deleteComponentVersion", async ({ workspace, params, caller, moment, accept }) => {
  const version = await findVersion(workspace, params.component, params.version);
  const deployments = await allItems<StoredDeployment>(partitions.deployments(workspace.id));
  const users = usersOfVersion(version, deployments);
  if (users.length > 0) throw new AppError("version-in-use", `the version is used by ${users.join(", ")}`);
  return accept(deleteVersion(version, caller, moment));
});
