import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ArtifactPath,
  CLEARING_MS,
  type CreateFile,
  claimFile,
  clashesOf,
  declareFile,
  extraFiles,
  findingsOf,
  forgetFile,
  freeFile,
  type HeldObject,
  isClearing,
  isThere,
  MAX_FILE_BYTES,
  PART_BYTES,
  partsOf,
  ranges,
  SINGLE_UPLOAD_BYTES,
  type StoredFile,
  versionTakesFiles,
} from "../../../shared/component/file.ts";
import type { StoredVersion } from "../../../shared/component/version.ts";
import { keys } from "../../../shared/keys.ts";
import type { Item, Write } from "../../../shared/writes.ts";
import { applied } from "../apply.ts";

const version = {
  ...keys.version("cmp_1", "ver_1"),
  id: "ver_1",
  componentId: "cmp_1",
  component: "a",
  version: "1.0.0",
} as unknown as StoredVersion;
const NOW = new Date("2026-01-01T00:00:00.000Z");
const later = (ms: number): Date => new Date(NOW.getTime() + ms);
const hash = (digit: string): string => digit.repeat(64);
const input = (path: string, digit = "a", size = 5): CreateFile => ({ path, size, sha256: hash(digit) });
const declared = (former: StoredFile | undefined, file: CreateFile, more = { clears: false }) =>
  declareFile(version, former, file, more, NOW);

describe("a path", () => {
  test("is the same in whatever form of Unicode it comes", () => {
    expect(ArtifactPath.parse("dist/u\u0308ber")).toBe("dist/\u00fcber");
  });

  test.each([
    ["dist/A", "dist/a"],
    ["dist/ÄB/c", "dist/äb/C"],
    ["dist/\u212a", "dist/k"],
    ["src/İ", "src/i\u0307"],
  ])("%s is the same file as %s where letter case is nothing", (one, other) => {
    expect(keys.file("v", one)).toEqual(keys.file("v", other));
  });
});

describe("paths beside one another", () => {
  test.each<{ paths: string[]; clashes: [number, string][] }>([
    { paths: [], clashes: [] },
    { paths: ["dist/a", "src/a", "dist/b", "dist/a.b", "dist/ab/c"], clashes: [] },
    { paths: ["dist/lib/a", "dist/lib/b", "src/Lib/a"], clashes: [] },
    { paths: ["dist/a", "dist/a"], clashes: [[1, "repeated"]] },
    { paths: ["dist/a", "dist/A"], clashes: [[1, "path-clash"]] },
    { paths: ["dist/a", "dist/a/b"], clashes: [[1, "path-clash"]] },
    { paths: ["dist/a/b/c", "dist/a"], clashes: [[1, "path-clash"]] },
    { paths: ["dist/a/b/c", "dist/A/b"], clashes: [[1, "path-clash"]] },
    { paths: ["dist/Lib/a", "dist/lib/b"], clashes: [[1, "path-clash"]] },
    { paths: ["dist/x/Lib/a", "dist/x/lib/b", "dist/lib/c"], clashes: [[1, "path-clash"]] },
    {
      paths: ["src/a", "src/b", "src/A", "src/b/c"],
      clashes: [
        [2, "path-clash"],
        [3, "path-clash"],
      ],
    },
  ])("$paths", ({ paths, clashes }) => {
    expect(clashesOf(paths).map(({ index, rule }) => [index, rule])).toEqual(clashes);
  });

  test("are told of by the place in the manifest", () => {
    const manifest = { files: [input("dist/a"), input("dist/A")], prune: false };
    expect(findingsOf(manifest)).toMatchObject([{ pointer: "/files/1/path", rule: "path-clash" }]);
  });

  test("that clash do so in any order", () => {
    const segment = fc.constantFrom("a", "A", "b", "é", "É");
    const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => `dist/${segments.join("/")}`);
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 6 }), (paths) => {
        expect(clashesOf(paths).length > 0).toBe(clashesOf([...paths].reverse()).length > 0);
      }),
    );
  });
});

