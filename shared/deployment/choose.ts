import type { Runtime } from "./cell.ts";
import type { Wish } from "./configuration.ts";
import { type Layer, samePrecedence } from "./layers.ts";
import type { VersionFacts, VersionIndex } from "./versions.ts";

/** What the targets' requirements leave of one component's versions, before dependencies are looked at. */
export interface Choice {
  readonly component: string;
  /** By precedence, highest first: the first one decides where they disagree. */
  readonly wishes: readonly Wish[];
  /** Versions left, the highest first; none where the requirement that decides takes none. */
  readonly candidates: readonly VersionFacts[];
  /** Targets whose requirement could not be met beside those of higher precedence. */
  readonly losers: readonly Layer[];
  /** A loser has the same precedence as the target that decides. */
  readonly ambiguous: boolean;
  /** The least catalogue number of the wishes that are met: what the component's dependencies may see. */
  readonly sight: number;
}

const NONE: readonly Layer[] = [];

/**
 * Goes through the wishes by precedence; each one narrows the versions unless that would leave none (ADR 6).
 *
 * @param wishes at least one, by precedence, highest first
 */
export const choose = (
  index: VersionIndex,
  component: string,
  wishes: readonly [Wish, ...Wish[]],
  runtime: Runtime | undefined,
): Choice => {
  const acceptable = ({ wanted }: Wish) => index.acceptable(component, wanted.version, wanted.catalogue, runtime);
  const [first, ...others] = wishes;
  let candidates = acceptable(first);
  let sight = first.wanted.catalogue;
  let losers = NONE;
  for (const wish of others) {
    const takes = new Set(acceptable(wish));
    const narrowed = candidates.filter((facts) => takes.has(facts));
    if (narrowed.length === 0) losers = [...losers, wish.layer];
    else {
      // Fleets have very many choices, and most narrow nothing: those share what there is.
      if (narrowed.length < candidates.length) candidates = narrowed;
      sight = Math.min(sight, wish.wanted.catalogue);
    }
  }
  return {
    component,
    wishes,
    candidates,
    losers,
    ambiguous: candidates.length > 0 && losers.some((layer) => samePrecedence(layer, first.layer)),
    sight,
  };
};
