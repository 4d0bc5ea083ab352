import type { StoredVersion } from "../component/version.ts";
import type { StoredCell } from "../deployment/cell.ts";
import type { StoredDeployment } from "../deployment/deployment.ts";
import { type EffectiveSet, layerOf, type PublishedVersion, resolve } from "../deployment/resolve.ts";
import { keys, partitions } from "../keys.ts";
import { AppError } from "../problems.ts";
import type { Key } from "../writes.ts";
import { allItems, getItems } from "./table.ts";

/** How many components' versions are read at a time: each may hold a connection. */
const AT_A_TIME = 8;

/**
 * The published versions of each of these components of a workspace; an unknown component has none.
 * @throws AppError `busy`, if `settled` is asked for, while a version's deletion may still be called off
 */
export const publishedVersions = async (
  workspaceId: string,
  components: readonly string[],
  options: { readonly settled: boolean } = { settled: false },
): Promise<Record<string, PublishedVersion[]>> => {
  const published = new Map<string, PublishedVersion[]>();
  for (let at = 0; at < components.length; at += AT_A_TIME) {
    const names = components.slice(at, at + AT_A_TIME);
    const claims = await getItems<Key & { id: string; workspaceId: string }>(names.map(keys.componentName));
    await Promise.all(
      names.map(async (name) => {
        const claim = claims.find(({ pk }) => pk === keys.componentName(name).pk);
        const own = claim !== undefined && claim.workspaceId === workspaceId;
        published.set(name, own ? await versionsOf(claim.id, options.settled) : []);
      }),
    );
  }
  return Object.fromEntries(published);
};

const versionsOf = async (componentId: string, settled: boolean): Promise<PublishedVersion[]> => {
  const versions = await allItems<StoredVersion>(partitions.versions(componentId));
  return versions.flatMap(({ component, version, status, catalogueNumber }) => {
    if (catalogueNumber === undefined) return [];
    if (settled && status === "deleting") {
      throw new AppError("busy", `whether ${component} ${version} is deleted is not settled yet`);
    }
    return status === "published" ? [{ version, catalogueNumber }] : [];
  });
};

/** The deployments of a cell's targets as they are now. */
export const deploymentsOf = (cell: StoredCell): Promise<StoredDeployment[]> =>
  getItems<StoredDeployment>(cell.targets.map((target) => keys.deployment(cell.workspaceId, target)));

/** What the nodes of a cell must run, from the deployments of its targets. */
export const effectiveSetOf = async (
  cell: StoredCell,
  deployments: readonly StoredDeployment[],
): Promise<EffectiveSet> => {
  const names = [...new Set(deployments.flatMap(({ components }) => Object.keys(components)))];
  // What a revision resolves to must not change with time: a version whose deletion was asked for, and which may come back
  // because a deployment wants it, is waited for.
  const published = await publishedVersions(cell.workspaceId, names, { settled: true });
  return resolve(deployments.map(layerOf), published);
};
