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
  readonly choice?: Choice;
  readonly content: ComponentContent;
  /** Name and content as JSON, as they stand in the cell's. */
  readonly text: string;
}

/** What every node of a cell must run: one exact version of each component, dependencies included. */
export interface CellSet {
  readonly runtime: Runtime | undefined;
  /** In the order that the members of the content's JSON have. */
  readonly components: ReadonlyMap<string, CellComponent>;
  /** For each component that another one depends on, those that do, by name. */
  readonly needs: Closure<CellComponent>["needs"];
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
}

/** A row of wishes for one component, by precedence; rows with the same beginning share it. */
interface Row {
  readonly wishes: readonly [Wish, ...Wish[]];
  readonly longer: Map<Wish, Row>;
  /** What the row makes, by runtime, once it was asked for. */
  readonly choices: Map<Runtime | undefined, Choice>;
}

interface Base {
  readonly roots: ReadonlyMap<string, Choice>;
  readonly set: CellSet;
}

/**
 * A resolver over published versions. It remembers what it chose, by the identity of the layers: the cells of a fleet
 * share most of their choices, and a node's own deployment changes few of its groups'.
 */
export const resolver = (published: Published): Resolver => {
  const index = versionIndex(published);
  const rowsOfLayer = new Map<Layer, { readonly number: number; readonly rows: readonly (readonly [string, Row])[] }>();
  const entries = new Map<Choice | string, CellComponent[]>();
  const bases = new Map<string, Base>();

  const rowOf = (wishes: Row["wishes"]): Row => ({ wishes, longer: new Map(), choices: new Map() });

  const known = (layer: Layer) => {
    const before = rowsOfLayer.get(layer);
    if (before !== undefined) return before;
    const rows = keyOrder(Object.keys(layer.components)).flatMap((name) => {
      const wanted = ownMember(layer.components, name);
      return wanted === undefined ? [] : [[name, rowOf([{ layer, wanted }])] as const];
    });
    const made = { number: rowsOfLayer.size, rows };
    rowsOfLayer.set(layer, made);
    return made;
  };

  const longer = (row: Row, wish: Wish): Row => {
    const before = row.longer.get(wish);
    if (before !== undefined) return before;
    const made = rowOf([...row.wishes, wish]);
    row.longer.set(wish, made);
    return made;
  };

  const choiceOf = (component: string, { wishes, choices }: Row, runtime: Runtime | undefined): Choice => {
    const before = choices.get(runtime);
    if (before !== undefined) return before;
    const made = choose(index, component, wishes, runtime);
    choices.set(runtime, made);
    return made;
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
    const content = componentContent(facts.version, choice === undefined ? {} : configured(choice.wishes));
    const text = `${JSON.stringify(component)}:${JSON.stringify(content)}`;
    const made: CellComponent = { facts, sight, ...(choice !== undefined && { choice }), content, text };
    if (list === undefined) entries.set(choice ?? component, [made]);
    else list.push(made);
    return made;
  };

  const setOf = (roots: ReadonlyMap<string, Choice>, runtime: Runtime | undefined): CellSet => {
    const { chosen, needs, unmet } = closure({ index, runtime, chosen: entryOf }, roots);
    const ambiguous: string[] = [];
    const unresolved: Choice[] = [];
    for (const [name, choice] of roots) {
      if (choice.ambiguous) ambiguous.push(name);
      if (choice.candidates.length === 0) unresolved.push(choice);
    }
    return {
      runtime,
      components: inOrder(chosen),
      needs,
      unmet,
      ambiguous: ambiguous.sort(),
      unresolved: unresolved.sort(byName),
    };
  };

  /** What groups alone make of a cell, remembered: the cells of nodes with a deployment of their own build on it. */
  const baseOf = (layers: readonly Layer[], runtime: Runtime | undefined): Base => {
    const key = `${runtime ?? ""} ${layers.map((layer) => known(layer).number).join(" ")}`;
    const before = bases.get(key);
    if (before !== undefined) return before;
    const rows = new Map<string, Row>();
    for (const layer of layers) {
      for (const [name, row] of known(layer).rows) {
        const higher = rows.get(name);
        rows.set(name, higher === undefined ? row : longer(higher, row.wishes[0]));
      }
    }
    const roots = new Map<string, Choice>();
    for (const [name, row] of rows) roots.set(name, choiceOf(name, row, runtime));
    const base = { roots, set: setOf(roots, runtime) };
    bases.set(key, base);
    return base;
  };

  /** A base with one more deployment, of higher precedence than all of it. */
  const overlaid = ({ roots, set }: Base, layer: Layer, runtime: Runtime | undefined): CellSet => {
    const changed = new Map<string, Choice>();
    for (const [name, wanted] of Object.entries(layer.components)) {
      changed.set(name, choose(index, name, [{ layer, wanted }, ...(roots.get(name)?.wishes ?? [])], runtime));
    }
    const depends = (facts: VersionFacts | undefined) => facts?.dependencies !== undefined;
    for (const [name, { candidates }] of changed) {
      const touchesDependencies =
        set.needs.has(name) || depends(candidates[0]) || depends(set.components.get(name)?.facts);
      if (touchesDependencies) return setOf(new Map([...roots, ...changed]), runtime);
    }
    const components = new Map(set.components);
    for (const [name, choice] of changed) {
      const [facts] = choice.candidates;
      if (facts === undefined) components.delete(name);
      else components.set(name, entryOf(name, choice, facts, choice.sight));
    }
    const all = [...changed.values()];
    return {
      runtime,
      components: inOrder(components),
      needs: set.needs,
      unmet: set.unmet,
      ambiguous: [
        ...set.ambiguous.filter((name) => !changed.has(name)),
        ...all.filter(({ ambiguous }) => ambiguous).map(({ component }) => component),
      ].sort(),
      unresolved: [
        ...set.unresolved.filter(({ component }) => !changed.has(component)),
        ...all.filter(({ candidates }) => candidates.length === 0),
      ].sort(byName),
    };
  };

  return {
    index,
    set: (layers, runtime) => {
      const [first, ...rest] = [...layers].sort(byPrecedence);
      if (first?.kind === "node" && rest.length > 0) return overlaid(baseOf(rest, runtime), first, runtime);
      return baseOf(first === undefined ? [] : [first, ...rest], runtime).set;
    },
  };
};

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

/** The Greengrass form of an effective set; equal sets give equal bytes. */
export const deploymentContent = (set: EffectiveSet): DeploymentContent =>
  Object.fromEntries(
    Object.entries(set.components)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { version, ...how }]) => [name, componentContent(version, how)]),
  );

/** The Greengrass form of a cell's set, every dependency pinned; equal sets give equal bytes. */
export const cellContent = ({ components }: CellSet): DeploymentContent =>
  Object.fromEntries(
    [...components].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { content }]) => [name, content]),
  );

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

/** The same map, or one with its members in the order of {@link compareKeys}. */
const inOrder = <T>(map: Map<string, T>): Map<string, T> => {
  let last: string | undefined;
  for (const name of map.keys()) {
    if (last !== undefined && compareKeys(last, name) > 0)
      return new Map([...map].sort(([a], [b]) => compareKeys(a, b)));
    last = name;
  }
  return map;
};

/** The content of a cell's set as JSON, put together from what is known of each component. */
export const cellText = ({ components }: CellSet): string => {
  let text = "";
  for (const { text: one } of components.values()) text += text === "" ? `{${one}` : `,${one}`;
  return text === "" ? "{}" : `${text}}`;
};

/** As `contentHash(cellContent(set))`. */
export const cellHash = (set: CellSet): string => hash("sha256", cellText(set));
