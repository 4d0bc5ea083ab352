import { allItems } from "../../shared/aws/table.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import { usersOfVersion } from "../../shared/deployment/users.ts";
import { partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

/** Looks again: a deployment may have taken the version up while its deletion was asked for. */
export const handler = task("check-version-unused", async (input) => {
  const version = await desiredVersion(input);
  const deployments = await allItems<StoredDeployment>(partitions.deployments(input.workspaceId));
  const users = usersOfVersion(version, deployments);
  if (users.length > 0) throw new AppError("version-in-use", `the version is used by ${users.join(", ")}`);
});
