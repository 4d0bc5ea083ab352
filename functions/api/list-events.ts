import { listItems } from "../../shared/aws/table.ts";
import { eventRoutes } from "../../shared/declared/routes/events.ts";
import { PAGE_LIMIT } from "../../shared/declared/routes/route.ts";
import type { ListedEvent } from "../../shared/event/event.ts";
import { cursorValue, isAskedFor, type KeptEvent, placeOf, placeSince, placesAfter } from "../../shared/event/kept.ts";
import { partitions } from "../../shared/keys.ts";
import { endpoint } from "../http/endpoint.ts";
import { decodeCursor, encodeCursor } from "../http/paging.ts";

/** A page has no more than this: a function's answer ends at 6 MB. */
const MAX_BYTES = 4_000_000;
/** As many events as one answer goes through, of which a filter may leave none. */
const MOST_LOOKED_AT = 1_000;

export const handler = endpoint(eventRoutes, "listEvents", async ({ workspace, query, moment: { now } }) => {
  const { limit, cursor, type, subject } = query;
  const partition = partitions.events(workspace.id);
  const from = cursor === undefined ? placeSince(query, now) : placeOf(decodeCursor(partition, cursor), now);
  const items: ListedEvent[] = [];
  /** @param reached the last event that was looked at; undefined at the end */
  const answer = (reached: string | undefined) => {
    const { next, resume } = placesAfter(from, reached, now);
    return {
      body: {
        items,
        ...(next !== undefined && { nextCursor: encodeCursor(partition, cursorValue(next)) }),
        resume: encodeCursor(partition, cursorValue(resume)),
      },
    };
  };
  const atATime = type === undefined && subject === undefined ? limit : PAGE_LIMIT.max;
  let { after } = from;
  let bytes = 0;
  for (let looked = 0; looked < MOST_LOOKED_AT; looked += atATime) {
    const page = await listItems<KeptEvent>({ partition, limit: atATime, after });
    for (const [index, event] of page.items.entries()) {
      if (isAskedFor(query, event)) {
        bytes += Buffer.byteLength(event.body) + 1;
        if (items.length > 0 && bytes > MAX_BYTES) return answer(after);
        items.push(JSON.parse(event.body));
      }
      after = event.sk;
      const isLast = index === page.items.length - 1 && page.next === undefined;
      if (items.length === limit && !isLast) return answer(after);
    }
    if (page.next === undefined) return answer(undefined);
  }
  return answer(after);
});
