import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StoredFile } from "../../../shared/component/file.ts";
import {
  artifactClash,
  artifactsOf,
  digestMismatch,
  fingerprintOf,
  ownArtifacts,
  packageOf,
  packagePath,
  sourcesOf,
  unarchivedPaths,
} from "../../../shared/component/package.ts";

const file = (path: string, sha256 = "0".repeat(64), more: Partial<StoredFile> = {}): StoredFile => ({
  pk: "ver_1#file",
  sk: path,
  type: "file",
  path,
  size: 1,
  sha256,
  createdAt: "2026-01-01T00:00:00.000Z",
  ...more,
});

test("files are sources, artifacts of one's own, or the package", () => {
  const made = file(packagePath("com.example.A"), undefined, { packagedFrom: "x" });
  const files = [file("src/a"), file("dist/b"), made];
  expect(sourcesOf(files)).toEqual([files[0]]);
  expect(ownArtifacts(files)).toEqual([files[1]]);
  expect(artifactsOf(files)).toEqual([files[1], made]);
  expect(packageOf(files)).toBe(made);
  expect(packageOf(files.slice(0, 2))).toBeUndefined();
});

test("the fingerprint of sources is of their paths and contents, in any order", () => {
  const path = fc.constantFrom("src/a", "src/b", "src/a b", "src/é");
  const one = fc.tuple(path, fc.constantFrom("0", "1")).map(([at, digit]) => file(at, digit.repeat(64)));
  const many = fc.uniqueArray(one, { selector: ({ path }) => path });
  const seen = (files: readonly StoredFile[]) => JSON.stringify(files.map(({ path, sha256 }) => [path, sha256]).sort());
  fc.assert(
    fc.property(many, many, (files, others) => {
      expect(fingerprintOf(files) === fingerprintOf(others)).toBe(seen(files) === seen(others));
    }),
  );
});

describe("artifacts that would be one on a device", () => {
  test.each<{ note: string; paths: string[]; unarchived?: string[]; clash: string | undefined }>([
    { note: "none", paths: ["dist/a", "dist/b/c"], clash: undefined },
    {
      note: "one name in two folders",
      paths: ["dist/a/run", "dist/b/run"],
      clash: "dist/a/run and dist/b/run would be the same file",
    },
    { note: "one name in two letter cases", paths: ["dist/a/Run", "dist/b/run"], clash: "the same file" },
    {
      note: "archives of two names",
      paths: ["dist/a.zip", "dist/b.zip"],
      unarchived: ["dist/a.zip", "dist/b.zip"],
      clash: undefined,
    },
    {
      note: "archives with two endings",
      paths: ["dist/a.zip", "dist/a.whl"],
      unarchived: ["dist/a.zip", "dist/a.whl"],
      clash: "dist/a.whl and dist/a.zip would be unpacked into the same folder",
    },
    {
      note: "an archive and a file that stays",
      paths: ["dist/a.zip", "dist/a.whl"],
      unarchived: ["dist/a.zip"],
      clash: undefined,
    },
  ])("$note", ({ paths, unarchived = [], clash }) => {
    const found = artifactClash(
      paths.map((path) => file(path)),
      unarchived,
    );
    if (clash === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(clash);
  });
});

describe("a recipe", () => {
  const prefix = "s3://bucket/components/a/1.0.0/";
  const digest = Buffer.from("0".repeat(64), "hex").toString("base64");
  const recipe = {
    Manifests: [
      {
        Artifacts: [
          { Uri: `${prefix}dist/a.zip`, Unarchive: "ZIP", Digest: digest },
          { Uri: `${prefix}dist/b`, Digest: digest },
        ],
      },
      { Artifacts: [{ Uri: `${prefix}dist/a.zip`, Unarchive: "ZIP", Digest: digest }, { Uri: "docker:alpine" }] },
      {},
    ],
  };

  test("says what a device unpacks", () => {
    expect(unarchivedPaths(recipe, prefix)).toEqual([["dist/a.zip"], ["dist/a.zip"], []]);
    expect(unarchivedPaths({}, prefix)).toEqual([]);
  });

  test("has the digests of the files that were verified, or tells the first that is another's", () => {
    const files = [file("dist/a.zip"), file("dist/b")];
    expect(digestMismatch(recipe, files, prefix)).toBeUndefined();
    expect(digestMismatch(recipe, [file("dist/a.zip"), file("dist/b", "1".repeat(64))], prefix)).toContain(
      "dist/b was changed",
    );
    expect(digestMismatch(recipe, [file("dist/a.zip")], prefix)).toContain("dist/b");
    const without = { Manifests: [{ Artifacts: [{ Uri: `${prefix}dist/b` }] }] };
    expect(digestMismatch(without, files, prefix)).toContain("dist/b");
  });
});
