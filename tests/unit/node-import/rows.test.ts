import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NodeWish } from "../../../shared/node/node.ts";
import { csvRecord } from "../../../shared/node-import/lines.ts";
import { type ImportFormat, type Row, rowsOf } from "../../../shared/node-import/rows.ts";

async function* chunkOf(text: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const read = (format: ImportFormat, text: string | Uint8Array): Promise<Row[]> =>
  Array.fromAsync(rowsOf(format, chunkOf(text)));

const wish = (name: string, more: object = {}) => ({ name, groups: [], runtime: "nucleus", ...more });
const row = (line: number, name: string, more: object = {}) => ({ line, wish: wish(name, more) });
const faulty = (line: number, rule: string, detail: string | RegExp, field?: string) => ({
  line,
  faults: [
    {
      line,
      rule,
      detail: typeof detail === "string" ? expect.stringContaining(detail) : expect.stringMatching(detail),
      ...(field !== undefined && { field }),
    },
  ],
});

describe("a CSV file", () => {
  test.each<{ note: string; text: string; rows: unknown[] }>([
    { note: "of names alone", text: "name\na\nb\n", rows: [row(2, "a"), row(3, "b")] },
    {
      note: "with every column",
      text: 'runtime,name,groups,description,attributes,attr.rack\r\nnucleus-lite,a,g1;g2,"at, the door","{""site"":""oslo""}",7\r\n',
      rows: [
        row(2, "a", {
          runtime: "nucleus-lite",
          groups: ["g1", "g2"],
          description: "at, the door",
          attributes: { site: "oslo", rack: "7" },
        }),
      ],
    },
    { note: "whose empty cells say nothing", text: "name,groups,attr.a,runtime\na,,,\n", rows: [row(2, "a")] },
    {
      note: "with spaces around groups",
      text: "name,groups\na,g1 ; g2\n",
      rows: [row(2, "a", { groups: ["g1", "g2"] })],
    },
    { note: "with empty lines", text: "\n\nname\n\na\n\n", rows: [row(5, "a")] },
    { note: "with a byte order mark", text: "\ufeffname\na\n", rows: [row(2, "a")] },
    { note: "of nothing", text: "", rows: [] },
    {
      note: "without a name's column",
      text: "title\na\n",
      rows: [
        { line: 1, faults: [expect.objectContaining({ rule: "header" }), expect.objectContaining({ field: "title" })] },
      ],
    },
    { note: "with an unknown column", text: "name,site\na,b\n", rows: [faulty(1, "header", "attr.NAME", "site")] },
    { note: "with a column twice", text: "name,name\na,b\n", rows: [faulty(1, "header", "twice", "name")] },
    {
      note: "with a header that cannot be read",
      text: 'na"me\na\n',
      rows: [{ line: 1, faults: [expect.objectContaining({ rule: "unreadable" })] }],
    },
    {
      note: "with a short row",
      text: "name,groups\na\nb,\n",
      rows: [faulty(2, "syntax", "1 fields, the first line 2"), row(3, "b")],
    },
    {
      note: "with a stray mark in a row",
      text: 'name,groups\na,b"c"d\n',
      rows: [faulty(2, "syntax", "field 2 has a quotation mark")],
    },
    {
      note: "with a bad name",
      text: "name\na b\nc\n",
      rows: [faulty(2, "invalid-format", "letters", "name"), row(3, "c")],
    },
    {
      note: "with a bad runtime",
      text: "name,runtime\na,java\n",
      rows: [faulty(2, "invalid-value", "nucleus", "runtime")],
    },
    {
      note: "with ten groups",
      text: "name,groups\na,a;b;c;d;e;f;g;h;i;j\n",
      rows: [faulty(2, "too-big", /9/, "groups")],
    },
    { note: "with a group twice", text: "name,groups\na,g;g\n", rows: [faulty(2, "custom", "repeat", "groups")] },
    { note: "with an empty group", text: "name,groups\na,g;\n", rows: [faulty(2, "too-small", /1/, "groups.1")] },
    {
      note: "with attributes that are no JSON",
      text: "name,attributes\na,x\n",
      rows: [faulty(2, "syntax", "not JSON")],
    },
    {
      note: "with attributes that are a list",
      text: "name,attributes\na,[]\n",
      rows: [faulty(2, "syntax", "JSON object")],
    },
    {
      note: "with an attribute in two places",
      text: 'name,attributes,attr.a\na,"{""a"":""1""}",2\n',
      rows: [faulty(2, "syntax", "given twice")],
    },
    {
      note: "with an attribute called __proto__",
      text: "name,attr.__proto__\na,1\n",
      rows: [faulty(2, "name", "__proto__")],
    },
    {
      note: "with a number for an attribute",
      text: 'name,attributes\na,"{""n"":1}"\n',
      rows: [faulty(2, "invalid-type", "string", "attributes.n")],
    },
    {
      note: "with a bad attribute",
      text: "name,attr.a\na,b c\n",
      rows: [faulty(2, "invalid-format", "1 to 800", "attributes.a")],
    },
  ])("$note", async ({ text, rows }) => {
    expect(await read("csv", text)).toEqual(rows);
  });
});

describe("a JSON Lines file", () => {
  const deep = `{"name":"a","attributes":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
  test.each<{ note: string; text: string | Buffer; rows: unknown[] }>([
    { note: "of names alone", text: '{"name":"a"}\n{"name":"b"}', rows: [row(1, "a"), row(2, "b")] },
    {
      note: "with everything",
      text: '{"name":"a","description":"d","groups":["g"],"runtime":"nucleus-lite","attributes":{"site":"oslo"}}\r\n',
      rows: [row(1, "a", { description: "d", groups: ["g"], runtime: "nucleus-lite", attributes: { site: "oslo" } })],
    },
    { note: "with empty lines", text: '\n  \n{"name":"a"}\n\n', rows: [row(3, "a")] },
    { note: "with a byte order mark", text: '\ufeff{"name":"a"}', rows: [row(1, "a")] },
    {
      note: "with a line that is no JSON",
      text: '{"name":\n{"name":"b"}',
      rows: [faulty(1, "syntax", "not JSON"), row(2, "b")],
    },
    { note: "with a list", text: '["a"]', rows: [faulty(1, "invalid-type", "object")] },
    {
      note: "with an unknown member",
      text: '{"name":"a","site":"b"}',
      rows: [faulty(1, "unknown-member", "site", "site")],
    },
    {
      note: "with a token's life",
      text: '{"name":"a","tokenExpiresInSeconds":600}',
      rows: [faulty(1, "unknown-member", "token", "tokenExpiresInSeconds")],
    },
    { note: "without a name", text: "{}", rows: [faulty(1, "invalid-type", "string", "name")] },
    {
      note: "with __proto__",
      text: '{"name":"a","attributes":{"__proto__":"b"}}',
      rows: [faulty(1, "name", "__proto__")],
    },
    { note: "nested without end", text: deep, rows: [faulty(1, "too-deep", "64 levels")] },
    {
      note: "that is not UTF-8",
      text: Buffer.concat([Buffer.from('{"name":"'), Buffer.of(0xff), Buffer.from('"}\n{"name":"b"}')]),
      rows: [faulty(1, "syntax", "UTF-8"), row(2, "b")],
    },
    {
      note: "with 50 attributes",
      text: JSON.stringify({
        name: "a",
        attributes: Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`a${i}`, "v"])),
      }),
      rows: [faulty(1, "custom", "at most 49", "attributes")],
    },
    {
      note: "with an attribute of the product's own",
      text: '{"name":"a","attributes":{"slipwayNode":"b"}}',
      rows: [faulty(1, "invalid-key", "", "attributes.slipwayNode")],
    },
  ])("$note", async ({ text, rows }) => {
    expect(await read("jsonl", text)).toEqual(rows);
  });

  test("tells several faults of one line, in short", async () => {
    const [found] = await read("jsonl", JSON.stringify({ name: "a b", runtime: "x", ["m".repeat(5_000)]: 1 }));
    const faults = found !== undefined && "faults" in found ? found.faults : [];
    expect(faults.map(({ rule }) => rule).sort()).toEqual(["invalid-format", "invalid-value", "unknown-member"]);
    expect(JSON.stringify(faults).length).toBeLessThan(1_200);
  });
});

test("a node is the same in either form", async () => {
  const name = fc.constantFrom("a", "b-1", "c.d", "0");
  const attributes = fc.dictionary(fc.constantFrom("a", "b/c", "x@y"), fc.constantFrom("1", "a=b", "[x]"), {
    minKeys: 1,
  });
  const nodes = fc.array(
    fc.record(
      {
        name,
        description: fc
          .string({ minLength: 1, maxLength: 20 })
          .filter((text) => !/[\r\n\ud800-\udfff\ufeff]/.test(text)),
        groups: fc.uniqueArray(fc.constantFrom("g1", "g2", "g3"), { minLength: 1 }),
        runtime: fc.constantFrom("nucleus", "nucleus-lite"),
        attributes,
      },
      { requiredKeys: ["name"] },
    ),
  );
  await fc.assert(
    fc.asyncProperty(nodes, async (given) => {
      const csv = [
        ["name", "description", "groups", "runtime", "attributes"],
        ...given.map((node) => [
          node.name,
          node.description ?? "",
          (node.groups ?? []).join(";"),
          node.runtime ?? "",
          node.attributes === undefined ? "" : JSON.stringify(node.attributes),
        ]),
      ];
      const wishes = (rows: readonly Row[]) => rows.map((one) => ("wish" in one ? one.wish : one));
      const wanted = given.map((node) => NodeWish.parse(node));
      expect(wishes(await read("csv", csv.map(csvRecord).join("")))).toEqual(wanted);
      expect(wishes(await read("jsonl", given.map((node) => `${JSON.stringify(node)}\n`).join("")))).toEqual(wanted);
    }),
  );
});
