import { EVENT_NAMES } from "./types.ts";

const FAMILIES = [...new Set(EVENT_NAMES.map((name) => name.replace(/[^.]+$/, "*")))];

/** What events can be chosen by: a type, all of one kind of thing such as `slipway.node.*`, or `*` for all. */
export const EVENT_FILTERS = ["*", ...FAMILIES, ...EVENT_NAMES] as const;

/** Whether one of the filters is for events of a type. */
export const isChosen = (filters: readonly string[], type: string): boolean =>
  filters.some((filter) => filter === "*" || filter === type || filter === type.replace(/[^.]+$/, "*"));
