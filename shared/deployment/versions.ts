import Range from "semver/classes/range.js";
import SemVer from "semver/classes/semver.js";
import rcompare from "semver/functions/rcompare.js";
import validRange from "semver/ranges/valid.js";
import { ownMember } from "../json.ts";
import type { Runtime } from "./cell.ts";

/** A published version and its number in the order of publication. */
export interface PublishedVersion {
  readonly version: string;
  readonly catalogueNumber: number;
}

/**
 * What a recipe depends on. A device installs dependencies of both types; a soft one differs only in that its restart
 * does not restart the dependent.
 * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ComponentDependencyRequirement.html
 */
export interface Dependency {
  readonly requirement: string;
  readonly type: "HARD" | "SOFT";
}

/** All that resolution may need of a version; AWS's public ones get their catalogue number when they are first seen. */
export interface VersionFacts extends PublishedVersion {
  readonly dependencies?: Readonly<Record<string, Dependency>>;
  /** The runtimes that its manifests name; absent for all. */
  readonly runtimes?: readonly Runtime[];
  /** Why it should not be used any more. */
  readonly deprecated?: string;
}

/** Component name to its published versions, in any order. */
export type Published = Readonly<Record<string, readonly VersionFacts[]>>;

export interface VersionIndex {
  /** All versions of a component, the highest first. */
  readonly all: (component: string) => readonly VersionFacts[];
  /** Whether every version of a component is made for every runtime. */
  readonly isForAll: (component: string) => boolean;
  /**
   * Versions that the requirement takes, published up to `sight` and made for the runtime (any, where that is not given);
   * the highest first.
   */
  readonly acceptable: (
    component: string,
    requirement: string,
    sight: number,
    runtime: Runtime | undefined,
  ) => readonly VersionFacts[];
}

interface Entry {
  readonly facts: VersionFacts;
  readonly parsed: SemVer;
}

const NONE: readonly VersionFacts[] = [];

const below = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
};

/** Sorted and parsed once; what was asked before is answered from memory, since fleets ask the same over and over. */
export const versionIndex = (published: Published): VersionIndex => {
  const components = new Map<string, { entries: readonly Entry[]; all: readonly VersionFacts[]; isForAll: boolean }>();
  /** By component and requirement, and then by sight, for each runtime. */
  const answers = new Map<string, Map<string, Record<string, Map<number, readonly VersionFacts[]>>>>();
  const ranges = new Map<string, Range | undefined>();

  const of = (component: string) => {
    const known = components.get(component);
    if (known !== undefined) return known;
    const entries = (ownMember(published, component) ?? [])
      .map((facts): Entry => ({ facts, parsed: new SemVer(facts.version) }))
      .sort((a, b) => rcompare(a.parsed, b.parsed));
    const all = entries.map(({ facts }) => facts);
    const made = { entries, all, isForAll: all.every(({ runtimes }) => runtimes === undefined) };
    components.set(component, made);
    return made;
  };

  const rangeOf = (requirement: string): Range | undefined => {
    if (!ranges.has(requirement)) {
      const valid = validRange(requirement) !== null;
      ranges.set(requirement, valid ? new Range(requirement) : undefined);
    }
    return ranges.get(requirement);
  };

  return {
    all: (component) => of(component).all,
    isForAll: (component) => of(component).isForAll,
    acceptable: (component, requirement, sight, runtime) => {
      const byRequirement = below(answers, component, () => new Map());
      const byRuntime = below(byRequirement, requirement, () => ({}));
      const place = runtime ?? "any";
      byRuntime[place] ??= new Map();
      const memory = byRuntime[place];
      const known = memory.get(sight);
      if (known !== undefined) return known;
      const range = rangeOf(requirement);
      const found =
        range === undefined
          ? NONE
          : of(component)
              .entries.filter(
                ({ facts, parsed }) =>
                  facts.catalogueNumber <= sight &&
                  (runtime === undefined || facts.runtimes === undefined || facts.runtimes.includes(runtime)) &&
                  range.test(parsed),
              )
              .map(({ facts }) => facts);
      memory.set(sight, found);
      return found;
    },
  };
};
