import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffFiles, diffJson } from "../../../shared/component/diff.ts";
import type { StoredFile } from "../../../shared/component/file.ts";

const file = (path: string, sha256: string): StoredFile => ({
  pk: "v",
  sk: path,
  type: "file",
  path,
  size: sha256.length,
  sha256,
  createdAt: "",
});

describe("two JSON values", () => {
  test.each([
    { note: "alike", from: { a: [1, null] }, to: { a: [1, null] }, expected: [] },
    { note: "texts", from: "a", to: "b", expected: [{ pointer: "", change: "changed", from: "a", to: "b" }] },
    { note: "more", from: {}, to: { "a/b~": 1 }, expected: [{ pointer: "/a~1b~0", change: "added", to: 1 }] },
    { note: "less", from: { a: [1, 2] }, to: { a: [1] }, expected: [{ pointer: "/a/1", change: "removed", from: 2 }] },
    {
      note: "kinds",
      from: { a: [] },
      to: { a: {} },
      expected: [{ pointer: "/a", change: "changed", from: [], to: {} }],
    },
    {
      note: "null",
      from: { a: null },
      to: { a: {} },
      expected: [{ pointer: "/a", change: "changed", from: null, to: {} }],
    },
  ])("differ just where they do: $note", ({ from, to, expected }) => {
    expect(diffJson(from, to)).toEqual(expected);
  });

  test("differ nowhere where they are equal, and the other way round in as many places", () => {
    const json = fc.jsonValue({ maxDepth: 3, noUnicodeString: true } as object);
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(diffJson(a, a)).toEqual([]);
        expect(diffJson(b, a)).toHaveLength(diffJson(a, b).length);
        if (diffJson(a, b).length === 0) expect(JSON.stringify(sorted(a))).toBe(JSON.stringify(sorted(b)));
      }),
    );
  });
});

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, sorted(inner)]),
  );
};

test("files differ by path and hash", () => {
  const from = [file("dist/a", "1"), file("dist/b", "2"), file("src/c", "3")];
  const to = [file("dist/b", "22"), file("src/c", "3"), file("src/d", "4")];
  expect(diffFiles(from, to)).toEqual([
    { path: "dist/a", change: "removed", from: { size: 1, sha256: "1" } },
    { path: "dist/b", change: "changed", from: { size: 1, sha256: "2" }, to: { size: 2, sha256: "22" } },
    { path: "src/d", change: "added", to: { size: 1, sha256: "4" } },
  ]);
});
