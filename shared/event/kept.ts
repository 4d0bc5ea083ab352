import * as z from "zod";
import { keys } from "../keys.ts";
import { AppError } from "../problems.ts";
import type { Item, Key } from "../writes.ts";
import type { DomainEvent } from "./event.ts";
import { EVENT_FILTERS, isChosen } from "./filter.ts";

const DAY_MS = 86_400_000;
/** How far back events can be read. */
export const READABLE_DAYS = 7;
/** They are kept a day longer, so that who reads from the oldest on is not overtaken by their end. */
export const KEPT_DAYS = READABLE_DAYS + 1;
/** Where readers begin unless they say since when. */
const SINCE_MS = 3_600_000;

/**
 * For so long an event may still be written behind others that were read: clocks differ, and a write takes its time. No position to
 * go on from later is handed out beyond.
 */
export const SETTLED_MS = 10_000;
/** A write that takes longer than this is made again under a later time; the rest is for clocks that differ. */
const WRITTEN_WITHIN_MS = 5_000;

/** An event as the table keeps it. Its type is none of which streams tell their readers. */
export interface KeptEvent extends Key {
  readonly type: "event";
  readonly eventType: string;
  readonly subject: string;
  /** The event as it stands on the bus, as JSON. */
  readonly body: string;
}

/** The item of an event that arrived at a time. */
export const keptEvent = (event: DomainEvent & { readonly workspaceid: string }, arrivedAt: Date): Item => ({
  ...keys.event(event.workspaceid, arrivedAt.toISOString(), event.id),
  type: "event",
  eventType: event.type,
  subject: event.subject,
  body: JSON.stringify(event),
  expiresAt: Math.floor((arrivedAt.getTime() + KEPT_DAYS * DAY_MS) / 1_000),
});

/** Whether a write under this time, which is done now, came before anybody may have gone on past it. */
export const isInTime = (arrivedAt: Date, now: Date): boolean =>
  now.getTime() - arrivedAt.getTime() <= WRITTEN_WITHIN_MS;

const isFilter = (text: string): boolean => EVENT_FILTERS.some((filter) => filter === text);

/** Which events a reader asks for. */
export const EventFilter = z.object({
  since: z.iso.datetime({ offset: true }).optional().meta({
    description:
      "Events that arrived from this time on: an hour ago unless it is given. With a cursor it is of no matter",
  }),
  type: z
    .string()
    .min(1)
    .max(1_000)
    .refine(
      (text) => text.split(",").every(isFilter),
      "must be types of events, or such as slipway.node.*, with commas",
    )
    .optional()
    .meta({ description: "Only events of these types, with commas; `slipway.node.*` for all of nodes, `*` for all" }),
  subject: z.string().min(1).max(256).optional().meta({ description: "Only events about the object with this id" }),
});
type EventFilter = z.infer<typeof EventFilter>;

/** Whether a reader asks for this one. */
export const isAskedFor = ({ type, subject }: EventFilter, event: KeptEvent): boolean =>
  (type === undefined || isChosen(type.split(","), event.eventType)) &&
  (subject === undefined || event.subject === subject);

/** A place in the order of arrival: a sort key, or the time that it begins with. */
export interface Place {
  /** What comes after this is read. */
  readonly after: string;
  /** Where to go on from later; set once reading has gone past what is settled, and then the same to the last page. */
  readonly held?: string;
}

/** Where somebody begins who has no cursor. */
export const placeSince = ({ since }: EventFilter, now: Date): Place => {
  const wanted = since === undefined ? now.getTime() - SINCE_MS : Date.parse(since);
  const time = Math.min(Math.max(wanted, now.getTime() - READABLE_DAYS * DAY_MS), now.getTime());
  return { after: new Date(time).toISOString() };
};

const PLACE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z(#evt_[0-9a-z]{20})?$/;
const isPlace = (text: unknown): text is string => typeof text === "string" && PLACE.test(text);

/** What a cursor hides: one text, or the two of a place. */
export const cursorValue = ({ after, held }: Place): readonly string[] =>
  held === undefined ? [after] : [after, held];

/** The place that a cursor tells of. @throws AppError `invalid-cursor`, with the finding `expired` for one that is too old */
export const placeOf = (value: unknown, now: Date): Place => {
  const [after, held] = Array.isArray(value) ? value : [];
  if (!isPlace(after) || (held !== undefined && !isPlace(held))) {
    throw new AppError("invalid-cursor", "cursor must be the nextCursor or resume of this list's answer before");
  }
  const oldest = new Date(now.getTime() - KEPT_DAYS * DAY_MS).toISOString();
  if ((held ?? after) < oldest) {
    const detail = `events are kept for ${READABLE_DAYS} days, and this cursor is older: begin again with since`;
    throw new AppError("invalid-cursor", detail, { findings: [{ parameter: "cursor", rule: "expired", detail }] });
  }
  return { after, ...(held !== undefined && { held }) };
};

const least = (one: string, other: string): string => (one < other ? one : other);
const greatest = (one: string, other: string): string => (one > other ? one : other);

/**
 * Where to go on from after everything up to a place was read.
 * @param from where reading began
 * @param reached up to where it came; undefined where it came to the end
 * @param now the time before it began
 * @returns `next` for a page that follows at once, and `resume` for later: what comes after that may come again
 */
export const placesAfter = (
  from: Place,
  reached: string | undefined,
  now: Date,
): { readonly next?: Place; readonly resume: Place } => {
  const settled = new Date(now.getTime() - SETTLED_MS).toISOString();
  const resume = from.held ?? greatest(from.after, least(reached ?? settled, settled));
  return {
    resume: { after: resume },
    ...(reached !== undefined && { next: { after: reached, ...(resume < reached && { held: resume }) } }),
  };
};
