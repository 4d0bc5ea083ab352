import { describe, expect, test } from "vitest";
import { MAX_FILE_BYTES, MAX_FILES } from "../../../shared/component/file.ts";
import { AppError } from "../../../shared/problems.ts";
import {
  type Dropped,
  folderOfManifest,
  PushManifest,
  PushRequest,
  wantedFiles,
} from "../../../shared/push/manifest.ts";
import { readJson } from "../../../shared/read-json.ts";
import { file, INVALID, VALID } from "./manifest.rows.ts";

const refusalOf = (work: () => unknown): AppError => {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it was not refused");
};
const found = ({ findings }: AppError) => findings.map(({ rule, pointer }) => [rule, pointer]);

describe("a manifest", () => {
  const read = (manifest: unknown) => readJson(PushManifest, JSON.stringify(manifest), "the manifest");

  test.each(VALID)("with $note is taken", ({ manifest }) => {
    expect(read(manifest)).toMatchObject({ publish: true, ...(manifest as object) });
  });

  test.each(INVALID)("with $note is refused", ({ manifest, finds }) => {
    const refusal = refusalOf(() => read(manifest));
    expect(refusal.code).toBe("invalid-request");
    expect(found(refusal)).toEqual(finds);
    for (const { detail } of refusal.findings) expect(detail).not.toBe("");
  });

  test.each(["", "{", "{}{}", "'a'"])("that is %j is no JSON", (text) => {
    expect(refusalOf(() => readJson(PushManifest, text, "the manifest")).code).toBe("malformed-json");
  });
});

describe("a request", () => {
  const read = (request: object) =>
    readJson(
      PushRequest,
      JSON.stringify({ component: "a", version: "1.0.0", recipe: { run: "true" }, ...request }),
      "the detail",
    );

  test.each([
    { workspace: "acme" },
    { workspace: "acme", files: [] },
    { workspace: "acme", folder: "build 7", files: [file("a")] },
  ])("%j is taken", (request) => {
    expect(read(request)).toMatchObject(request);
  });

  test.each<{ request: object; pointer: string }>([
    { request: {}, pointer: "/workspace" },
    { request: { workspace: "" }, pointer: "/workspace" },
    { request: { workspace: "w".repeat(65) }, pointer: "/workspace" },
    { request: { workspace: "acme", folder: "" }, pointer: "/folder" },
    { request: { workspace: "acme", folder: "a/b" }, pointer: "/folder" },
    { request: { workspace: "acme", folder: "a".repeat(129) }, pointer: "/folder" },
    { request: { workspace: "acme", files: [file("a")] }, pointer: "/folder" },
    { request: { workspace: "acme", recipe: undefined, recipeFile: "r.json" }, pointer: "/folder" },
    { request: { workspace: "acme", bucket: "another" }, pointer: "/bucket" },
  ])("$request is refused", ({ request, pointer }) => {
    expect(refusalOf(() => read(request)).findings.map((finding) => finding.pointer)).toContain(pointer);
  });
});

test.each<[key: string, folder: string | undefined]>([
  ["drop/a/slipway.json", "drop/a/"],
  ["drop/build 7 ü/slipway.json", "drop/build 7 ü/"],
  ["drop/a/b/slipway.json", undefined],
  ["drop/slipway.json", undefined],
  ["drop//slipway.json", undefined],
  ["drop/a/slipway.json/b", undefined],
  ["drop/a/slipway.result.json", undefined],
  ["drop/a/Slipway.json", undefined],
  [`drop/${"a".repeat(129)}/slipway.json`, undefined],
  ["components/a/slipway.json", undefined],
  ["a/drop/a/slipway.json", undefined],
])("the folder of %j is %j", (key, folder) => {
  expect(folderOfManifest(key)).toBe(folder);
});

describe("the files of a push", () => {
  const dropped = (path: string, size = 1): Dropped => ({ path, size, etag: `etag of ${path}` });
  const aside = [dropped("slipway.json"), dropped("slipway.result.json"), dropped("folder/", 0)];
  const pathsOf = (...args: Parameters<typeof wantedFiles>) => wantedFiles(...args).map(({ path }) => path);

  test("are all that lie beside the manifest, but for what is none", () => {
    const there = [dropped("main.sh"), dropped("lib/a"), dropped("lib/slipway.json"), ...aside];
    expect(pathsOf({}, there)).toEqual(["dist/main.sh", "dist/lib/a", "dist/lib/slipway.json"]);
    expect(pathsOf({ recipeFile: "lib/a" }, there)).toEqual(["dist/main.sh", "dist/lib/slipway.json"]);
    expect(pathsOf({}, aside)).toEqual([]);
  });

  test("are those that are listed, with their hashes, and where they come from", () => {
    const files = [file("b"), file("a")];
    expect(wantedFiles({ files }, [dropped("a"), dropped("b"), dropped("c")])).toEqual([
      { path: "dist/b", from: dropped("b"), sha256: files[0]?.sha256 },
      { path: "dist/a", from: dropped("a"), sha256: files[1]?.sha256 },
    ]);
  });

  test("have paths in one form of Unicode, wherever they come from", () => {
    const [decomposed, composed] = ["u\u0308", "\u00fc"];
    expect(wantedFiles({}, [dropped(decomposed)])).toEqual([{ path: `dist/${composed}`, from: dropped(decomposed) }]);
  });

  test.each<{
    note: string;
    files?: ReturnType<typeof file>[];
    there: Dropped[];
    code: string;
    finds: [string, string][];
  }>([
    {
      note: "are not there",
      files: [file("a"), file("b")],
      there: [dropped("a")],
      code: "artifact-missing",
      finds: [["artifact-missing", "/files/1/path"]],
    },
    {
      note: "have another size",
      files: [file("a")],
      there: [dropped("a", 2)],
      code: "artifact-mismatch",
      finds: [["artifact-mismatch", "/files/0/size"]],
    },
    {
      note: "are listed twice",
      files: [file("a"), file("a")],
      there: [dropped("a")],
      code: "invalid-request",
      finds: [["repeated", "/files/1/path"]],
    },
    {
      note: "differ in letter case",
      files: [file("a"), file("A")],
      there: [dropped("a"), dropped("A")],
      code: "invalid-request",
      finds: [["path-clash", "/files/1/path"]],
    },
    {
      note: "differ in letter case and are not listed",
      there: [dropped("a"), dropped("A")],
      code: "invalid-request",
      finds: [["path-clash", "/files"]],
    },
    {
      note: "are where others have a folder",
      there: [dropped("a"), dropped("a/b")],
      code: "invalid-request",
      finds: [["path-clash", "/files"]],
    },
    { note: "climb", there: [dropped("a/../b")], code: "invalid-request", finds: [["path", "/files"]] },
    { note: "have a backslash", there: [dropped("a\\b")], code: "invalid-request", finds: [["path", "/files"]] },
    {
      note: "are too large together",
      there: [dropped("a", MAX_FILE_BYTES), dropped("b")],
      code: "version-too-large",
      finds: [],
    },
    {
      note: "are too many",
      there: Array.from({ length: MAX_FILES + 1 }, (_, at) => dropped(`${at}`)),
      code: "version-too-large",
      finds: [],
    },
  ])("that $note are refused", ({ files, there, code, finds }) => {
    const refusal = refusalOf(() => wantedFiles({ files }, there));
    expect(refusal.code).toBe(code);
    expect(found(refusal)).toEqual(finds);
  });
});
