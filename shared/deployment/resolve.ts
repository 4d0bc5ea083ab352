import { hash } from "node:crypto";
import { ownMember } from "../json.ts";
import type { Runtime } from "./cell.ts";
import { type Choice, choose } from "./choose.ts";
import { type Configured, configured, type Wish } from "./configuration.ts";
import { type Chosen, type Closure, closure } from "./dependencies.ts";
import { byPrecedence, type Layer, layerOf } from "./layers.ts";
import {
  type Published,
  type PublishedVersion,
  type VersionFacts,
  type VersionIndex,
  versionIndex,
} from "./versions.ts";

export { type Layer, layerOf, type PublishedVersion };

/** One component of a cell: the version, and what targets chose of it; no choice for a dependency that nobody names. */
export interface CellComponent extends Chosen {
  /** Name and content as JSON, as they stand in the cell's, and how many bytes that takes. */
  readonly text: string;
  readonly bytes: number;
}

/** What every node of a cell must run: one exact version of each component, dependencies included. */
export interface CellSet {
  readonly runtime: Runtime | undefined;
  /** In the order that the members of the content's JSON have. */
  readonly components: ReadonlyMap<string, CellComponent>;
  /** For each component that another one depends on, those that do, by name. */
  readonly needs: Closure<CellComponent>["needs"];
  /** What a revision cannot change by itself: others depended on it on the way here. */
  readonly reached: Closure<CellComponent>["reached"];
  /** Components for which targets of equal precedence disagree: delivered all the same, shown until someone decides. */
  readonly ambiguous: readonly string[];
  /** Components for which no published version satisfies the requirement that decides. */
  readonly unresolved: readonly Choice[];
  /** Components that others depend on and of which no version, or not the one that targets want, will do. */
  readonly unmet: readonly string[];
}

/** Whether a cell's set can be delivered: nothing is, that would take away what could not be resolved. */
export const isDeliverable = ({ unresolved, unmet }: CellSet): boolean => unresolved.length === 0 && unmet.length === 0;

export interface Resolver {
  readonly index: VersionIndex;
  /**
   * The set of a cell that these deployments reach. Pure and total: the order of layers does not matter.
   *
   * @param runtime of the cell's nodes; any version will do where it is not given
   */
  readonly set: (layers: readonly Layer[], runtime: Runtime | undefined) => CellSet;
  /**
   * The set of a cell some of whose deployments say something else by now: as {@link set} makes it, from what it was.
   *
   * @param layers as they are now: as many as before, each in the place of one with its target, kind and priority
   * @param names of all components of which a layer wants something else than the one before it, or nothing any more
   */
  readonly revised: (set: CellSet, layers: readonly Layer[], names: Iterable<string>) => CellSet;
}

/** A row of wishes for one component, by precedence; rows with the same beginning share it. */
interface Row {
  readonly component: string;
  readonly wishes: readonly [Wish, ...Wish[]];
  /** What the row makes for a runtime, or for any, once it was asked for. */
  readonly choices: Partial<Record<Runtime | "any", Choice>>;
  longer?: Map<Wish, Row>;
}

/** A layer's own rows by name, and in the order of the names. */
interface KnownLayer {
  readonly number: number;
  readonly rows: ReadonlyMap<string, Row>;
  readonly list: readonly Row[];
}

/**
 * A resolver over published versions. It remembers what it chose, by the identity of the layers: the cells of a fleet
 * share most of their choices, and a node's own deployment changes few of its groups'.
 */
