import rcompare from "semver/functions/rcompare.js";
import satisfies from "semver/functions/satisfies.js";
import { allItems, getItem, listItems } from "../shared/aws/table.ts";
import type { StoredPublicVersion } from "../shared/component/adopt.ts";
import type { StoredVersion } from "../shared/component/version.ts";
import { dependenciesOf } from "../shared/component/version-recipe.ts";
import { keys, partitions } from "../shared/keys.ts";
import { isPublicName } from "../shared/names.ts";
import type { StoredWorkspace } from "../shared/workspace/workspace.ts";

/** A look goes no further than this many components, and among this many of the newest versions of each. */
const MAX_COMPONENTS = 50;
const NEWEST = 20;

/**
 * What the components of a workspace depend on, as far as the given dependencies lead: of each component the highest version
 * that fits the range by which it was first met. Components of others are as unknown as none.
 * @param wanted ranges by names
 * @returns names of dependencies by name
 */
export const knownDependencies = async (
  workspace: StoredWorkspace,
  wanted: ReadonlyMap<string, string>,
): Promise<Map<string, string[]>> => {
  const known = new Map<string, string[]>();
  const met = new Set(wanted.keys());
  const waiting = [...wanted];
  for (let looked = 0; looked < MAX_COMPONENTS; looked += 1) {
    const next = waiting.shift();
    if (next === undefined) break;
    const [name, range] = next;
    const dependencies = isPublicName(name)
      ? await publicDependencies(name, range)
      : await ownDependencies(workspace, name, range);
    if (dependencies === undefined) continue;
    known.set(name, [...dependencies.keys()]);
    waiting.push(...[...dependencies].filter(([dependency]) => !met.has(dependency)));
    for (const dependency of dependencies.keys()) met.add(dependency);
  }
  return known;
};

const ownDependencies = async (workspace: StoredWorkspace, name: string, range: string) => {
  const version = await highestOf(workspace, name, range);
  return version && dependenciesOf(version);
};

/** Of a component of AWS's, as far as it was imported. */
const publicDependencies = async (name: string, range: string): Promise<ReadonlyMap<string, string> | undefined> => {
  const versions = await allItems<StoredPublicVersion>(partitions.publicVersions(name));
  const fitting = versions.findLast(({ version }) => satisfies(version, range, { includePrerelease: true }));
  const { dependencies = {} } = fitting ?? {};
  return fitting && new Map(Object.entries(dependencies).map(([needed, { requirement }]) => [needed, requirement]));
};

const highestOf = async ({ id }: StoredWorkspace, name: string, range: string): Promise<StoredVersion | undefined> => {
  if (!/^[a-zA-Z0-9-_.]{1,128}$/.test(name)) return undefined;
  const claim = await getItem<{ id: string; workspaceId: string }>(keys.componentName(name));
  if (claim?.workspaceId !== id) return undefined;
  const { items } = await listItems<StoredVersion>({
    partition: partitions.versions(claim.id),
    limit: NEWEST,
    newestFirst: true,
  });
  return items
    .filter(({ version }) => satisfies(version, range, { includePrerelease: true }))
    .sort((a, b) => rcompare(a.version, b.version))[0];
};
