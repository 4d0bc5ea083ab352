import type { StoredDependant } from "../component/dependant.ts";
import type { StoredVersion } from "../component/version.ts";
import type { StoredGeneration } from "../deployment/cell.ts";
import type { StoredDeployment } from "../deployment/deployment.ts";
import { type Dependence, dependencesOn, leftWithout, usersOfVersion } from "../deployment/users.ts";
import { ownMember } from "../json.ts";
import { partitions } from "../keys.ts";
import { publishedOf, publishedVersions } from "./catalogue.ts";
import { allItems } from "./table.ts";

/**
 * Who uses a version: what its workspace's deployments want, lead to, and have had delivered, and the published versions that
 * nothing else would do for.
 */
export const usersOf = async (version: StoredVersion): Promise<string[]> => {
  const { workspaceId, catalogueNumber } = version;
  if (catalogueNumber === undefined) return [];
  const deployments = await allItems<StoredDeployment>(partitions.deployments(workspaceId));
  const names = [...new Set(deployments.flatMap(({ components }) => Object.keys(components)))];
  const published = await publishedVersions(workspaceId, names);
  const generations = await allItems<StoredGeneration>(partitions.cellGenerations(workspaceId));
  return [
    ...usersOfVersion(version, deployments, published, generations),
    ...leftWithout(await dependencesOf(version)),
  ];
};

/** The published versions that depend on this one, as they are now. Of others in the account none can. */
export const dependencesOf = async (version: StoredVersion): Promise<Dependence[]> => {
  if (version.catalogueNumber === undefined) return [];
  const dependants = (await allItems<StoredDependant>(partitions.dependants(version.workspaceId))).filter(
    ({ dependencies = {} }) => ownMember(dependencies, version.component) !== undefined,
  );
  if (dependants.length === 0) return [];
  return dependencesOn(version, dependants, await publishedOf(version.componentId));
};
