import { randomBytes, randomInt } from "node:crypto";
import { type Moment, makeId } from "../shared/ids.ts";

const ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyz0123456789";

/** Time, ids and random text for one decision. */
export const theMoment = (): Moment => {
  const now = new Date();
  return {
    now,
    newId: (kind) => makeId(kind, now, randomBytes(8)),
    randomText: (length) => Array.from({ length }, () => ALPHANUMERIC.charAt(randomInt(ALPHANUMERIC.length))).join(""),
  };
};
