import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildRecipe, type RecipeSource } from "../../shared/component/build-recipe.ts";
import { ArtifactPath, CreateFile, MAX_FILE_BYTES } from "../../shared/component/file.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import { ShortRecipe } from "../../shared/component/short-form.ts";
import { isDeployable, Version } from "../../shared/component/version.ts";
import { keys } from "../../shared/keys.ts";
import { componentVersionPublish } from "../../workflows/component-version.ts";

type Json = Record<string, unknown>;

const TOP_LEVEL = [
  "RecipeFormatVersion",
  "ComponentName",
  "ComponentVersion",
  "ComponentType",
  "ComponentDescription",
  "ComponentPublisher",
  "ComponentConfiguration",
  "ComponentDependencies",
  "ComponentSource",
  "Manifests",
  "Lifecycle",
];

/** What breaks a rule of the AWS IoT Greengrass V2 component recipe reference, or one that nucleus lite adds. */
const brokenRules = (recipe: object): string[] => {
  const broken: string[] = [];
  const rule = (holds: boolean, text: string) => {
    if (!holds) broken.push(text);
  };
  const top = recipe as Json;
  rule(Buffer.byteLength(JSON.stringify(recipe)) <= 16_000, "at most 16,000 bytes");
  rule(
    Object.keys(top).every((key) => TOP_LEVEL.includes(key)),
    "no unknown member",
  );
  rule(top.RecipeFormatVersion === "2020-01-25", "the format version");
  rule(/^[a-zA-Z0-9-_.]{1,128}$/.test(String(top.ComponentName)), "a component name");
  rule(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(String(top.ComponentVersion)), "a semantic version");
  rule(top.ComponentType === "aws.greengrass.generic", "a generic component");
  rule(typeof top.ComponentPublisher === "string" && top.ComponentPublisher !== "", "a publisher");
  const manifests = top.Manifests as Json[];
  rule(Array.isArray(manifests) && manifests.length > 0, "a manifest");
  for (const manifest of manifests) {
    rule(
      Object.keys(manifest).every((key) => ["Name", "Platform", "Lifecycle", "Artifacts"].includes(key)),
      "no unknown member of a manifest",
    );
    const platform = manifest.Platform as Json;
    rule(["*", "aws_nucleus_lite"].includes(String(platform.runtime)), "a runtime that nucleus lite takes");
    rule(
      Object.values(platform).every((value) => typeof value === "string" && value !== ""),
      "a platform of texts",
    );
    const lifecycle = manifest.Lifecycle as Json;
    const steps = ["Setenv", "bootstrap", "install", "startup", "run"];
    rule(
      Object.keys(lifecycle).every((key) => steps.includes(key)),
      "steps that nucleus lite has",
    );
    const artifacts = manifest.Artifacts as Json[];
    rule(
      artifacts.every(({ Uri }) => /^s3:\/\/[a-z0-9.-]{3,63}\/.+[^/]$/.test(String(Uri))),
      "artifacts in S3",
    );
    rule(
      artifacts.every(({ Unarchive }) => ["NONE", "ZIP"].includes(String(Unarchive))),
      "NONE or ZIP",
    );
    for (const { Permission } of artifacts) {
      const levels = Object.entries(Permission as Json);
      rule(
        levels.every(
          ([key, value]) => ["Read", "Execute"].includes(key) && ["NONE", "OWNER", "ALL"].includes(String(value)),
        ),
        "permissions",
      );
    }
    const names = artifacts.map(({ Uri }) => String(Uri).split("/").at(-1));
    rule(new Set(names).size === names.length, "file names that differ within a manifest");
  }
  return broken;
};

const source = (more: Partial<RecipeSource> = {}): RecipeSource => ({
  name: "com.example.Hello",
  version: "1.0.0",
  recipe: ShortRecipe.parse({ run: "{artifacts:path}/main.sh" }),
  bucket: "ws-abc-acme-comp-artifacts",
  artifacts: ["dist/main.sh"],
  ...more,
});

