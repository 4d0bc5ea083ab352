import { faultOfShape, issuesOf } from "../json.ts";
import { NodeWish } from "../node/node.ts";
import { fieldsOf, type Line, linesOf, recordsOf } from "./lines.ts";

export type ImportFormat = "csv" | "jsonl";

/** What is wrong with a line: in which column or member, by which rule, and what to do about it. */
export interface RowFault {
  readonly line: number;
  readonly field?: string;
  readonly rule: string;
  readonly detail: string;
}

/** A row, or what is wrong with it. */
export type Row =
  | { readonly line: number; readonly wish: NodeWish }
  | { readonly line: number; readonly faults: readonly RowFault[] };

/** Longer texts of a fault are those of the file itself. */
const MOST_CHARACTERS = 200;
const cut = (text: string): string => (text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`);

export const rowFault = (line: number, rule: string, detail: string, field?: string): RowFault => ({
  line,
  ...(field !== undefined && field !== "" && { field: cut(field) }),
  rule,
  detail: cut(detail),
});

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @throws SyntaxError for bytes that are not UTF-8 */
const textOf = (bytes: Buffer): string => {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new SyntaxError("the line is not UTF-8", { cause: error });
  }
};

const validated = (line: number, value: unknown): Row => {
  const misshapen = faultOfShape(value);
  if (misshapen !== undefined) {
    const { pointer, rule, detail } = misshapen;
    return { line, faults: [rowFault(line, rule, detail, pointer.slice(1).replaceAll("/", "."))] };
  }
  const parsed = NodeWish.safeParse(value);
  if (parsed.success) return { line, wish: parsed.data };
  return {
    line,
    faults: issuesOf(parsed.error).map(({ path, rule, detail }) => rowFault(line, rule, detail, path.join("."))),
  };
};

/** The row that a text is, by `read`; a fault where the bytes are no text, or the text is not of its form. */
const rowOf = (next: Line, read: (text: string) => Row | undefined): Row | undefined => {
  const { line } = next;
  if ("fault" in next) return { line, faults: [rowFault(line, "unreadable", next.fault)] };
  if (next.bytes.length === 0) return undefined;
  try {
    return read(textOf(next.bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return { line, faults: [rowFault(line, "syntax", error.message)] };
    throw error;
  }
};

/** @throws SyntaxError */
const parseJson = (text: string, what: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`${what} is not JSON`, { cause: error });
  }
};

async function* jsonRows(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Row> {
  for await (const next of linesOf(chunks)) {
    const row = rowOf(next, (text) => {
      if (text.trim() === "") return undefined;
      return validated(next.line, parseJson(text, "the line"));
    });
    if (row !== undefined) yield row;
  }
}

const COLUMNS: readonly string[] = ["name", "description", "groups", "runtime", "attributes"];
const ATTRIBUTE = "attr.";

/** What is wrong with the first record of a CSV file. */
const faultsOfHeader = (line: number, header: readonly string[]): RowFault[] => [
  ...(header.includes("name")
    ? []
    : [rowFault(line, "header", "the first line must name the columns: name is missing")]),
  ...header.flatMap((column, index) => {
    if (header.indexOf(column) !== index) return [rowFault(line, "header", "the column is named twice", column)];
    if (COLUMNS.includes(column) || column.startsWith(ATTRIBUTE)) return [];
    return [rowFault(line, "header", `there are the columns ${COLUMNS.join(", ")} and attr.NAME`, column)];
  }),
];

/** A CSV row as the object that JSON Lines would have; an empty cell is an absent member. @throws SyntaxError */
const wishOf = (header: readonly string[], cells: readonly string[]): Record<string, unknown> => {
  if (cells.length !== header.length) {
    throw new SyntaxError(`the row has ${cells.length} fields, the first line ${header.length}`);
  }
  const wish: Record<string, unknown> = {};
  const attributes: [string, unknown][] = [];
  for (const [index, column] of header.entries()) {
    const cell = cells[index] ?? "";
    if (cell === "") continue;
    if (column === "groups") wish.groups = cell.split(";").map((group) => group.trim());
    else if (column === "attributes") {
      const given = parseJson(cell, "attributes");
      if (typeof given !== "object" || given === null || Array.isArray(given)) {
        throw new SyntaxError("attributes is not a JSON object");
      }
      attributes.push(...Object.entries(given));
    } else if (column.startsWith(ATTRIBUTE)) attributes.push([column.slice(ATTRIBUTE.length), cell]);
    else wish[column] = cell;
  }
  const names = attributes.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new SyntaxError(`the attribute ${twice} is given twice`);
  if (attributes.length > 0) wish.attributes = Object.fromEntries(attributes);
  return wish;
};

async function* csvRows(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Row> {
  let header: readonly string[] | undefined;
  for await (const next of recordsOf(chunks)) {
    const { line } = next;
    const row = rowOf(next, (text) => {
      const cells = fieldsOf(text);
      if (header !== undefined) return validated(line, wishOf(header, cells));
      header = cells;
      const faults = faultsOfHeader(line, cells);
      return faults.length === 0 ? undefined : { line, faults };
    });
    if (row === undefined) continue;
    yield row;
    // Without a header that can be read, no row can.
    if (header === undefined || ("faults" in row && row.faults.some(({ rule }) => rule === "header"))) return;
  }
}

/**
 * The rows of a file, each checked by itself, with the number of its first line. Empty lines are no rows. What one row
 * needs is all that is ever in memory.
 */
export const rowsOf = (format: ImportFormat, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Row> =>
  format === "csv" ? csvRows(chunks) : jsonRows(chunks);
