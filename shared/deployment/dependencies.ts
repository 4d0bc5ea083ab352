import type { Runtime } from "./cell.ts";
import type { Choice } from "./choose.ts";
import type { Dependency, VersionFacts, VersionIndex } from "./versions.ts";

/** Who needs a component, and which versions of it. */
export interface Need extends Dependency {
  readonly dependent: string;
}

/** A version as chosen; what it depends on may see versions published up to `sight`. */
export interface Chosen {
  /** What targets chose of the component; absent for a dependency that nobody names. */
  readonly choice?: Choice;
  readonly facts: VersionFacts;
  readonly sight: number;
}

/** Chosen components with everything that they depend on. */
export interface Closure<C extends Chosen> {
  readonly chosen: Map<string, C>;
  /** For each component that another one depends on, those that do, by name. */
  readonly needs: ReadonlyMap<string, readonly Need[]>;
  /** Whatever another one depended on at any step on the way here: who wants something else of these begins anew. */
  readonly reached: Pick<ReadonlySet<string>, "has">;
  /** Components that others depend on and of which no version, or not the one that targets want, will do; by name. */
  readonly unmet: readonly string[];
}

/** What the work is done with: all versions, the cell's runtime, and how a chosen version is written down. */
export interface Choosing<C extends Chosen> {
  readonly index: VersionIndex;
  readonly runtime: Runtime | undefined;
  readonly chosen: (component: string, choice: Choice | undefined, facts: VersionFacts, sight: number) => C;
}

/**
 * What nucleus lite never resolves, since it is part of it or stands in for it: `resolve_dependencies` in ggdeploymentd,
 * https://github.com/aws-greengrass/aws-greengrass-lite
 */
const PART_OF_LITE: ReadonlySet<string> = new Set(["aws.greengrass.Nucleus", "aws.greengrass.TokenExchangeService"]);

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const NO_DEPENDENCIES: Dependencies = [];

type Dependencies = readonly (readonly [string, Dependency])[];

/** What was worked out before, of versions that are still there: for the nucleus and for lite. */
const remembered = {
  nucleus: new WeakMap<object, Dependencies>(),
  "nucleus-lite": new WeakMap<object, Dependencies>(),
};

/** The dependencies of a version that a runtime looks at, by name. */
const dependenciesOf = ({ dependencies }: VersionFacts, runtime: Runtime | undefined): Dependencies => {
  if (dependencies === undefined) return NO_DEPENDENCIES;
  const memory = remembered[runtime ?? "nucleus"];
  const known = memory.get(dependencies);
  if (known !== undefined) return known;
  const found = Object.entries(dependencies)
    .filter(([name]) => runtime !== "nucleus-lite" || !PART_OF_LITE.has(name))
    .sort(([a], [b]) => byText(a, b));
  memory.set(dependencies, found);
  return found;
};

/**
 * Adds to the chosen components what they depend on, in exact versions. A component that targets name keeps to what
 * their requirements leave of it, and within that takes the highest version that its dependents take. One that nobody
 * names is as new as the least of its dependents' catalogue numbers allows, and newer only where they could not be met
 * otherwise. Dependents are not chosen lower to fit: what cannot be met is told, and the plan says what would help.
 *
 * Work goes by name, so that the result does not depend on the order of what is given. A change of one version may change
 * what others need, and in a circle of dependencies may do so for ever: then it is broken off, and what does not fit is
 * unmet.
 *
 * @param roots of those that targets name, one for each
 */
export const closure = <C extends Chosen>(choosing: Choosing<C>, roots: readonly Choice[]): Closure<C> => {
  const chosen = new Map<string, C>();
  const dirty: string[] = [];
  for (const choice of roots) {
    const facts = choice.candidates[0];
    if (facts === undefined) continue;
    chosen.set(choice.component, choosing.chosen(choice.component, choice, facts, choice.sight));
    if (facts.dependencies !== undefined) dirty.push(choice.component);
  }
  if (dirty.length === 0) return { chosen, needs: NO_NEEDS, reached: NO_NEEDS, unmet: [] };
  const unresolved = new Set(
    roots.filter(({ candidates }) => candidates.length === 0).map(({ component }) => component),
  );
  return settled(choosing, unresolved, chosen, dirty.sort(byText));
};

const NO_NEEDS: ReadonlyMap<string, readonly Need[]> = new Map();