export const resolver = (published: Published): Resolver => {
  const index = versionIndex(published);
  const rowsOfLayer = new Map<Layer, KnownLayer>();
  const beginnings = new Map<string, readonly Row[]>();
  const entries = new Map<Choice | string, CellComponent[]>();
  const bases = new Map<string, CellSet>();

  const known = (layer: Layer): KnownLayer => {
    const before = rowsOfLayer.get(layer);
    if (before !== undefined) return before;
    const rows = new Map<string, Row>();
    for (const component of keyOrder(Object.keys(layer.components))) {
      const wanted = ownMember(layer.components, component);
      if (wanted !== undefined) rows.set(component, { component, wishes: [{ layer, wanted }], choices: {} });
    }
    const made = { number: rowsOfLayer.size, rows, list: [...rows.values()] };
    rowsOfLayer.set(layer, made);
    return made;
  };

  const longer = (row: Row, { wishes: [wish] }: Row): Row => {
    row.longer ??= new Map();
    const before = row.longer.get(wish);
    if (before !== undefined) return before;
    const made: Row = { component: row.component, wishes: [...row.wishes, wish], choices: {} };
    row.longer.set(wish, made);
    return made;
  };

  /** The rows of two, in the order of their names. */
  const joined = (high: readonly Row[], low: readonly Row[]): Row[] => {
    const rows: Row[] = [];
    let at = 0;
    for (const row of high) {
      let next = low[at];
      for (; next !== undefined && compareKeys(next.component, row.component) < 0; next = low[at]) {
        rows.push(next);
        at += 1;
      }
      if (next?.component === row.component) at += 1;
      rows.push(next?.component === row.component ? longer(row, next) : row);
    }
    for (const row of low.slice(at)) rows.push(row);
    return rows;
  };

  const keyOf = (layers: readonly Layer[]): string => layers.map((layer) => known(layer).number).join(" ");

  /** The rows of layers by precedence. What all but the last make is remembered, since many cells begin alike. */
  const rowsOf = (layers: readonly Layer[]): readonly Row[] => {
    const lists = layers.map((layer) => known(layer).list);
    const last = lists.pop() ?? [];
    if (lists.length === 0) return last;
    const key = keyOf(layers.slice(0, -1));
    const high = beginnings.get(key) ?? lists.reduce(joined);
    beginnings.set(key, high);
    return joined(high, last);
  };

  const choiceOf = ({ component, wishes, choices }: Row, runtime: Runtime | undefined): Choice => {
    const place = (index.isForAll(component) ? undefined : runtime) ?? "any";
    choices[place] ??= choose(index, component, wishes, runtime);
    return choices[place];
  };

  const entryOf = (
    component: string,
    choice: Choice | undefined,
    facts: VersionFacts,
    sight: number,
  ): CellComponent => {
    const list = entries.get(choice ?? component);
    const before = list?.find((one) => one.facts === facts && one.sight === sight);
    if (before !== undefined) return before;
    const text = `${JSON.stringify(component)}:${JSON.stringify(contentOf({ facts, choice }))}`;
    const made = { facts, sight, ...(choice !== undefined && { choice }), text, bytes: Buffer.byteLength(text) };
    if (list === undefined) entries.set(choice ?? component, [made]);
    else list.push(made);
    return made;
  };

  const setOf = (roots: readonly Choice[], runtime: Runtime | undefined): CellSet => {
    const { chosen, needs, reached, unmet } = closure({ index, runtime, chosen: entryOf }, roots);
    return {
      runtime,
      components: inOrder(chosen),
      needs,
      reached,
      unmet,
      ambiguous: roots
        .filter(({ ambiguous }) => ambiguous)
        .map(({ component }) => component)
        .sort(),
      unresolved: roots.filter(({ candidates }) => candidates.length === 0).sort(byName),
    };
  };

  /** What layers by precedence make of a cell, from the beginning. */
  const baseOf = (layers: readonly Layer[], runtime: Runtime | undefined): CellSet =>
    bases.get(`${runtime} ${keyOf(layers)}`) ??
    setOf(
      rowsOf(layers).map((row) => choiceOf(row, runtime)),
      runtime,
    );

  /** The same of what groups make of a cell, remembered: those of other nodes with a deployment of their own build on it, too. */
  const sharedBase = (layers: readonly Layer[], runtime: Runtime | undefined): CellSet => {
    const base = baseOf(layers, runtime);
    bases.set(`${runtime} ${keyOf(layers)}`, base);
    return base;
  };

  /**
   * What these layers, by precedence, want of one component; undefined for nothing. Of a node's own wish nothing is remembered,
   * since no other cell has it.
   */
  const chosenBy = (layers: readonly Layer[], name: string, runtime: Runtime | undefined): Choice | undefined => {
    const [first] = layers;
    const own = first?.kind === "node" ? first : undefined;
    let row: Row | undefined;
    for (const layer of layers) {
      const next = layer === own ? undefined : known(layer).rows.get(name);
      if (next !== undefined) row = row === undefined ? next : longer(row, next);
    }
    const wanted = own && ownMember(own.components, name);
    if (own === undefined || wanted === undefined) return row && choiceOf(row, runtime);
    return choose(index, name, [{ layer: own, wanted }, ...(row?.wishes ?? [])], runtime);
  };

  /** A set with other choices of some components; undefined for what nobody wants any more. */
  const altered = (set: CellSet, changes: ReadonlyMap<string, Choice | undefined>): CellSet => {
    if (changes.size === 0) return set;
    const { runtime } = set;
    const depends = (facts: VersionFacts | undefined) => facts?.dependencies !== undefined;
    for (const [name, choice] of changes) {
      const touchesDependencies =
        set.reached.has(name) || depends(choice?.candidates[0]) || depends(set.components.get(name)?.facts);
      if (!touchesDependencies) continue;
      const kept = rootsOf(set).filter(({ component }) => !changes.has(component));
      return setOf([...kept, ...[...changes.values()].filter((one) => one !== undefined)], runtime);
    }
    const components = new Map(set.components);
    for (const [name, choice] of changes) {
      const facts = choice?.candidates[0];
      if (choice === undefined || facts === undefined) components.delete(name);
      else components.set(name, entryOf(name, choice, facts, choice.sight));
    }
    const now = [...changes.values()].filter((choice) => choice !== undefined);
    return {
      runtime,
      components: inOrder(components),
      needs: set.needs,
      reached: set.reached,
      unmet: set.unmet,
      ambiguous: [
        ...set.ambiguous.filter((name) => !changes.has(name)),
        ...now.filter(({ ambiguous }) => ambiguous).map(({ component }) => component),
      ].sort(),
      unresolved: [
        ...set.unresolved.filter(({ component }) => !changes.has(component)),
        ...now.filter(({ candidates }) => candidates.length === 0),
      ].sort(byName),
    };
  };

  const revised: Resolver["revised"] = (set, layers, names) => {
    const sorted = [...layers].sort(byPrecedence);
    const changes = new Map<string, Choice | undefined>();
    for (const name of names) changes.set(name, chosenBy(sorted, name, set.runtime));
    return altered(set, changes);
  };

  return {
    index,
    set: (layers, runtime) => {
      const sorted = [...layers].sort(byPrecedence);
      const [first, ...rest] = sorted;
      if (first?.kind !== "node" || rest.length === 0) return baseOf(sorted, runtime);
      return revised(sharedBase(rest, runtime), sorted, Object.keys(first.components));
    },
    revised,
  };
};

