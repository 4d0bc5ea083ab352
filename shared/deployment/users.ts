import type { StoredDependant } from "../component/dependant.ts";
import type { StoredVersion } from "../component/version.ts";
import { ownMember } from "../json.ts";
import type { Refusal } from "../writes.ts";
import { RUNTIMES, type StoredGeneration } from "./cell.ts";
import type { StoredDeployment } from "./deployment.ts";
import { type Published, type VersionFacts, type VersionIndex, versionIndex } from "./versions.ts";

interface VersionOf {
  readonly component: string;
  readonly version: string;
  readonly catalogueNumber?: number | undefined;
}

type Wants = Pick<StoredDeployment, "id" | "target" | "components">;
type Delivers = Pick<StoredGeneration, "targets" | "delivered" | "runtime">;

/**
 * The deployments for which resolution may have chosen this version, as a component that they name or as what one of those
 * depends on, and those that it was delivered for. A version that was never published has no users.
 *
 * @param published of all components that the deployments name and lead to; this version need not be among them
 */
export const deploymentsWith = <Deployed extends Wants>(
  version: VersionOf,
  deployments: readonly Deployed[],
  published: Published = {},
  generations: readonly Delivers[] = [],
): Deployed[] => {
  const { catalogueNumber } = version;
  if (catalogueNumber === undefined) return [];
  const index = versionIndex(withVersion(published, { ...version, catalogueNumber }));
  const delivered = deliveredFor(version, generations);
  return deployments.filter((one) => delivered.has(one.id) || mayChoose(one, version, index));
};

const deliveredFor = ({ component, version }: VersionOf, generations: readonly Delivers[]): Set<string> =>
  new Set(
    generations
      .filter((one) => ownMember(one.delivered?.versions ?? {}, component) === version)
      .flatMap(({ targets }) => targets),
  );

/** As {@link deploymentsWith}, by name for people. */
export const usersOfVersion = (
  version: VersionOf,
  deployments: readonly Wants[],
  published: Published = {},
  generations: readonly Delivers[] = [],
): string[] => {
  if (version.catalogueNumber === undefined) return [];
  const users = deploymentsWith(version, deployments, published, generations);
  const named = users.map(({ target }) => `${target.type} ${target.name}`);
  // Delivered for targets of which none has a deployment any more: devices run it all the same.
  return named.length === 0 && deliveredFor(version, generations).size > 0
    ? ["devices that it was delivered to"]
    : named;
};

const withVersion = (published: Published, version: Required<VersionOf> & { catalogueNumber: number }): Published => {
  const { component, catalogueNumber } = version;
  const others = (ownMember(published, component) ?? []).filter((one) => one.version !== version.version);
  const known = ownMember(published, component)?.find((one) => one.version === version.version);
  return { ...published, [component]: [...others, known ?? { version: version.version, catalogueNumber }] };
};

/** Whether a version is among those that the deployment's requirements take, or those of what they take, and so on. */
const mayChoose = ({ components }: Wants, version: VersionOf, index: VersionIndex): boolean => {
  const open = Object.entries(components).map(([name, { version: requirement, catalogue }]) => ({
    name,
    requirement,
    catalogue,
  }));
  const seen = new Set<string>();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { name, requirement, catalogue } = next;
    const asked = `${name} ${requirement} ${catalogue}`;
    if (seen.has(asked)) continue;
    seen.add(asked);
    const taken = index.acceptable(name, requirement, catalogue, undefined);
    if (name === version.component && taken.some((one) => one.version === version.version)) return true;
    for (const { dependencies = {} } of taken) {
      for (const [needed, dependency] of Object.entries(dependencies)) {
        open.push({ name: needed, requirement: dependency.requirement, catalogue });
      }
    }
  }
  return false;
};

/** A published version that depends on one in question, which meets what it requires. */
export interface Dependence {
  /** The dependant's. */
  readonly id: string;
  readonly name: string;
  readonly requirement: string;
  /** Whether nothing else that is published meets it, on some runtime that both are made for. */
  readonly onlyThis: boolean;
}

type Needed = Pick<StoredVersion, "id" | "component" | "version" | "catalogueNumber" | "runtimes">;

/**
 * The versions that depend on this one. Whether they do so hard or softly is no matter, since a device installs both, nor
 * whether they or what else meets them is deprecated, since that can still be deployed. What came when counts as little: a
 * deployment that is yet to be made sees all.
 * @param others what is published of the component; a version that is being deleted is not
 */
export const dependencesOn = (
  version: Needed,
  dependants: readonly StoredDependant[],
  others: readonly VersionFacts[],
): Dependence[] => {
  const { component, catalogueNumber, runtimes } = version;
  if (catalogueNumber === undefined) return [];
  const self = { version: version.version, catalogueNumber, ...(runtimes !== undefined && { runtimes }) };
  const index = versionIndex({ [component]: [...others.filter((one) => one.version !== self.version), self] });
  return dependants.flatMap((dependant): Dependence[] => {
    const needs = ownMember(dependant.dependencies ?? {}, component);
    if (needs === undefined || dependant.id === version.id) return [];
    const { requirement } = needs;
    const meeting = (dependant.runtimes ?? RUNTIMES)
      .map((runtime) => index.acceptable(component, requirement, Number.POSITIVE_INFINITY, runtime))
      .filter((taken) => taken.includes(self));
    if (meeting.length === 0) return [];
    const name = `${dependant.component} ${dependant.version}`;
    return [{ id: dependant.id, name, requirement, onlyThis: meeting.some(({ length }) => length === 1) }];
  });
};

/** Those of them that this version's deletion would leave without what they require, for people. */
export const leftWithout = (dependences: readonly Dependence[]): string[] =>
  dependences
    .filter(({ onlyThis }) => onlyThis)
    .map(({ name, requirement }) => `component-version ${name} (which requires ${requirement})`);

/** Users are as many as nodes at most: a refusal names so many of them. */
const NAMED_USERS = 20;

/** What a deletion is refused for that these users do not allow; undefined without users. */
export const inUse = (users: readonly string[]): Refusal | undefined => {
  if (users.length === 0) return undefined;
  const more = users.length > NAMED_USERS ? `, and ${users.length - NAMED_USERS} more, which its usage lists` : "";
  return { code: "version-in-use", detail: `the version is used by ${users.slice(0, NAMED_USERS).join(", ")}${more}` };
};