const settled = <C extends Chosen>(
  choosing: Choosing<C>,
  unresolved: ReadonlySet<string>,
  chosen: Map<string, C>,
  dirty: string[],
): Closure<C> => {
  const needs = new Map<string, Map<string, Need>>();
  /** What a dependent was last seen to need, so that it can be taken back. */
  const needed = new Map<string, readonly string[]>();
  const enough = 100 + 20 * chosen.size;
  for (let step = 0; step < enough; step += 1) {
    const dependent = dirty.shift();
    if (dependent === undefined) break;
    const now = chosen.get(dependent);
    const wants = now === undefined ? NO_DEPENDENCIES : dependenciesOf(now.facts, choosing.runtime);
    const touched = new Set(needed.get(dependent));
    for (const name of touched) needs.get(name)?.delete(dependent);
    for (const [name, dependency] of wants) {
      let known = needs.get(name);
      if (known === undefined) {
        known = new Map();
        needs.set(name, known);
      }
      known.set(dependent, { dependent, ...dependency });
      touched.add(name);
    }
    needed.set(
      dependent,
      wants.map(([name]) => name),
    );
    for (const name of [...touched].sort(byText)) {
      const before = chosen.get(name);
      const after = unresolved.has(name) ? undefined : suited(choosing, name, needs.get(name) ?? new Map(), chosen);
      if (after === undefined) chosen.delete(name);
      else chosen.set(name, after);
      if (before !== after && !dirty.includes(name)) dirty.push(name);
    }
  }
  if (dirty.length > 0) return brokenOff(choosing, chosen, dirty);
  const listed = inOrder(needs);
  const reached = listed.size === needs.size ? listed : new Set(needs.keys());
  return { chosen, needs: listed, reached, unmet: unmetOf(choosing, chosen, listed) };
};

/** Where it goes round and round, anything at all may lead to another end. */
const EVERYTHING = { has: () => true };

/** What there is when it goes round and round: the needs of what is chosen by now, those of the circle unmet. */
const brokenOff = <C extends Chosen>(
  choosing: Choosing<C>,
  chosen: Map<string, C>,
  dirty: readonly string[],
): Closure<C> => {
  const needs = new Map<string, Map<string, Need>>();
  for (const [dependent, { facts }] of chosen) {
    for (const [name, dependency] of dependenciesOf(facts, choosing.runtime)) {
      needs.set(name, (needs.get(name) ?? new Map()).set(dependent, { dependent, ...dependency }));
    }
  }
  const listed = inOrder(needs);
  return {
    chosen,
    needs: listed,
    reached: EVERYTHING,
    unmet: [...new Set([...unmetOf(choosing, chosen, listed), ...dirty])].sort(byText),
  };
};

const inOrder = (needs: ReadonlyMap<string, ReadonlyMap<string, Need>>): Map<string, readonly Need[]> =>
  new Map(
    [...needs]
      .filter(([, dependents]) => dependents.size > 0)
      .map(([name, dependents]) => [name, [...dependents.values()].sort(byDependent)] as const)
      .sort(([a], [b]) => byText(a, b)),
  );

const unmetOf = (
  { index }: Choosing<Chosen>,
  chosen: ReadonlyMap<string, Chosen>,
  needs: ReadonlyMap<string, readonly Need[]>,
): string[] =>
  [...needs].filter(([name, list]) => !meets(index, name, chosen.get(name)?.facts, list)).map(([name]) => name);

const byDependent = (a: Need, b: Need): number => byText(a.dependent, b.dependent);

/** The versions of a component that one of its dependents takes, whenever they were published. */
const takenBy = ({ index, runtime }: Choosing<Chosen>, component: string, { requirement }: Need) =>
  index.acceptable(component, requirement, Number.POSITIVE_INFINITY, runtime);

const meets = (
  index: VersionIndex,
  component: string,
  facts: VersionFacts | undefined,
  needs: readonly Need[],
): boolean =>
  facts !== undefined &&
  needs.every(({ requirement }) =>
    index.acceptable(component, requirement, Number.POSITIVE_INFINITY, undefined).includes(facts),
  );

/** The version of a component that its dependents and the targets that name it, if any do, agree on. */
const suited = <C extends Chosen>(
  choosing: Choosing<C>,
  component: string,
  needs: ReadonlyMap<string, Need>,
  chosen: ReadonlyMap<string, C>,
): C | undefined => {
  const list = [...needs.values()];
  const root = chosen.get(component)?.choice;
  if (root !== undefined) {
    const takes = list.map((need) => takenBy(choosing, component, need));
    const facts = root.candidates.find((one) => takes.every((set) => set.includes(one))) ?? root.candidates[0];
    return facts && choosing.chosen(component, root, facts, root.sight);
  }
  const sights = new Set(list.map(({ dependent }) => chosen.get(dependent)?.sight ?? 0));
  for (const sight of [...sights].sort((a, b) => a - b)) {
    const [first, ...others] = list.map(({ requirement }) =>
      choosing.index.acceptable(component, requirement, sight, choosing.runtime),
    );
    const facts = first?.find((one) => others.every((takes) => takes.includes(one)));
    if (facts !== undefined) return choosing.chosen(component, undefined, facts, sight);
  }
  return undefined;
};
