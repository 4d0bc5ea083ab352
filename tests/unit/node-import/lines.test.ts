import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  csvRecord,
  fieldsOf,
  type Line,
  linesOf,
  MAX_ROW_BYTES,
  recordsOf,
} from "../../../shared/node-import/lines.ts";

/** The text's bytes, cut at these places. */
async function* chunksOf(text: string | Buffer, cuts: readonly number[] = []): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const to = Math.min(cut, bytes.length);
    if (to > from) yield bytes.subarray(from, to);
    from = Math.max(from, to);
  }
  if (from < bytes.length) yield bytes.subarray(from);
}

const told = async (lines: AsyncIterable<Line>): Promise<unknown[]> =>
  (await Array.fromAsync(lines)).map((line) =>
    "fault" in line ? [line.line, { fault: line.fault }] : [line.line, String(line.bytes)],
  );

const fault = (text: string) => ({ fault: expect.stringContaining(text) });

describe("the lines of a file", () => {
  test.each([
    {
      note: "end with LF",
      text: "a\nb\n",
      lines: [
        [1, "a"],
        [2, "b"],
      ],
    },
    {
      note: "end with CRLF",
      text: "a\r\nb\r\n",
      lines: [
        [1, "a"],
        [2, "b"],
      ],
    },
    {
      note: "need no end",
      text: "a\nb",
      lines: [
        [1, "a"],
        [2, "b"],
      ],
    },
    {
      note: "may be empty",
      text: "\n\r\na\n",
      lines: [
        [1, ""],
        [2, ""],
        [3, "a"],
      ],
    },
    { note: "are none of nothing", text: "", lines: [] },
    {
      note: "have no byte order mark",
      text: "\ufeffa\nb",
      lines: [
        [1, "a"],
        [2, "b"],
      ],
    },
    {
      note: "keep a mark that is not at the start",
      text: "a\n\ufeffb",
      lines: [
        [1, "a"],
        [2, "\ufeffb"],
      ],
    },
    { note: "keep a CR within", text: "a\rb\n", lines: [[1, "a\rb"]] },
    {
      note: "may be as long as a row",
      text: `\ufeff${"a".repeat(MAX_ROW_BYTES)}\r\nb`,
      lines: [
        [1, "a".repeat(MAX_ROW_BYTES)],
        [2, "b"],
      ],
    },
    {
      note: "may not be longer, and the next one is read all the same",
      text: `${"a".repeat(MAX_ROW_BYTES + 1)}\nb\n`,
      lines: [
        [1, fault("at most 65536 bytes")],
        [2, "b"],
      ],
    },
    {
      note: "of a megabyte are refused",
      text: `a\n${"b".repeat(1_000_000)}`,
      lines: [
        [1, "a"],
        [2, fault("at most")],
      ],
    },
  ])("$note", async ({ text, lines }) => {
    expect(await told(linesOf(chunksOf(text)))).toEqual(lines);
  });

  test("are the same however the bytes come", async () => {
    const line = fc.constantFrom("", "a", "ab\r", "漢字", '"', "\ufeff");
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat(60)), async (lines, cuts) => {
        const text = lines.join("\n");
        expect(await told(linesOf(chunksOf(text, cuts)))).toEqual(await told(linesOf(chunksOf(text))));
      }),
    );
  });
});

describe("the records of a CSV file", () => {
  test.each([
    {
      note: "may have line breaks within quotation marks",
      text: 'a,"b\nc"\r\nd',
      records: [
        [1, 'a,"b\nc"'],
        [3, "d"],
      ],
    },
    {
      note: "lose a CR before such a line break",
      text: '"a\r\nb"\r\nc',
      records: [
        [1, '"a\nb"'],
        [3, "c"],
      ],
    },
    {
      note: "may have doubled marks",
      text: 'a,"b""c"\nd',
      records: [
        [1, 'a,"b""c"'],
        [2, "d"],
      ],
    },
    {
      note: "end where a mark is not closed",
      text: 'a\n"b\nc\nd',
      records: [
        [1, "a"],
        [2, fault("not closed")],
      ],
    },
    {
      note: "end where a mark is not closed for too long",
      text: `a\n"b\n${"c\n".repeat(MAX_ROW_BYTES)}"d`,
      records: [
        [1, "a"],
        [2, fault("not closed")],
      ],
    },
    {
      note: "end where a line within marks is too long",
      text: `"b\n${"c".repeat(MAX_ROW_BYTES + 1)}\nd"\ne`,
      records: [[1, fault("not closed")]],
    },
  ])("$note", async ({ text, records }) => {
    expect(await told(recordsOf(chunksOf(text)))).toEqual(records);
  });

  const field = fc
    .array(fc.constantFrom('"', ",", "\n", "a", " ", "漢", ";", "'"), { maxLength: 6 })
    .map((characters) => characters.join(""));
  const rows = fc
    .integer({ min: 2, max: 4 })
    .chain((width) => fc.array(fc.array(field, { minLength: width, maxLength: width })));

  test("that are written are read again, and read by others", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.array(fc.nat(200)), async (written, cuts) => {
        const text = written.map(csvRecord).join("");
        const records = await Array.fromAsync(recordsOf(chunksOf(text, cuts)));
        expect(records.map((record) => ("bytes" in record ? fieldsOf(String(record.bytes)) : record))).toEqual(written);
        expect(parse(text)).toEqual(written);
      }),
    );
  });

  test("are read as a strict reader of others does, or refused as by it", () => {
    const record = fc
      .array(fc.constantFrom('"', ",", "a"), { minLength: 1, maxLength: 8 })
      .map((parts) => parts.join(""));
    const outcome = (read: () => unknown) => {
      try {
        return read();
      } catch {
        return "refused";
      }
    };
    fc.assert(
      fc.property(record, (text) => {
        expect(outcome(() => fieldsOf(text))).toEqual(outcome(() => parse(text)[0]));
      }),
      { numRuns: 2_000 },
    );
  });
});
