import semver from "semver";

/**
 * How a device makes one set of components of the deployments of all its targets. Pure: what the cloud answers is given.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/manage-deployments.html
 */

/** What a deployment says of the configuration of one component. */
export interface Update {
  /** JSON pointers; the empty one is the whole configuration. */
  readonly reset?: readonly string[] | undefined;
  /** RFC 7396. */
  readonly merge?: unknown;
}

/** A component that a deployment names. */
export interface Root {
  /** A version, or a range of npm's. */
  readonly version: string;
  readonly configurationUpdate?: Update | undefined;
}

/** The last deployment of a target, which is `thinggroup/G` or `thing/T`. */
export interface Target {
  readonly deploymentId: string;
  readonly configurationArn: string;
  readonly revision: number;
  readonly components: Readonly<Record<string, Root>>;
}

export type Targets = Readonly<Record<string, Target>>;

export interface Dependency {
  readonly requirement: string;
  readonly hard: boolean;
}

/** A component in one version, with what that needs. */
export interface Resolved {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, Dependency>>;
}

/** `arn:aws:greengrass:{region}:{account}:configuration:{target}:{revision}`; undefined for what is none. */
export const parseConfigurationArn = (arn: string): { target: string; revision: number } | undefined => {
  const [, target, revision] =
    /^arn:[^:]+:greengrass:[^:]*:[^:]*:configuration:(thing(?:group)?\/.+):(\d+)$/.exec(arn) ?? [];
  return target === undefined || revision === undefined ? undefined : { target, revision: Number(revision) };
};

/** Whether the target has had a later revision than this one. */
export const isStale = (stored: Targets, target: string, revision: number): boolean =>
  (stored[target]?.revision ?? 0) > revision;

/**
 * The targets whose components the device is to have: the incoming one, and of those before what is the thing's own, or a
 * group's that it is still in.
 * @param groups names of the groups that the thing is in, and of those above them
 */
export const inForce = (stored: Targets, incoming: Targets, groups: ReadonlySet<string>): Targets => ({
  ...Object.fromEntries(
    Object.entries(stored).filter(
      ([target]) => target.startsWith("thing/") || groups.has(target.slice("thinggroup/".length)),
    ),
  ),
  ...incoming,
});

/**
 * What is required of each component that is reachable from the targets through what is resolved, by who requires it:
 * a target, or a component.
 */
export const requirementsOf = (
  targets: Targets,
  resolved: ReadonlyMap<string, Resolved>,
): Map<string, Record<string, string>> => {
  const requirements = new Map<string, Record<string, string>>();
  const visited = new Set<string>();
  const require = (name: string, by: string, requirement: string): void => {
    requirements.set(name, { ...requirements.get(name), [by]: requirement });
    if (visited.has(name)) return;
    visited.add(name);
    for (const [dependency, { requirement: range }] of Object.entries(resolved.get(name)?.dependencies ?? {}))
      require(dependency, name, range);
  };
  for (const [target, { components }] of Object.entries(targets))
    for (const [name, { version }] of Object.entries(components)) require(name, target, version);
  return requirements;
};

export const satisfiesAll = (version: string, ranges: readonly string[]): boolean =>
  ranges.every((range) => semver.satisfies(version, range));

/** The types know less than the library: `intersects` takes the options of ranges. */
const RANGE: object = { includePrerelease: true };

const meet = (comparators: readonly semver.Comparator[]): boolean =>
  comparators.every((one, at) =>
    // Intervals that meet in pairs have a point in common.
    comparators.slice(at + 1).every((other) => one.intersects(other, RANGE)),
  );

/** Whether npm ranges leave room for a version at all; what is no range leaves none. */
export const leaveRoom = (ranges: readonly string[]): boolean => {
  if (ranges.some((range) => semver.validRange(range) === null)) return false;
  const alternatives = ranges.map((range) => new semver.Range(range).set);
  const fits = (chosen: readonly semver.Comparator[], at: number): boolean => {
    const sets = alternatives[at];
    if (sets === undefined) return true;
    return sets.some((set) => {
      const all = [...chosen, ...set];
      return meet(all) && fits(all, at + 1);
    });
  };
  return fits([], 0);
};

/**
 * Components after those that they depend on; of equals, by name.
 * @throws RangeError with the names that depend on each other
 */
export const startOrder = (components: ReadonlyMap<string, Resolved>): string[] => {
  const order: string[] = [];
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (done.has(name) || !components.has(name)) return;
    if (path.includes(name)) throw new RangeError([...path.slice(path.indexOf(name)), name].join(" → "));
    for (const dependency of Object.keys(components.get(name)?.dependencies ?? {}).sort())
      visit(dependency, [...path, name]);
    done.add(name);
    order.push(name);
  };
  for (const name of [...components.keys()].sort()) visit(name, []);
  return order;
};

/** The configuration ARNs of the targets that a component is there for, and whether one of them names it. */
export const provenance = (
  name: string,
  targets: Targets,
  components: ReadonlyMap<string, Resolved>,
): { readonly configurationArns: string[]; readonly isRoot: boolean } => ({
  configurationArns: Object.entries(targets)
    .filter(([target, one]) => requirementsOf({ [target]: one }, components).has(name))
    .map(([, { configurationArn }]) => configurationArn),
  isRoot: Object.values(targets).some(({ components: roots }) => Object.hasOwn(roots, name)),
});
