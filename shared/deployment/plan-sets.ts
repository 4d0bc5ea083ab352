import { ownMember } from "../json.ts";
import type { StoredDeployment } from "./deployment.ts";
import type { CellCount } from "./fleet.ts";
import { type Layer, layerOf } from "./layers.ts";
import type { CellSet, Resolver } from "./resolve.ts";

/** Deployments by target and cells by key, as they are or as they would be. */
export interface State {
  readonly deployments: ReadonlyMap<string, StoredDeployment>;
  readonly cells: ReadonlyMap<string, CellCount>;
}

/** A move of one node, or its coming or going. */
export interface Move {
  readonly from?: string;
  readonly to?: string;
}

/** Components of which a later revision of a deployment wants something else; undefined where it has another rank as well. */
const namesChanged = (
  before: StoredDeployment | undefined,
  after: StoredDeployment | undefined,
): ReadonlySet<string> | undefined => {
  if (before === after) return new Set();
  if (before?.priority !== after?.priority) return undefined;
  const [old, fresh] = [before?.components ?? {}, after?.components ?? {}];
  const names = [...Object.keys(old), ...Object.keys(fresh)];
  return new Set(names.filter((name) => ownMember(old, name) !== ownMember(fresh, name)));
};

/**
 * The sets of cells before and after. An edit of a group leaves most of what a cell has as it was: a set after the changes is
 * made from the one before, wherever both are of the same deployments. None is kept but those of cells that moves name, so that
 * a plan of many cells holds few sets at a time.
 */
export const setsOf = (before: State, after: State, moves: readonly Move[], { set, revised }: Resolver) => {
  const layers = new Map<StoredDeployment, Layer>();
  const layersOf = ({ deployments }: State, { targets }: CellCount): Layer[] =>
    targets.flatMap((target) => {
      const one = deployments.get(target);
      if (one === undefined) return [];
      const layer = layers.get(one) ?? layerOf(one);
      layers.set(one, layer);
      return layer;
    });
  const named = new Set(moves.flatMap(({ from, to }) => [from, to]));
  const keeping = (make: (cell: CellCount, old?: CellSet) => CellSet, { cells }: State) => {
    const kept = new Map<string, CellSet>();
    return (key: string, old?: CellSet): CellSet | undefined => {
      const cell = cells.get(key);
      if (cell === undefined) return undefined;
      const made = kept.get(key) ?? make(cell, old);
      if (named.has(key)) kept.set(key, made);
      return made;
    };
  };
  const changed = new Map<string, ReadonlySet<string> | undefined>();
  for (const target of new Set([...before.deployments.keys(), ...after.deployments.keys()])) {
    const [old, fresh] = [before.deployments.get(target), after.deployments.get(target)];
    if (old !== fresh) changed.set(target, namesChanged(old, fresh));
  }
  const setBefore = keeping((cell) => set(layersOf(before, cell), cell.runtime), before);
  const setAfter = keeping((cell, old = setBefore(cell.key)) => {
    const edits = cell.targets.filter((target) => changed.has(target)).map((target) => changed.get(target));
    const names = edits.every((one) => one !== undefined) ? new Set(edits.flatMap((one) => [...one])) : undefined;
    const now = layersOf(after, cell);
    return old === undefined || names === undefined ? set(now, cell.runtime) : revised(old, now, names);
  }, after);
  return { setBefore, setAfter };
};