describe("a built recipe", () => {
  test.each([
    { note: "of a script", given: {} },
    { note: "of nothing at all", given: { recipe: ShortRecipe.parse({}), artifacts: [] } },
    {
      note: "with everything that the short form can say",
      given: {
        publisher: "Acme",
        description: "Says hello",
        version: "1.0.0-rc.1",
        recipe: ShortRecipe.parse({
          platform: { os: "linux", architecture: "aarch64" },
          install: "apt-get install -y jq",
          run: "main.sh {configuration:/message}",
          configuration: { message: "hello", list: [1, null, { a: true }] },
        }),
        artifacts: ["dist/main.sh", "dist/lib/a.py"],
      },
    },
    {
      note: "of the longest names and scripts, with fifteen files",
      given: {
        name: "n".repeat(128),
        bucket: `ws-abc-${"w".repeat(41)}-comp-artifacts`,
        recipe: ShortRecipe.parse({ install: "i".repeat(4_096), run: "r".repeat(4_096) }),
        description: "d".repeat(1_024),
        artifacts: Array.from({ length: 15 }, (_, index) => `dist/${"f".repeat(20)}${index}`),
      },
    },
  ])("$note breaks no rule of Greengrass", ({ given }) => {
    expect(brokenRules(buildRecipe(source(given)))).toEqual([]);
  });

  test("says what was given", () => {
    expect(buildRecipe(source({ publisher: "Acme", description: "Says hello" }))).toEqual({
      RecipeFormatVersion: "2020-01-25",
      ComponentName: "com.example.Hello",
      ComponentVersion: "1.0.0",
      ComponentType: "aws.greengrass.generic",
      ComponentDescription: "Says hello",
      ComponentPublisher: "Acme",
      Manifests: [
        {
          Platform: { os: "*", runtime: "*" },
          Lifecycle: { run: "{artifacts:path}/main.sh" },
          Artifacts: [
            {
              Uri: "s3://ws-abc-acme-comp-artifacts/components/com.example.Hello/1.0.0/dist/main.sh",
              Unarchive: "NONE",
              Permission: { Read: "OWNER", Execute: "OWNER" },
            },
          ],
        },
      ],
    });
  });

  test("has the same bytes whatever the order of its files, and leaves them in theirs", () => {
    const artifacts = ["dist/b", "dist/a", "dist/c"];
    const one = JSON.stringify(buildRecipe(source({ artifacts })));
    expect(JSON.stringify(buildRecipe(source({ artifacts: [...artifacts].reverse() })))).toBe(one);
    expect(artifacts).toEqual(["dist/b", "dist/a", "dist/c"]);
  });

  test("refers to each file where it was uploaded", () => {
    expect(artifactKey("a", "1.0.0", "dist/x/y")).toBe("components/a/1.0.0/dist/x/y");
  });
});

describe("the short form of a recipe", () => {
  test.each([
    { given: {}, fine: true },
    { given: { run: "x" }, fine: true },
    { given: { platform: {} }, fine: true },
    { given: { run: "" }, fine: false },
    { given: { run: "x".repeat(4_097) }, fine: false },
    { given: { platform: { os: "" } }, fine: false },
    { given: { Run: "x" }, fine: false },
    { given: { shutdown: "x" }, fine: true },
    { given: { configuration: [] }, fine: false },
    { given: { configuration: { a: { b: [null] } } }, fine: true },
  ])("$given is fine: $fine", ({ given, fine }) => {
    expect(ShortRecipe.safeParse(given).success).toBe(fine);
  });
});

describe("the path of a file", () => {
  test.each([
    ["dist/main.sh", "a file"],
    ["src/a/b/c.ts", "folders"],
    ["dist/.hidden", "a hidden file"],
    ["dist/..a", "two dots and more"],
    ["dist/a..b/c", "two dots within"],
    ["dist/...", "three dots"],
    ["dist/a b", "a blank"],
    ["dist/grün/日本.txt", "other scripts"],
    ["dist/😀", "beyond the basic plane"],
    ["dist/a%2e%2e", "what is no escape here"],
    ["dist/a#b?c&d+e", "what URLs escape"],
    [`dist/${"x".repeat(251)}/${"x".repeat(255)}`, "512 characters"],
    [`dist/${"x".repeat(255)}`, "255 bytes in a name"],
  ])("may be %j: %s", (path) => {
    expect(ArtifactPath.safeParse(path).success).toBe(true);
  });

  test.each([
    ["", "empty"],
    ["dist", "the folder alone"],
    ["dist/", "no name"],
    ["main.sh", "in no folder"],
    ["lib/main.sh", "another folder"],
    ["Dist/main.sh", "another case"],
    ["/dist/main.sh", "absolute"],
    ["//dist/main.sh", "absolute, twice"],
    ["../dist/main.sh", "climbing at the start"],
    ["dist/../main.sh", "climbing out"],
    ["dist/../../etc/passwd", "climbing far"],
    ["dist/a/../b", "climbing within"],
    ["dist/a/..", "climbing at the end"],
    ["dist/..", "climbing alone"],
    ["dist/./a", "a dot"],
    ["dist/.", "a dot at the end"],
    ["dist//a", "an empty segment"],
    ["dist/a/", "a folder"],
    ["dist\\main.sh", "a backslash for a slash"],
    ["dist/..\\..\\a", "climbing by backslashes"],
    ["dist/a\u0000", "a null character"],
    ["dist/a\nb", "a line end"],
    ["dist/a\r", "a carriage return"],
    ["dist/\u007f", "a delete"],
    ["dist/\u0085", "a C1 control"],
    ["C:/dist/a", "a drive"],
    ["s3://bucket/dist/a", "a URL"],
    [`dist/${"x".repeat(252)}/${"x".repeat(255)}`, "513 characters"],
    [`dist/${"x".repeat(256)}`, "256 bytes in a name"],
    [`dist/${"日".repeat(86)}`, "258 bytes in a name"],
    ["dist/\ud800", "half a character, which has no UTF-8"],
  ])("may not be %j: %s", (path) => {
    expect(ArtifactPath.safeParse(path).success).toBe(false);
  });

  test("gives a key that S3 takes, with the longest names", () => {
    const longest = artifactKey(
      "n".repeat(128),
      `1.0.0-${"r".repeat(58)}`,
      `dist/${"日".repeat(84)}/${"日".repeat(84)}/${"日".repeat(84)}`,
    );
    expect(Buffer.byteLength(longest)).toBeLessThanOrEqual(1_024);
  });

  test("of any allowed length and script gives a key that S3 takes", () => {
    const segment = fc.string({ unit: fc.constantFrom("a", "é", "日", "😀", "İ"), minLength: 1, maxLength: 300 });
    const paths = fc.array(segment, { minLength: 1, maxLength: 8 }).map((segments) => `dist/${segments.join("/")}`);
    fc.assert(
      fc.property(paths, (path) => {
        const parsed = ArtifactPath.safeParse(path);
        if (!parsed.success) return;
        const key = artifactKey("n".repeat(128), `1.0.0-${"r".repeat(58)}`, parsed.data);
        expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1_024);
        expect(Buffer.byteLength(keys.file("ver_1", parsed.data).sk)).toBeLessThanOrEqual(1_024);
      }),
    );
  });
});

