import { describe, expect, test } from "vitest";
import { DeploymentError } from "../../../local/device/errors.ts";
import { dependenciesOf, interpolate, manifestOf, readRecipe, type Variables } from "../../../local/device/recipe.ts";
import { buildRecipe } from "../../../shared/component/build-recipe.ts";

const recipeOf = (more: object = {}) =>
  JSON.stringify({ RecipeFormatVersion: "2020-01-25", ComponentName: "a", ComponentVersion: "1.0.0", ...more });

const codesOf = (work: () => unknown): readonly string[] => {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(DeploymentError);
    return (error as DeploymentError).codes;
  }
  throw new Error("it did not fail");
};

test("reads the recipes that Slipway makes", () => {
  const made = buildRecipe({
    name: "com.example.Hello",
    version: "1.0.0",
    recipe: { platform: { os: "*" }, install: "true", run: "sh {artifacts:path}/hello.sh", configuration: { a: 1 } },
    bucket: "bucket",
    artifacts: ["dist/hello.sh"],
  });
  const recipe = readRecipe(JSON.stringify(made), "com.example.Hello", "1.0.0");
  expect(recipe.ComponentConfiguration?.DefaultConfiguration).toEqual({ a: 1 });
  expect(manifestOf(recipe)).toMatchObject({
    Lifecycle: { Install: { script: "true" }, Run: { script: "sh {artifacts:path}/hello.sh" } },
    Artifacts: [
      {
        Uri: "s3://bucket/components/com.example.Hello/1.0.0/dist/hello.sh",
        Unarchive: "NONE",
        Permission: { Read: "OWNER", Execute: "OWNER" },
      },
    ],
  });
});

test("reads scripts with their time-outs and variables, and dependencies", () => {
  const recipe = readRecipe(
    recipeOf({
      ComponentDependencies: { b: { VersionRequirement: "^1.0.0", DependencyType: "Soft" }, c: {} },
      Manifests: [{ Lifecycle: { Setenv: { A: "1" }, Run: { Script: "run", Timeout: 5, Setenv: { B: "2" } } } }],
    }),
    "a",
    "1.0.0",
  );
  expect(dependenciesOf(recipe)).toEqual({
    b: { requirement: "^1.0.0", hard: false },
    c: { requirement: "*", hard: true },
  });
  expect(manifestOf(recipe).Lifecycle).toEqual({
    Setenv: { A: "1" },
    Run: { script: "run", timeoutSeconds: 5, environment: { B: "2" } },
  });
});

test.each([
  ["no JSON", "{", ["RECIPE_PARSE_ERROR"]],
  ["of another component", recipeOf({ ComponentName: "b" }), ["RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE"]],
  ["of another version", recipeOf({ ComponentVersion: "2.0.0" }), ["RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE"]],
  ["for a folder above", recipeOf({ ComponentName: ".." }), ["RECIPE_PARSE_ERROR"]],
  ["with a version that leads away", recipeOf({ ComponentVersion: "1.0.0/../../x" }), ["RECIPE_PARSE_ERROR"]],
  ["with a script that is none", recipeOf({ Manifests: [{ Lifecycle: { Run: 1 } }] }), ["RECIPE_PARSE_ERROR"]],
])("refuses a recipe that is %s", (_what, text, codes) => {
  expect(codesOf(() => readRecipe(text, "a", "1.0.0"))).toEqual(codes);
});

test.each([
  ["the first that fits", [{ Platform: { os: "plan9" } }, { Platform: { os: "*" } }, {}], 1],
  ["one for an expression", [{ Platform: { os: "/plan9|" } }, { Platform: { os: `/plan9|${process.platform}/` } }], 1],
  ["one for any nucleus", [{ Platform: { runtime: "aws_nucleus_lite" } }, { Platform: { runtime: "*" } }], 1],
  ["one that says nothing", [{ Platform: { architecture: "pdp11" } }, {}], 1],
])("takes of the manifests %s", (_what, manifests, expected) => {
  const Manifests = manifests.map((manifest, at) => ({ ...manifest, Lifecycle: { Run: String(at) } }));
  expect(manifestOf(readRecipe(recipeOf({ Manifests }), "a", "1.0.0")).Lifecycle.Run?.script).toBe(String(expected));
});

test("a component without manifests has nothing to do, and one without a fitting one cannot be here", () => {
  expect(manifestOf(readRecipe(recipeOf(), "a", "1.0.0"))).toMatchObject({ Artifacts: [] });
  const Manifests = [{ Platform: { os: "plan9" } }];
  expect(codesOf(() => manifestOf(readRecipe(recipeOf({ Manifests }), "a", "1.0.0")))).toEqual([
    "RECIPE_MISSING_MANIFEST",
  ]);
});

describe("variables", () => {
  const own: Variables = {
    artifacts: "/d/artifacts",
    decompressed: "/d/unarchived",
    work: "/d/work",
    root: "/d",
    thing: "t",
    configuration: { text: "hello", deep: { list: [1, { two: 2 }] }, no: null },
  };
  const other = { ...own, artifacts: "/other" };

  test.each([
    ["sh {artifacts:path}/a.sh {artifacts:decompressedPath}", "sh /d/artifacts/a.sh /d/unarchived"],
    ["{work:path} {kernel:rootPath} {iot:thingName}", "/d/work /d t"],
    ["{configuration:/text} {configuration:/deep/list/0}", "hello 1"],
    ["{configuration:/deep} {configuration:/no}", '{"list":[1,{"two":2}]} null'],
    ["{b:artifacts:path} {c:artifacts:path} {b:configuration:/text}", "/other {c:artifacts:path} hello"],
    [
      "{configuration:/missing} {artifacts:other} ${HOME} {x}",
      "{configuration:/missing} {artifacts:other} ${HOME} {x}",
    ],
  ])("%s is %s", (script, expected) => {
    expect(interpolate(script, own, (name) => (name === "b" ? other : undefined))).toBe(expected);
  });
});
