import type { StoredVersion } from "../component/version.ts";
import type { StoredDeployment } from "../deployment/deployment.ts";
import type { VersionFacts } from "../deployment/versions.ts";
import { keys, partitions } from "../keys.ts";
import { AppError } from "../problems.ts";
import { allItems, getItem, getItems } from "./table.ts";

/** The number of the newest published version of the account; 0 before the first. */
export const catalogueNumber = async (): Promise<number> =>
  (await getItem<{ number: number }>(keys.catalogue()))?.number ?? 0;

/** How many components' versions are read at a time: each may hold a connection. */
const AT_A_TIME = 32;

/** Whose components AWS's public ones are. */
const AWS = "aws";

/**
 * The published versions of each of these components, and of all that those may depend on: a workspace's own and AWS's
 * public ones. An unknown component has none.
 *
 * What versions depend on of AWS's that the catalogue does not know is left out: Greengrass itself adds that on the device,
 * and nothing could be pinned.
 *
 * @throws AppError `busy`, if `settled` is asked for, while a version's deletion may still be called off
 */
export const publishedVersions = async (
  workspaceId: string,
  components: readonly string[],
  options: { readonly settled: boolean } = { settled: false },
): Promise<Record<string, VersionFacts[]>> => {
  const published = new Map<string, VersionFacts[]>();
  let names = [...new Set(components)];
  while (names.length > 0) {
    const claims = await getItems<{ id: string; workspaceId: string; pk: string }>(names.map(keys.componentName));
    const ids = new Map(
      claims.filter((claim) => [workspaceId, AWS].includes(claim.workspaceId)).map(({ pk, id }) => [pk, id]),
    );
    const found = await inTurns(names, async (name): Promise<VersionFacts[]> => {
      const id = ids.get(keys.componentName(name).pk);
      return id === undefined ? [] : versionsOf(id, options.settled);
    });
    for (const [at, name] of names.entries()) published.set(name, found[at] ?? []);
    const needed = found.flat().flatMap(({ dependencies = {} }) => Object.keys(dependencies));
    names = [...new Set(needed)].filter((name) => !published.has(name));
  }
  const isUnknown = (name: string) => /^aws\.greengrass\./.test(name) && published.get(name)?.length === 0;
  return Object.fromEntries(
    [...published].map(([name, versions]) => [name, versions.map((facts) => withoutDependencies(facts, isUnknown))]),
  );
};

const withoutDependencies = (facts: VersionFacts, isUnknown: (name: string) => boolean): VersionFacts => {
  const { dependencies, ...rest } = facts;
  if (dependencies === undefined) return facts;
  const known = Object.entries(dependencies).filter(([name]) => !isUnknown(name));
  return { ...rest, ...(known.length > 0 && { dependencies: Object.fromEntries(known) }) };
};

const inTurns = async <In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<Out[]> => {
  const results: Out[] = [];
  const waiting = items.entries();
  const worker = async (): Promise<void> => {
    for (const [at, item] of waiting) results[at] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, items.length) }, worker));
  return results;
};

const FACTS = ["component", "version", "status", "catalogueNumber", "dependencies", "runtimes", "deprecated"] as const;

const versionsOf = async (componentId: string, settled: boolean): Promise<VersionFacts[]> => {
  const versions = await allItems<Pick<StoredVersion, (typeof FACTS)[number]>>({
    partition: partitions.versions(componentId),
    attributes: FACTS,
  });
  return versions.flatMap(({ component, version, status, catalogueNumber, dependencies, runtimes, deprecated }) => {
    if (catalogueNumber === undefined) return [];
    if (settled && status === "deleting") {
      throw new AppError("busy", `whether ${component} ${version} is deleted is not settled yet`);
    }
    if (status !== "published") return [];
    return {
      version,
      catalogueNumber,
      ...(dependencies !== undefined && { dependencies }),
      ...(runtimes !== undefined && { runtimes }),
      ...(deprecated !== undefined && { deprecated: deprecated.reason }),
    };
  });
};

/** The deployments that there are of a cell's targets, as they are now. */
export const deploymentsOf = (cell: {
  readonly workspaceId: string;
  readonly targets: readonly string[];
}): Promise<StoredDeployment[]> =>
  getItems<StoredDeployment>(cell.targets.map((target) => keys.deployment(cell.workspaceId, target)));
