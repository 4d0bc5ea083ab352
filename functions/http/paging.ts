import { type ListQuery, listItems } from "../../shared/aws/table.ts";
import { AppError } from "../../shared/problems.ts";
import type { Key } from "../../shared/writes.ts";

const badCursor = () => new AppError("invalid-cursor", "cursor must be the nextCursor of this list's page before");

/** A cursor hides the sort key after which a list goes on, and is bound to the list it came from. */
export const encodeCursor = (list: string, after: unknown): string =>
  Buffer.from(JSON.stringify([list, after])).toString("base64url");

/** @throws AppError `invalid-cursor` */
export const decodeCursor = (list: string, cursor: string): unknown => {
  let decoded: unknown;
  try {
    decoded = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw badCursor();
    throw error;
  }
  if (!Array.isArray(decoded) || decoded.length !== 2 || decoded[0] !== list) throw badCursor();
  return decoded[1];
};

interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** The sort key after which a page begins. @throws AppError `invalid-cursor` */
export const placeIn = (list: string, { cursor }: PageQuery): string | undefined => {
  const after = cursor === undefined ? undefined : decodeCursor(list, cursor);
  if (after === undefined || (typeof after === "string" && after !== "" && after.length <= 1_024)) return after;
  throw badCursor();
};

/** As many items as one answer goes through, of which a filter may leave none. */
const MOST_LOOKED_AT = 1_000;
const AT_A_TIME = 100;

/**
 * One page of what a filter leaves of a partition. It may be short, or empty, and still have a cursor to go on with.
 * @param filter what the list is of: a cursor of another filter is none of this one
 */
export const filteredPage = async <Stored extends Key, View>(
  partition: string,
  filter: string,
  query: PageQuery,
  matches: (stored: Stored) => boolean,
  present: (stored: Stored) => View,
): Promise<{ body: { items: View[]; nextCursor?: string } }> => {
  const list = `${partition}?${filter}`;
  let after = placeIn(list, query);
  const items: View[] = [];
  for (let looked = 0; looked < MOST_LOOKED_AT; looked += AT_A_TIME) {
    const page: { items: Stored[]; next?: string } = await listItems<Stored>({ partition, limit: AT_A_TIME, after });
    for (const [index, stored] of page.items.entries()) {
      if (matches(stored)) items.push(present(stored));
      const isLast = index === page.items.length - 1 && page.next === undefined;
      if (items.length === query.limit && !isLast)
        return { body: { items, nextCursor: encodeCursor(list, stored.sk) } };
    }
    after = page.next;
    if (after === undefined) return { body: { items } };
  }
  return { body: { items, nextCursor: encodeCursor(list, after) } };
};

/** One page of a partition, each item as `present` shows it. */
export const pageOf = async <Stored extends object, View>(
  list: Pick<ListQuery, "partition" | "table" | "newestFirst">,
  query: PageQuery,
  present: (stored: Stored) => View,
): Promise<{ body: { items: View[]; nextCursor?: string } }> => {
  const after = placeIn(list.partition, query);
  const { items, next } = await listItems<Stored>({ ...list, limit: query.limit, after });
  return {
    body: {
      items: items.map(present),
      ...(next !== undefined && { nextCursor: encodeCursor(list.partition, next) }),
    },
  };
};