describe("a file", () => {
  const file = { path: "dist/a", size: 1, sha256: "0".repeat(64) };
  test.each([
    { change: {}, fine: true },
    { change: { size: 0 }, fine: true },
    { change: { size: MAX_FILE_BYTES }, fine: true },
    { change: { size: MAX_FILE_BYTES + 1 }, fine: false },
    { change: { size: -1 }, fine: false },
    { change: { size: 1.5 }, fine: false },
    { change: { size: "1" }, fine: false },
    { change: { sha256: "0".repeat(63) }, fine: false },
    { change: { sha256: "A".repeat(64) }, fine: false },
    { change: { sha256: `${"0".repeat(64)}\n` }, fine: false },
    { change: { md5: "" }, fine: false },
  ])("with $change is fine: $fine", ({ change, fine }) => {
    expect(CreateFile.safeParse({ ...file, ...change }).success).toBe(fine);
  });
});

describe("a version", () => {
  test.each([
    "1.0.0",
    "0.0.0",
    "10.20.30",
    "999999.999999.999999",
    "1.0.0-rc.1",
    "1.0.0-0.3.7",
    "1.0.0-x-y",
    `1.0.0-${"r".repeat(58)}`,
  ])("may be %j", (version) => {
    expect(Version.safeParse(version).success).toBe(true);
  });
  test.each([
    "",
    "1",
    "1.0",
    "v1.0.0",
    "=1.0.0",
    " 1.0.0",
    "1.0.0 ",
    "1.0.0\n",
    "01.0.0",
    "1.0.0-01",
    "1.0.0+build",
    "1.0.0.0",
    "1.0.x",
    "^1.0.0",
    "latest",
    "1.0.0-ä",
    "1.0.0/../2.0.0",
    `1.0.0-${"r".repeat(59)}`,
    "99999999999999999999.0.0",
    "1000000.0.0",
    "0.1000000.0",
    "0.0.1000000",
  ])("may not be %j", (version) => {
    expect(Version.safeParse(version).success).toBe(false);
  });
});

describe("what Greengrass says of a version", () => {
  const version = { updatedAt: "2030-01-01T00:00:00.000Z" };
  const later = (minutes: number) => new Date(Date.parse(version.updatedAt) + minutes * 60_000);
  test.each([
    { state: "DEPLOYABLE", minutes: 90, deployable: true },
    { state: "REQUESTED", minutes: 0, deployable: false },
    { state: "INITIATED", minutes: 39, deployable: false },
  ])("$state after $minutes minutes is deployable: $deployable", ({ state, minutes, deployable }) => {
    expect(isDeployable(version, { state }, later(minutes))).toBe(deployable);
  });
  test.each([
    { found: undefined, minutes: 0, why: /no longer has/ },
    { found: { state: "FAILED", message: "no access" }, minutes: 0, why: /Greengrass: no access/ },
    { found: { state: "DEPRECATED" }, minutes: 0, why: /Greengrass: DEPRECATED/ },
    { found: { state: "INITIATED" }, minutes: 40, why: /not made it deployable in 40 minutes: it is INITIATED/ },
  ])("$found.state after $minutes minutes ends the publication", ({ found, minutes, why }) => {
    const looked = () => isDeployable(version, found, later(minutes));
    expect(looked).toThrow(
      expect.objectContaining({ code: "component-rejected", message: expect.stringMatching(why) }),
    );
  });
  test("is not waited for longer than the workflow can, with time left to take it away", () => {
    const { TimeoutSeconds = 0 } = componentVersionPublish.definition((task) => task);
    expect(() => isDeployable(version, { state: "REQUESTED" }, later(TimeoutSeconds / 60 - 4))).toThrow();
  });
});
