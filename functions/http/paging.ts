import { type ListQuery, listItems } from "../../shared/aws/table.ts";
import { AppError } from "../../shared/problems.ts";

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

/** One page of a partition, each item as `present` shows it. */
export const pageOf = async <Stored extends object, View>(
  list: Pick<ListQuery, "partition" | "table" | "newestFirst">,
  query: { readonly limit: number; readonly cursor?: string | undefined },
  present: (stored: Stored) => View,
): Promise<{ body: { items: View[]; nextCursor?: string } }> => {
  const after = query.cursor === undefined ? undefined : decodeCursor(list.partition, query.cursor);
  if (after !== undefined && (typeof after !== "string" || after === "" || after.length > 1_024)) throw badCursor();
  const { items, next } = await listItems<Stored>({ ...list, limit: query.limit, after });
  return {
    body: {
      items: items.map(present),
      ...(next !== undefined && { nextCursor: encodeCursor(list.partition, next) }),
    },
  };
};
