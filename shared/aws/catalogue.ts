import { factsOf } from "../component/facts.ts";
import type { StoredVersion } from "../component/version.ts";
import type { StoredDeployment } from "../deployment/deployment.ts";
import type { Published, VersionFacts } from "../deployment/versions.ts";
import { keys, partitions } from "../keys.ts";
import { AppError } from "../problems.ts";
import type { Key } from "../writes.ts";
import { allItems, getItems } from "./table.ts";

/** How many components' versions are read at a time: each may hold a connection. */
const AT_A_TIME = 8;

/** What is looked through at most: a deployment that leads to more has gone astray. */
const MAX_COMPONENTS = 2_000;

/** A dependency on what AWS publishes is the device's to resolve while the catalogue has no versions of it. */
const isAwsOwn = (name: string): boolean => name.startsWith("aws.greengrass.");

/**
 * The published versions of these components of a workspace, and of all that any of those versions depends on; an unknown
 * component has none.
 * @throws AppError `busy`, if `settled` is asked for, while a version's deletion may still be called off
 */
export const publishedVersions = async (
  workspaceId: string,
  components: readonly string[],
  options: { readonly settled: boolean } = { settled: false },
): Promise<Published> => {
  const published = new Map<string, VersionFacts[]>();
  let names = [...new Set(components)];
  while (names.length > 0 && published.size < MAX_COMPONENTS) {
    const batch = names.splice(0, AT_A_TIME);
    const claims = await getItems<Key & { id: string; workspaceId: string }>(batch.map(keys.componentName));
    await Promise.all(
      batch.map(async (name) => {
        const claim = claims.find(({ pk }) => pk === keys.componentName(name).pk);
        const own = claim !== undefined && claim.workspaceId === workspaceId;
        published.set(name, own ? await versionsOf(claim.id, options.settled) : []);
      }),
    );
    const needed = batch.flatMap((name) =>
      (published.get(name) ?? []).flatMap(({ dependencies = {} }) => Object.keys(dependencies)),
    );
    names = [...new Set([...names, ...needed])].filter((name) => !published.has(name));
  }
  return Object.fromEntries([...published].map(([name, versions]) => [name, versions.map(withoutUnknown(published))]));
};

const withoutUnknown =
  (published: ReadonlyMap<string, readonly VersionFacts[]>) =>
  (facts: VersionFacts): VersionFacts => {
    if (facts.dependencies === undefined) return facts;
    const { dependencies, ...rest } = facts;
    const known = Object.entries(dependencies).filter(
      ([name]) => !isAwsOwn(name) || (published.get(name) ?? []).length > 0,
    );
    return known.length === 0 ? rest : { ...rest, dependencies: Object.fromEntries(known) };
  };

const versionsOf = async (componentId: string, settled: boolean): Promise<VersionFacts[]> => {
  const versions = await allItems<StoredVersion>(partitions.versions(componentId));
  return versions.flatMap((stored) => {
    const { component, version, status, catalogueNumber } = stored;
    if (catalogueNumber === undefined) return [];
    if (settled && status === "deleting") {
      throw new AppError("busy", `whether ${component} ${version} is deleted is not settled yet`);
    }
    return status === "published" ? [factsOf(stored, catalogueNumber)] : [];
  });
};

/** The deployments that there are of a cell's targets, as they are now. */
export const deploymentsOf = (cell: {
  readonly workspaceId: string;
  readonly targets: readonly string[];
}): Promise<StoredDeployment[]> =>
  getItems<StoredDeployment>(cell.targets.map((target) => keys.deployment(cell.workspaceId, target)));
