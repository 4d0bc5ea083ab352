import { describe, expect, test } from "vitest";
import { factsOf } from "../../../shared/component/facts.ts";
import { ShortRecipe } from "../../../shared/component/short-form.ts";

const ofShort = (recipe: object) => factsOf({ version: "1.0.0", recipe: ShortRecipe.parse(recipe) }, 7);
const ofOwn = (document: Record<string, unknown>) => factsOf({ version: "1.0.0", document }, 7);

describe("what resolution needs of a version", () => {
  test("has no more than version and number where the recipe needs nothing and is for both runtimes", () => {
    expect(ofShort({ run: "true" })).toEqual({ version: "1.0.0", catalogueNumber: 7 });
  });

  test("has the dependencies of either form, with their types", () => {
    const dependencies = {
      "com.example.A": { requirement: "^1.0.0", type: "HARD" },
      "com.example.B": { requirement: ">=2.0.0", type: "SOFT" },
    };
    const short = { "com.example.A": "^1.0.0", "com.example.B": { version: ">=2.0.0", type: "SOFT" } };
    expect(ofShort({ run: "true", dependencies: short }).dependencies).toEqual(dependencies);
    const own = {
      "com.example.A": { VersionRequirement: "^1.0.0" },
      "com.example.B": { versionRequirement: ">=2.0.0", dependencyType: "soft" },
    };
    expect(ofOwn({ ComponentDependencies: own }).dependencies).toEqual(dependencies);
  });

  test.each([
    { platforms: [{ os: "linux" }], runtimes: ["nucleus"] },
    { platforms: [{ os: "linux", runtime: "*" }], runtimes: undefined },
    { platforms: [{ os: "linux", runtime: "aws_nucleus_lite" }], runtimes: ["nucleus-lite"] },
    { platforms: [{ os: "linux", runtime: "aws_nucleus_lite" }, { os: "windows" }], runtimes: undefined },
    { platforms: [{ os: "linux", runtime: "/aws_.*/" }], runtimes: undefined },
    { platforms: [undefined], runtimes: ["nucleus"] },
    { platforms: [], runtimes: ["nucleus"] },
  ])("is for the runtimes of $platforms: $runtimes", ({ platforms, runtimes }) => {
    const Manifests = platforms.map((Platform) => (Platform === undefined ? {} : { Platform }));
    expect(ofOwn({ Manifests }).runtimes).toEqual(runtimes);
  });

  test("is for the runtimes that the short form's platforms name", () => {
    expect(ofShort({ run: "true", platform: { runtime: "aws_nucleus_lite" } }).runtimes).toEqual(["nucleus-lite"]);
    const manifests = [{ platform: { runtime: "aws_nucleus_classic" } }, { platform: { runtime: "aws_nucleus_lite" } }];
    expect(ofShort({ run: "true", manifests }).runtimes).toBeUndefined();
  });
});