describe("the parts of a large file", () => {
  test.each([
    { size: SINGLE_UPLOAD_BYTES + 1, count: 5 },
    { size: PART_BYTES, count: 1 },
    { size: PART_BYTES + 1, count: 2 },
    { size: MAX_FILE_BYTES, count: 128 },
  ])("of $size bytes are $count, within what S3 takes", ({ size, count }) => {
    const parts = partsOf(size);
    expect(parts).toHaveLength(count);
    expect(parts.map(({ part }) => part)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    expect(parts.reduce((sum, part) => sum + part.size, 0)).toBe(size);
    for (const part of parts.slice(0, -1)) expect(part.size).toBeGreaterThanOrEqual(5 * 1024 ** 2);
    expect(count).toBeLessThanOrEqual(10_000);
  });

  test.each([
    [[], ""],
    [[1], "1"],
    [[1, 2, 3], "1-3"],
    [[1, 3, 4, 9], "1, 3-4, 9"],
  ])("%j are told as %j", (numbers, text) => {
    expect(ranges(numbers)).toBe(text);
  });
});

describe("whether the bytes are there", () => {
  const small = input("dist/a");
  const large = input("dist/a", "a", SINGLE_UPLOAD_BYTES + 1);
  const smallOne = declared(undefined, small).file;
  const largeOne = declared(undefined, large).file;
  const known = { size: 5, sha256: hash("a"), etag: "e" };
  const parts = { size: large.size, etag: "e" };

  test.each<{ note: string; wanted: CreateFile; former: StoredFile | undefined; held?: HeldObject; there: boolean }>([
    { note: "nothing is", wanted: small, former: smallOne, there: false },
    { note: "of the hash that S3 knows", wanted: small, former: smallOne, held: known, there: true },
    { note: "though nobody declared them", wanted: small, former: undefined, held: known, there: true },
    { note: "of another hash", wanted: small, former: smallOne, held: { ...known, sha256: hash("b") }, there: false },
    { note: "of another size", wanted: small, former: smallOne, held: { ...known, size: 6 }, there: false },
    { note: "by another way than ours", wanted: small, former: smallOne, held: { size: 5, etag: "e" }, there: false },
    {
      note: "as Slipway's own package",
      wanted: small,
      former: { ...smallOne, packagedFrom: "x" },
      held: { size: 5, etag: "e" },
      there: true,
    },
    { note: "in parts, declared so", wanted: large, former: largeOne, held: parts, there: true },
    {
      note: "in parts, declared otherwise",
      wanted: large,
      former: { ...largeOne, sha256: hash("b") },
      held: parts,
      there: false,
    },
    { note: "in parts that nobody declared", wanted: large, former: undefined, held: parts, there: false },
    {
      note: "in parts that were hashed and are wrong",
      wanted: large,
      former: { ...largeOne, rejected: "e" },
      held: parts,
      there: false,
    },
    {
      note: "in parts that came after wrong ones",
      wanted: large,
      former: { ...largeOne, rejected: "d" },
      held: parts,
      there: true,
    },
  ])("$note: $there", ({ wanted, former, held, there }) => {
    expect(isThere(former, held, wanted)).toBe(there);
  });
});

describe("a declaration", () => {
  const stored = (write: Write, item?: Item): StoredFile => applied(item, write) as unknown as StoredFile;
  const refused = (write: Write, item: object | undefined) =>
    expect(() => applied(item as Item | undefined, write)).toThrow("refused");

  test("replaces the one that it has seen, and no other", () => {
    const one = declared(undefined, input("dist/a"));
    const item = stored(one.write);
    const two = declared(item, input("dist/a", "b"));
    expect(stored(two.write, item as unknown as Item)).toEqual(two.file);
    refused(one.write, item); // a second one at the same time as the first
    refused(two.write, { ...item, sha256: hash("c") });
    refused(declared(undefined, input("dist/A")).write, item);
  });

  test("that clears former bytes is not replaced by who has not seen that", () => {
    const item = stored(declared(undefined, input("dist/a")).write);
    const clearing = stored(declared(item, input("dist/a", "b"), { clears: true }).write, item as unknown as Item);
    expect(clearing.clearing).toBe(NOW.getTime() + CLEARING_MS);
    expect([isClearing(clearing, NOW), isClearing(clearing, later(CLEARING_MS))]).toEqual([true, false]);
    refused(declared(item, input("dist/a", "b")).write, clearing);
    refused(forgetFile(item), clearing);
    const free = stored(freeFile(clearing), clearing as unknown as Item);
    expect(free.clearing).toBeUndefined();
  });

  test("is taken over after the time for clearing, and the late one then does nothing more", () => {
    const item = stored(declared(undefined, input("dist/a")).write);
    const first = claimFile(item, NOW);
    const claimed = stored(first.write, item as unknown as Item);
    const second = claimFile(claimed, later(CLEARING_MS + 1));
    const again = stored(second.write, claimed as unknown as Item);
    refused(forgetFile(first.claimed), again);
    expect(applied(again as unknown as Item, forgetFile(second.claimed))).toBeUndefined();
  });

  test.each(["draft", "failed", "publishing", "published", "deleting"])("to a version that is %s", (status) => {
    const check = () => applied({ ...version, status } as unknown as Item, versionTakesFiles(version));
    if (status === "draft" || status === "failed") expect(check()).toBeDefined();
    else expect(check).toThrow("refused");
  });
});

test("files that have no place in a manifest are extra, those of another letter case too", () => {
  const files = ["dist/a", "dist/b", "src/c"].map((path) => declared(undefined, input(path)).file);
  const manifest = { files: [input("dist/a"), input("dist/B")], prune: false };
  expect(extraFiles(manifest, files).map(({ path }) => path)).toEqual(["dist/b", "src/c"]);
});
