import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AuditRecord } from "../../shared/audit/audit.ts";
import { EXPORT_EXAMPLES, EXPORT_FORMATS } from "../../shared/audit/export.ts";
import { csvLine } from "../../shared/csv.ts";

/** What a reader of CSV finds, without the marks. @param record_delimiter what RFC 4180 has, and nothing else */
const read = (csv: string): string[][] =>
  parse(csv, { record_delimiter: "\r\n", bom: false }).map((cells: string[]) =>
    cells.map((cell) => cell.replace(/^'/, "")),
  );

/** Any text that has a form in UTF-8, and much of what CSV and spreadsheets give a meaning. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("=", "+", "-", "@", "\t", "\r", "\n", "\0", "'", '"', ",", ";", "\ufeff", "a") }),
);

describe("a line of CSV", () => {
  test("has whatever texts it was made of, for any reader", () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 4 })
          .chain((width) =>
            fc.array(fc.array(text, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 4 }),
          ),
        (rows) => {
          const bytes = Buffer.from(rows.map(csvLine).join(""));
          expect(read(bytes.toString("utf8"))).toEqual(rows);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("has no cell that a spreadsheet would run, nor one that is marked for nothing", () => {
    fc.assert(
      fc.property(text, (cell) => {
        const [[found = ""] = []] = parse(csvLine([cell]), { record_delimiter: "\r\n" }) as string[][];
        expect(found).not.toMatch(/^[=+\-@\t\r\n\0]/);
        expect(found === cell).toBe(!/^[=+\-@\t\r\n\0']/.test(cell));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    [["a", ""], '"a",""\r\n'],
    [['say "hi"', "a,b"], '"say ""hi""","a,b"\r\n'],
    [["two\r\nlines"], '"two\r\nlines"\r\n'],
    [['=HYPERLINK("http://x")'], '"\'=HYPERLINK(""http://x"")"\r\n'],
    [["'quoted'"], "\"''quoted'\"\r\n"],
    [["1-1", " =1"], '"1-1"," =1"\r\n'],
  ])("of %j is %j", (cells, line) => {
    expect(csvLine(cells)).toBe(line);
  });
});

describe("an export", () => {
  const record: AuditRecord = {
    id: "aud_1",
    at: "2026-01-01T12:00:00.000Z",
    actor: "user:a:b",
    operation: "updateNode",
    object: { type: "node", id: "nod_1", name: "-1+1" },
    intent: "int_1",
    source: { ip: "192.0.2.1", userAgent: "=cmd|' /C calc'!A0" },
    changes: [{ type: "node", id: "nod_1", before: { description: 'say "hi"' }, after: { description: "\r\n" } }],
  };
  const { head, line } = EXPORT_FORMATS.csv;

  test("has these columns, which never move", () => {
    expect(read(head)).toEqual([
      [
        ...["id", "time", "actor_kind", "actor_id", "operation", "object_type", "object_id", "object_name"],
        ...["intent", "source_ip", "user_agent", "changes"],
      ],
    ]);
  });

  test("of a record has each of its members, and of a small one those that there are", () => {
    const [cells = []] = read(line(record));
    expect(cells.slice(0, -1)).toEqual([
      ...["aud_1", "2026-01-01T12:00:00.000Z", "user", "a:b", "updateNode", "node", "nod_1", "-1+1"],
      ...["int_1", "192.0.2.1", "=cmd|' /C calc'!A0"],
    ]);
    expect(JSON.parse(cells.at(-1) ?? "")).toEqual(record.changes);
    const { id, at, operation } = record;
    const small = { id, at, actor: "system", operation, object: { type: "node", id: "nod_1" }, changes: [] };
    expect(read(line(small))).toEqual([
      ["aud_1", at, "system", "", "updateNode", "node", "nod_1", "", "", "", "", "[]"],
    ]);
  });

  test("is documented by what it is", () => {
    const [, [id] = []] = read(EXPORT_EXAMPLES["text/csv"] ?? "");
    expect(id).toBe(JSON.parse(EXPORT_EXAMPLES["application/x-ndjson"] ?? "").id);
  });
});