/** What targets chose of the components of a set, before dependencies were looked at. */
const rootsOf = ({ components, unresolved }: CellSet): Choice[] => [
  ...[...components.values()].flatMap(({ choice }) => choice ?? []),
  ...unresolved,
];

const byName = (a: Choice, b: Choice): number => (a.component < b.component ? -1 : 1);

export interface ResolvedComponent {
  readonly version: string;
  readonly merge?: Readonly<Record<string, unknown>>;
  readonly reset?: readonly string[];
  /** The targets that asked, by precedence, highest first; the first one decided where they disagreed. */
  readonly targets: readonly string[];
}

export interface EffectiveSet {
  readonly components: Readonly<Record<string, ResolvedComponent>>;
  readonly ambiguous: readonly string[];
  readonly unresolved: readonly { readonly component: string; readonly requirement: string; readonly target: string }[];
}

/**
 * What targets alone make of a cell, without dependencies: one exact version per component, however many deployments reach
 * it. If some version satisfies all of them, the highest such; otherwise the requirement of highest precedence decides, and
 * each one after it is met as far as those before it leave room.
 */
export const resolve = (
  layers: readonly Layer[],
  published: Readonly<Record<string, readonly PublishedVersion[]>>,
): EffectiveSet => {
  const { components, ambiguous, unresolved } = resolver(published).set(layers, undefined);
  return {
    components: Object.fromEntries(
      [...components]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { facts, choice }]) => {
          const wishes = choice?.wishes ?? [];
          const targets = wishes.map(({ layer }) => layer.target);
          return [name, { version: facts.version, ...configured(wishes), targets }];
        }),
    ),
    ambiguous,
    unresolved: unresolved.flatMap(({ component, wishes: [first] }) =>
      first === undefined ? [] : [{ component, requirement: first.wanted.version, target: first.layer.target }],
    ),
  };
};

