import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffJson, fileChanges } from "../../../shared/component/diff.ts";
import type { StoredFile } from "../../../shared/component/file.ts";
import { byBytes, foldPath } from "../../../shared/component/path.ts";

const file = (path: string, sha256: string): StoredFile => ({
  pk: "v",
  sk: foldPath(path),
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

describe("the files of two versions", () => {
  const changes = (from: readonly StoredFile[], to: readonly StoredFile[], after?: string) =>
    Array.fromAsync(fileChanges(from, to, after));

  test("differ by path and hash", async () => {
    const from = [file("dist/a", "1"), file("dist/b", "2"), file("src/c", "3")];
    const to = [file("dist/b", "22"), file("src/c", "3"), file("src/d", "4")];
    expect(await changes(from, to)).toEqual([
      { path: "dist/a", change: "removed", from: { size: 1, sha256: "1" } },
      { path: "dist/b", change: "changed", from: { size: 1, sha256: "2" }, to: { size: 2, sha256: "22" } },
      { path: "src/d", change: "added", to: { size: 1, sha256: "4" } },
    ]);
  });

  test("are two where they differ in letter case alone", async () => {
    const told = [
      { path: "dist/A", change: "added", to: { size: 1, sha256: "1" } },
      { path: "dist/a", change: "removed", from: { size: 1, sha256: "1" } },
    ];
    expect(await changes([file("dist/a", "1")], [file("dist/A", "1")])).toEqual(told);
    expect(await changes([file("dist/a", "1")], [file("dist/A", "1")], "dist/A")).toEqual(told.slice(1));
  });

  /** As the table has them: one of each place, in the order of the places. Beyond the BMP, bytes sort otherwise than UTF-16. */
  const version = fc
    .dictionary(
      fc.constantFrom("src/a", "src/A", "src/b", "src/ab", "src/B", "src/\uffee", "src/\u{1f600}"),
      fc.constantFrom("1", "2"),
    )
    .map((paths) => {
      const files = Object.entries(paths).map(([path, sha256]) => file(path, sha256));
      return [...new Map(files.map((one) => [one.sk, one])).values()].sort((a, b) => byBytes(a.sk, b.sk));
    });

  test("change in the same order however they are paged", async () => {
    await fc.assert(
      fc.asyncProperty(version, version, async (from, to) => {
        const whole = await changes(from, to);
        const hashes = (files: readonly StoredFile[]) => new Map(files.map(({ path, sha256 }) => [path, sha256]));
        const [before, after] = [hashes(from), hashes(to)];
        const differing = [...new Set([...before.keys(), ...after.keys()])].filter(
          (path) => before.get(path) !== after.get(path),
        );
        expect(whole.map(({ path }) => path).sort()).toEqual(differing.sort());
        for (const [index, { path }] of whole.entries()) {
          const rest = (files: readonly StoredFile[]) => files.filter(({ sk }) => byBytes(sk, foldPath(path)) >= 0);
          expect(await changes(rest(from), rest(to), path)).toEqual(whole.slice(index + 1));
        }
      }),
    );
  });

  test("are read no further than is asked for", async () => {
    let read = 0;
    async function* many() {
      for (; ; read += 1) yield file(`src/${String(read).padStart(9, "0")}`, "1");
    }
    for await (const { path } of fileChanges(many(), [])) if (path.endsWith("5")) break;
    expect(read).toBeLessThan(10);
  });
});
