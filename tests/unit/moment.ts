import { type IdKind, type Moment, makeId } from "../../shared/ids.ts";

/** A moment whose ids are counted, so that a test can tell them. */
export const theMoment = (now: Date): Moment => {
  let count = 0;
  return {
    now,
    newId: (kind: IdKind) => {
      count += 1;
      return makeId(kind, now, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, count));
    },
    randomText: (length) => "x".repeat(length),
  };
};
