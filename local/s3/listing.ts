import { S3Error } from "./errors.ts";
import { encodeUri } from "./sigv4.ts";

/** No UTF-8 text holds this byte, so that it sorts after everything that begins alike. */
const AFTER_ALL = Buffer.from([0xff]);

/** A place in a listing: after this key, and after this id among the entries of the same key. */
export interface Cursor {
  readonly key: Buffer;
  readonly id: string;
}

interface Entry {
  readonly key: string;
  readonly id: string | number;
}

export interface Page<T> {
  readonly entries: readonly T[];
  readonly prefixes: readonly string[];
  /** Where the next page goes on; undefined when there is none. */
  readonly next: Cursor | undefined;
}

interface Listing<T extends Entry> {
  readonly prefix: string;
  readonly delimiter: string;
  readonly after: Cursor;
  readonly max: number;
  /** Entries after a place and before a key, in the order of the keys' bytes. */
  readonly entriesBetween: (after: Cursor, to: Buffer) => Iterable<T>;
}

/** The first key that sorts after all that begin with the prefix. */
export const listEnd = (prefix: string): Buffer => Buffer.concat([Buffer.from(prefix), AFTER_ALL]);

/** One page. Below a common prefix no row is read: the walk jumps behind it. */
export const listPage = <T extends Entry>({ prefix, delimiter, after, max, entriesBetween }: Listing<T>): Page<T> => {
  const entries: T[] = [];
  const prefixes: string[] = [];
  const end = listEnd(prefix);
  let cursor = after;
  const walk = (): "jump" | "full" | "end" => {
    for (const entry of entriesBetween(cursor, end)) {
      if (entries.length + prefixes.length === max) return "full";
      const at = delimiter === "" ? -1 : entry.key.indexOf(delimiter, prefix.length);
      if (at === -1) {
        entries.push(entry);
        cursor = { key: Buffer.from(entry.key), id: String(entry.id) };
        continue;
      }
      const common = entry.key.slice(0, at + delimiter.length);
      prefixes.push(common);
      cursor = { key: listEnd(common), id: "" };
      return "jump";
    }
    return "end";
  };
  let outcome: ReturnType<typeof walk>;
  do outcome = walk();
  while (outcome === "jump");
  return { entries, prefixes, next: outcome === "full" && max > 0 ? cursor : undefined };
};

/** The last byte string before the prefix that matters, so that a key that equals the prefix is in the range. */
const before = (prefix: string): Buffer => {
  const bytes = Buffer.from(prefix);
  const last = bytes.at(-1);
  if (last === undefined || last === 0) return bytes.subarray(0, -1);
  return Buffer.concat([bytes.subarray(0, -1), Buffer.from([last - 1]), AFTER_ALL]);
};

const later = (a: Cursor, b: Cursor): Cursor => (Buffer.compare(a.key, b.key) < 0 ? b : a);

/** Where a listing of a prefix goes on after a cursor. */
export const cursorAfter = (cursor: Cursor, prefix: string): Cursor => later(cursor, { key: before(prefix), id: "" });

/**
 * Where a listing starts that was asked to start after a key (and after an id of that key, else after the key as a whole).
 * A common prefix that the key lies in does not sort after the key, and is left out.
 */
export const startAfter = (key: string, prefix: string, delimiter: string, id?: string): Cursor => {
  const at = delimiter === "" || !key.startsWith(prefix) ? -1 : key.indexOf(delimiter, prefix.length);
  if (at !== -1) return { key: listEnd(key.slice(0, at + delimiter.length)), id: "" };
  return cursorAfter({ key: Buffer.from(key), id: id ?? "\u{10ffff}" }, prefix);
};

/**
 * How a listing writes names: as they are, or percent-encoded with readable slashes.
 * @throws S3Error InvalidArgument for another encoding than `url`
 */
export const nameEncoder = (encoding: string | undefined): ((name: string) => string) => {
  if (encoding === undefined) return (name) => name;
  if (encoding === "url") return (name) => name.split("/").map(encodeUri).join("/");
  throw S3Error.of("InvalidArgument", "Invalid Encoding Method specified in Request", {
    ArgumentName: "encoding-type",
    ArgumentValue: encoding,
  });
};