/** What `CreateDeployment` takes for a component. */
export interface ComponentContent {
  readonly componentVersion: string;
  readonly configurationUpdate?: { readonly merge?: string; readonly reset?: string[] };
  readonly runWith?: Configured["runWith"];
}

/** What `CreateDeployment` takes as `components`. */
export type DeploymentContent = Readonly<Record<string, ComponentContent>>;

/**
 * What of a deployment fits into the 31 KB that Greengrass sends to a group's devices in one document: larger ones reach
 * only devices that say they can fetch them.
 * https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html
 */
export const MAX_DOCUMENT_BYTES = 30 * 1_024;

const componentContent = (version: string, { merge, reset, runWith }: Configured): ComponentContent => ({
  componentVersion: version,
  ...((merge !== undefined || reset !== undefined) && {
    configurationUpdate: {
      ...(merge !== undefined && { merge: JSON.stringify(sortKeys(merge)) }),
      ...(reset !== undefined && { reset: [...reset] }),
    },
  }),
  ...(runWith !== undefined && { runWith: sortKeys(runWith) as NonNullable<Configured["runWith"]> }),
});

const contentOf = ({ facts, choice }: { facts: VersionFacts; choice?: Choice | undefined }): ComponentContent =>
  componentContent(facts.version, choice === undefined ? {} : configured(choice.wishes));

/** The Greengrass form of an effective set; equal sets give equal bytes. */
export const deploymentContent = (set: EffectiveSet): DeploymentContent =>
  Object.fromEntries(
    Object.entries(set.components)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { version, ...how }]) => [name, componentContent(version, how)]),
  );

/** The Greengrass form of a cell's set, every dependency pinned; equal sets give equal bytes. */
export const cellContent = ({ components }: CellSet): DeploymentContent =>
  Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, one]) => [name, contentOf(one)]));

const sortKeys = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
};

/** Identity of a cell's content: a new Greengrass revision is made only when it differs from what was delivered. */
export const contentHash = (content: DeploymentContent): string => hash("sha256", JSON.stringify(content));

const isArrayIndex = (name: string): boolean => /^(?:0|[1-9]\d{0,9})$/.test(name) && Number(name) < 2 ** 32 - 1;

/** The order in which JavaScript keeps an object's members that were set in the order of their names. */
const compareKeys = (a: string, b: string): number => {
  // A name that starts with no digit is no index, and most do not.
  if (a.charCodeAt(0) <= NINE || b.charCodeAt(0) <= NINE) {
    const [first, second] = [isArrayIndex(a), isArrayIndex(b)];
    if (first && second) return Number(a) - Number(b);
    if (first !== second) return first ? -1 : 1;
  }
  return a < b ? -1 : a > b ? 1 : 0;
};

const NINE = "9".charCodeAt(0);

const keyOrder = (names: readonly string[]): string[] => [...names].sort(compareKeys);

/** The same map, or one with its members in the order of {@link compareKeys}: few at its end are out of it, if any. */
const inOrder = <T>(map: Map<string, T>): Map<string, T> => {
  const names = [...map.keys()];
  let end = Math.min(1, names.length);
  while (end < names.length && compareKeys(names[end - 1] ?? "", names[end] ?? "") < 0) end += 1;
  const rest = names.splice(end).sort(compareKeys);
  if (rest.length === 0) return map;
  const ordered = new Map<string, T>();
  const take = (name: string) => ordered.set(name, map.get(name) as T);
  let at = 0;
  for (const name of names) {
    for (let next = rest[at]; next !== undefined && compareKeys(next, name) < 0; next = rest[at]) {
      take(next);
      at += 1;
    }
    take(name);
  }
  for (const name of rest.slice(at)) take(name);
  return ordered;
};

/** The content of a cell's set as JSON, put together from what is known of each component. */
export const cellText = ({ components }: CellSet): string => {
  let text = "";
  for (const { text: one } of components.values()) text += text === "" ? `{${one}` : `,${one}`;
  return text === "" ? "{}" : `${text}}`;
};

/** As `contentHash(cellContent(set))`. */
export const cellHash = (set: CellSet): string => hash("sha256", cellText(set));
