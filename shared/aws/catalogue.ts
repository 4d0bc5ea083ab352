import type { StoredVersion } from "../component/version.ts";
import type { StoredDeployment } from "../deployment/deployment.ts";
import type { VersionFacts } from "../deployment/versions.ts";
import { keys, partitions } from "../keys.ts";
import { OF_AWS } from "../names.ts";
import { AppError } from "../problems.ts";
import { once } from "./settings.ts";
import { allItems, getItem, getItems } from "./table.ts";

/** The account's catalogue: how many versions were published, and how often what was published was taken back. */
export interface Catalogue {
  readonly number: number;
  readonly edition: number;
}

export const currentCatalogue = async (): Promise<Catalogue> => {
  const item = await getItem<Partial<Catalogue>>(keys.catalogue());
  return { number: item?.number ?? 0, edition: item?.edition ?? 0 };
};

/** The number of the newest published version of the account; 0 before the first. */
export const catalogueNumber = async (): Promise<number> => (await currentCatalogue()).number;

/** How many components' versions are read at a time: each may hold a connection. */
const AT_A_TIME = 32;

/**
 * The published versions of each of these components, and of all that those may depend on: a workspace's own and AWS's
 * public ones. An unknown component has none.
 *
 * What versions depend on of AWS's that the catalogue does not know is left out: Greengrass itself adds that on the device,
 * and nothing could be pinned.
 *
 * @param options `settled` to wait for versions whose deletion may still be called off; `asOf`, a catalogue that was just
 * read, to take what is remembered of it
 * @throws AppError `busy`, if `settled` is asked for, while a version's deletion may still be called off
 */
export const publishedVersions = async (
  workspaceId: string,
  components: readonly string[],
  options: { readonly settled?: true; readonly asOf?: Catalogue } = {},
): Promise<Record<string, VersionFacts[]>> => {
  const versionsOf = options.asOf === undefined ? readVersions(options.settled) : remembering(options.asOf);
  const published = new Map<string, VersionFacts[]>();
  let names = [...new Set(components)];
  while (names.length > 0) {
    const claims = await getItems<{ id: string; workspaceId: string; pk: string }>(names.map(keys.componentName));
    const owners = new Map(claims.map((claim) => [claim.pk, claim]));
    const found = await inTurns(names, async (name): Promise<VersionFacts[]> => {
      const owner = owners.get(keys.componentName(name).pk);
      if (owner?.workspaceId === OF_AWS) return versionsOf(partitions.publicVersions(name));
      return owner?.workspaceId === workspaceId ? versionsOf(partitions.versions(owner.id)) : [];
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

/** A deprecation changes no catalogue, and may be told so much later. */
const REMEMBERED_MS = 30_000;

const memory = once(() => ({
  of: "",
  until: 0,
  versions: new Map<string, VersionFacts[]>(),
}));

/**
 * Versions as they are read, and kept while the catalogue stays as it is: it was read before them, and whatever is published or
 * taken back since makes it another one. Plans look at the same hundreds of components over and over.
 */
const remembering = ({ number, edition }: Catalogue) => {
  const kept = memory();
  const of = `${number} ${edition}`;
  if (kept.of !== of || kept.until < Date.now()) {
    Object.assign(kept, { of, until: Date.now() + REMEMBERED_MS, versions: new Map() });
  }
  const { versions } = kept;
  return async (partition: string): Promise<VersionFacts[]> => {
    const known = versions.get(partition);
    if (known !== undefined) return known;
    const read = await readVersions()(partition);
    versions.set(partition, read);
    return read;
  };
};

/** The published versions of a component of a workspace's own, as they are now. */
export const publishedOf = (componentId: string): Promise<VersionFacts[]> =>
  readVersions()(partitions.versions(componentId));

const FACTS = ["component", "version", "status", "catalogueNumber", "dependencies", "runtimes", "deprecated"] as const;

const readVersions =
  (settled?: true) =>
  async (partition: string): Promise<VersionFacts[]> => {
    const versions = await allItems<Pick<StoredVersion, (typeof FACTS)[number]>>({
      partition,
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
