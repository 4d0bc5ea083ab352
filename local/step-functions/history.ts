import { runtimeError } from "./errors.ts";

/** One event of `GetExecutionHistory`, as it is kept: its AWS type, and its details under their AWS key. */
export interface HistoryEvent {
  readonly type: string;
  /** Milliseconds. */
  readonly timestamp: number;
  readonly previous: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Events that follow each other; the first one's id is `first`. */
export interface Events {
  readonly first: number;
  readonly events: readonly HistoryEvent[];
}

/**
 * How many events an execution may have; the last one says that it failed for that.
 * https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
export const MAX_EVENTS = 25_000;
/** How much of a history waits in memory to be stored with the next checkpoint. */
const MAX_CHARACTERS = 1_000_000;

export interface History {
  /** Adds an event and gives its id. @throws StateError States.Runtime for more events than AWS takes */
  add(type: string, previous: number, details?: HistoryEvent["details"], characters?: number): number;
  /** Adds an event that may be the last one: it is never too many. */
  close(type: string, previous: number, details?: HistoryEvent["details"]): number;
  /** Whether so many more events fit. */
  hasRoom(): boolean;
  /** Gives the events that are not stored yet, and forgets them. */
  take(): Events;
  /** Gives the events that are not stored yet. */
  pending(): Events;
  /** The id of the last event. */
  readonly last: () => number;
}

/**
 * @param stored how many events were stored before, by an earlier process
 * @param store takes events that are too many to wait in memory for the next checkpoint
 */
export const makeHistory = (stored: number, store: (events: Events) => void): History => {
  let first = stored + 1;
  let events: HistoryEvent[] = [];
  let size = 0;
  const take = (): Events => {
    const taken = { first, events };
    first += events.length;
    events = [];
    size = 0;
    return taken;
  };
  const close: History["close"] = (type, previous, details) => {
    events.push({ type, timestamp: Date.now(), previous, ...(details === undefined ? {} : { details }) });
    return first + events.length - 1;
  };
  const hasRoom = () => first + events.length < MAX_EVENTS;
  return {
    add: (type, previous, details, characters = 0) => {
      if (!hasRoom()) {
        throw runtimeError(`The execution reached the maximum number of history events (${MAX_EVENTS}).`);
      }
      const id = close(type, previous, details);
      size += characters + 100;
      if (size > MAX_CHARACTERS) store(take());
      return id;
    },
    close,
    hasRoom,
    take,
    pending: () => ({ first, events }),
    last: () => first + events.length - 1,
  };
};
