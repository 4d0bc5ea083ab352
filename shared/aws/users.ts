import type { StoredVersion } from "../component/version.ts";
import type { StoredGeneration } from "../deployment/cell.ts";
import type { StoredDeployment } from "../deployment/deployment.ts";
import { usersOfVersion } from "../deployment/users.ts";
import { partitions } from "../keys.ts";
import { publishedVersions } from "./catalogue.ts";
import { allItems } from "./table.ts";

/** Who uses a version: what its workspace's deployments want, lead to, and have had delivered. */
export const usersOf = async (version: StoredVersion): Promise<string[]> => {
  const { workspaceId, catalogueNumber } = version;
  if (catalogueNumber === undefined) return [];
  const deployments = await allItems<StoredDeployment>(partitions.deployments(workspaceId));
  const names = [...new Set(deployments.flatMap(({ components }) => Object.keys(components)))];
  const published = await publishedVersions(workspaceId, names);
  const generations = await allItems<StoredGeneration>(partitions.cellGenerations(workspaceId));
  return usersOfVersion(version, deployments, published, generations);
};
