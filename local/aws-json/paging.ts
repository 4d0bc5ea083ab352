import { Buffer } from "node:buffer";
import type { AwsError } from "./errors.ts";

export interface Page<Row> {
  readonly items: Row[];
  /** Undefined on the last page. */
  readonly next: string | undefined;
}

/** A token that names the last item of a page by its sort key, so that a page starts right after other changes too. */
const tokenOf = (key: readonly (string | number)[]): string => Buffer.from(JSON.stringify(key)).toString("base64url");

/**
 * The sort key in a token that a client sent back, or undefined without a token.
 *
 * @throws what `invalid` makes, when the token is not one of ours.
 */
export const afterToken = (
  token: string | undefined,
  invalid: () => AwsError,
): readonly (string | number)[] | undefined => {
  if (token === undefined || token === "") return undefined;
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    throw invalid();
  }
  if (
    !Array.isArray(key) ||
    key.length === 0 ||
    !key.every((part) => typeof part === "string" || typeof part === "number")
  )
    throw invalid();
  return key as (string | number)[];
};

/** Cuts a page of `limit` out of rows that were selected with one more than `limit`. */
export const cut = <Row>(rows: Row[], limit: number, keyOf: (row: Row) => readonly (string | number)[]): Page<Row> => {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? tokenOf(keyOf(last)) : undefined };
};
