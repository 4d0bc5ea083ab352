/** A line, or a record of several lines, with the number of its first line. `fault` says why there are no bytes. */
export type Line =
  | { readonly line: number; readonly bytes: Buffer }
  | { readonly line: number; readonly fault: string };

/** The longest row: 49 attributes of the greatest length, and room for the rest. */
export const MAX_ROW_BYTES = 65_536;

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

const isOdd = (bytes: Buffer): boolean => {
  let odd = false;
  for (let at = bytes.indexOf(QUOTE); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) odd = !odd;
  return odd;
};

const withoutCr = (bytes: Buffer): Buffer => (bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes);

/** Bytes up to each LF, without it. Of a line that is longer than `MAX_ROW_BYTES`, the first bytes and `isCut`. */
async function* physicalLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<{ bytes: Buffer; isCut: boolean }> {
  let kept: Buffer[] = [];
  let size = 0;
  let isCut = false;
  const keep = (bytes: Buffer) => {
    const room = MAX_ROW_BYTES + 4 - size; // a byte order mark and a CR, which are no part of a row
    isCut ||= bytes.length > room;
    const part = bytes.subarray(0, Math.max(0, room));
    if (part.length > 0) kept.push(part);
    size += part.length;
  };
  const flush = () => {
    const line = { bytes: Buffer.concat(kept), isCut };
    [kept, size, isCut] = [[], 0, false];
    return line;
  };
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, from)) {
      keep(bytes.subarray(from, at));
      yield flush();
      from = at + 1;
    }
    // A copy: the rest waits for the next chunk, and would hold on to all of this one.
    if (from < bytes.length) keep(Buffer.from(bytes.subarray(from)));
  }
  if (size > 0 || isCut) yield flush();
}

const tooLong = (line: number): Line => ({ line, fault: `a row takes at most ${MAX_ROW_BYTES} bytes` });

/** The lines of a file, which end with LF or CRLF, without a byte order mark. Never more than one is in memory. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let line = 0;
  for await (const { bytes: raw, isCut } of physicalLines(chunks)) {
    line += 1;
    const text = line === 1 && raw.subarray(0, 3).equals(BOM) ? raw.subarray(3) : raw;
    const bytes = withoutCr(text);
    yield isCut || bytes.length > MAX_ROW_BYTES ? tooLong(line) : { line, bytes };
  }
}

/**
 * The records of a CSV file: lines, joined where a line break is within quotation marks. After a quotation mark that
 * nothing closes, no row is where it seems to be: then there is one fault, and nothing more.
 */
export async function* recordsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let open: { readonly line: number; readonly parts: Buffer[]; size: number } | undefined;
  const unclosed = (line: number): Line => ({
    line,
    fault: `a quotation mark is not closed within ${MAX_ROW_BYTES} bytes: nothing after it could be read`,
  });
  for await (const next of linesOf(chunks)) {
    if ("fault" in next) {
      if (open !== undefined) return yield unclosed(open.line);
      yield next;
      continue;
    }
    const { line, bytes } = next;
    if (open === undefined && !isOdd(bytes)) {
      yield next;
      continue;
    }
    const closes = open !== undefined && isOdd(bytes);
    open ??= { line, parts: [], size: 0 };
    open.parts.push(bytes);
    open.size += bytes.length + 1;
    if (open.size > MAX_ROW_BYTES + 1) return yield unclosed(open.line);
    if (!closes) continue;
    yield { line: open.line, bytes: joined(open.parts) };
    open = undefined;
  }
  if (open !== undefined) yield unclosed(open.line);
}

/** Lines with LF between them. */
const joined = (parts: readonly Buffer[]): Buffer =>
  Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.of(LF), part])));

const FIELD = /"((?:[^"]|"")*)"|([^",]*)/y;

/**
 * The fields of a CSV record.
 * https://www.rfc-editor.org/rfc/rfc4180, strictly: a quotation mark stands around a field, or is doubled within one.
 * @throws SyntaxError that says which field is wrong
 */
export const fieldsOf = (record: string): string[] => {
  const fields: string[] = [];
  for (let at = 0; ; at += 1) {
    FIELD.lastIndex = at;
    const [whole = "", quoted, plain = ""] = FIELD.exec(record) ?? [];
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    at += whole.length;
    if (at === record.length) return fields;
    if (record[at] !== ",") {
      throw new SyntaxError(`field ${fields.length} has a quotation mark that is neither around it nor doubled`);
    }
  }
};

const NEEDS_QUOTES = /[",\r\n]/;

/** A CSV record, with CRLF at its end. */
export const csvRecord = (fields: readonly string[]): string =>
  `${fields.map((field) => (NEEDS_QUOTES.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(",")}\r\n`;
