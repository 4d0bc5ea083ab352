import { targets } from "../../shared/declared/permissions.ts";
import type { Place } from "../../shared/names.ts";

interface Unscoped {
  readonly arn: string;
  readonly reason: string;
  /** What a statement for it must have as its condition. */
  readonly condition?: object | undefined;
}

/** Every resource that a policy may name without the stage, and why: the only wildcards that reach further than one stage. */
export const unscoped = (place: Place): Unscoped[] =>
  Object.values(targets).flatMap((target) => {
    const declared: {
      arns: (place: Place) => readonly string[];
      condition?: (place: Place) => object;
      unscoped?: string;
    } = target;
    const { unscoped: reason } = declared;
    if (reason === undefined) return [];
    return declared.arns(place).map((arn) => ({ arn, reason, condition: declared.condition?.(place) }));
  });
