import type { StoredVersion } from "../component/version.ts";
import type { StoredCell } from "../deployment/cell.ts";
import type { StoredDeployment } from "../deployment/deployment.ts";
import { type EffectiveSet, type PublishedVersion, resolve } from "../deployment/resolve.ts";
import { keys, partitions } from "../keys.ts";
import { allItems, getItem, getItems } from "./table.ts";

/** The published versions of each of these components of a workspace; an unknown component has none. */
export const publishedVersions = async (
  workspaceId: string,
  components: readonly string[],
): Promise<Record<string, PublishedVersion[]>> =>
  Object.fromEntries(
    await Promise.all(
      components.map(async (name): Promise<[string, PublishedVersion[]]> => {
        const claim = await getItem<{ id: string; workspaceId: string }>(keys.componentName(name));
        if (claim === undefined || claim.workspaceId !== workspaceId) return [name, []];
        const versions = await allItems<StoredVersion>(partitions.versions(claim.id));
        return [
          name,
          versions.flatMap(({ version, status, catalogueNumber }) =>
            status === "published" && catalogueNumber !== undefined ? [{ version, catalogueNumber }] : [],
          ),
        ];
      }),
    ),
  );

/** What the nodes of a cell must run, from the deployments of its targets as they are now. */
export const effectiveSetOf = async (cell: StoredCell): Promise<EffectiveSet> => {
  const deployments = await getItems<StoredDeployment>(
    cell.targets.map((target) => keys.deployment(cell.workspaceId, target)),
  );
  const names = [...new Set(deployments.flatMap(({ components }) => Object.keys(components)))];
  return resolve(
    deployments.map(({ target, priority, catalogue, components }) => ({
      target: target.id,
      kind: target.type,
      priority,
      catalogue,
      components,
    })),
    await publishedVersions(cell.workspaceId, names),
  );
};
