import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { build, buildRecipe } from "../../../shared/component/build-recipe.ts";
import { bytesOf, MAX_RECIPE_BYTES } from "../../../shared/component/recipe.ts";
import { lineAndColumn, parseRecipe, printRecipe, withValues } from "../../../shared/component/recipe-document.ts";
import { ShortRecipe } from "../../../shared/component/short-form.ts";
import { validateRecipe } from "../../../shared/component/validate-recipe.ts";
import { Version } from "../../../shared/component/version.ts";
import { readRecipe } from "../../../shared/component/version-recipe.ts";
import { Requirement } from "../../../shared/deployment/deployment.ts";
import { OwnComponentName } from "../../../shared/names.ts";
import { ABOUT } from "./recipe.rows.ts";

const FILES = ["dist/main.sh", "dist/app.zip", "dist/lib/deep.py"];

const script = fc.constantFrom(
  "true",
  "sh {artifacts:path}/main.sh {configuration:/message}",
  "echo ${HOME}; f() { true; }",
  "printf \"%s\" '日本'\n\ttrue",
);
const environment = fc.dictionary(fc.constantFrom("A", "_b", "constructor"), fc.string({ maxLength: 20 }), {
  maxKeys: 2,
});
const step = fc.oneof(
  script,
  fc.record(
    {
      script,
      timeout: fc.integer({ min: 1, max: 1_000_000 }),
      requiresPrivilege: fc.boolean(),
      environment,
      skipIf: fc.constantFrom("onpath python3", "exists /etc/passwd"),
    },
    { requiredKeys: ["script"] },
  ),
);
const level = fc.constantFrom("NONE", "OWNER", "ALL");
/** Always with the script that steps run. */
const artifacts = fc
  .uniqueArray(fc.constantFrom("dist/lib/", "dist/app.zip", "docker:nginx"), { maxLength: 3 })
  .chain((chosen) =>
    fc.tuple(
      ...["dist/main.sh", ...chosen].map((path) =>
        path.startsWith("docker:")
          ? fc.constant({ docker: path.slice(7) })
          : fc.record({
              path: fc.constant(path),
              unarchive: fc.constantFrom("NONE", "ZIP"),
              read: level,
              execute: level,
            }),
      ),
    ),
  );
const platform = fc.record(
  {
    os: fc.constantFrom("*", "linux", "windows", "/linux|darwin/"),
    architecture: fc.constantFrom("amd64", "aarch64"),
    runtime: fc.constantFrom("*", "aws_nucleus_classic", "aws_nucleus_lite"),
    attributes: fc.dictionary(fc.constantFrom("radio", "a/b", "constructor"), fc.constantFrom("*", "x1"), {
      maxKeys: 2,
    }),
  },
  { requiredKeys: [] },
);
/** A component has either run or startup; both may only ever be given at the same level. */
const steps = fc
  .tuple(fc.boolean(), fc.record({ bootstrap: step, install: step, shutdown: step }, { requiredKeys: [] }), step)
  .map(([runs, others, main]) => ({ ...others, ...(runs ? { run: main } : {}) }));
const part = fc
  .tuple(steps, fc.record({ platform, environment, artifacts }, { requiredKeys: [] }))
  .map(([given, more]) => ({ ...given, ...more }));
const short = fc
  .tuple(
    part,
    fc.record(
      {
        manifests: fc.array(part, { minLength: 1, maxLength: 3 }),
        configuration: fc.dictionary(fc.constantFrom("message", "a/b~c", ""), fc.jsonValue({ maxDepth: 2 }), {
          maxKeys: 3,
        }),
        dependencies: fc.dictionary(
          fc.constantFrom("com.example.Other", "aws.greengrass.DockerApplicationManager", "constructor"),
          fc.oneof(
            fc.constantFrom("^1.0.0", ">=1.0.0 <2.0.0 || 3.x"),
            fc.record(
              { version: fc.constant("*"), type: fc.constantFrom("HARD", "SOFT") },
              { requiredKeys: ["version"] },
            ),
          ),
          { maxKeys: 3 },
        ),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([top, more]) => ({ ...top, ...more }))
  // A member of that name does not get past the API.
  .filter((given) => !JSON.stringify(given).includes("__proto__"));

const errors = (findings: readonly { severity: string; rule: string; pointer: string }[]) =>
  findings.filter(({ severity }) => severity === "error");

describe("what is built from the short form", () => {
  test("always passes the validator, and what it warns of points into the short form", () => {
    fc.assert(
      fc.property(short, (given) => {
        const recipe = ShortRecipe.parse(given);
        const { findings, text } = readRecipe({ recipe }, ABOUT, { files: FILES });
        expect(errors(findings)).toEqual([]);
        expect(bytesOf(text ?? "")).toBeLessThanOrEqual(MAX_RECIPE_BYTES);
        for (const { pointer, rule } of findings) {
          expect(rule).toMatch(/^(?:nucleus-lite-|docker-dependency|variable-configuration|unreachable-manifest)/);
          if (rule !== "nucleus-lite-platform") expect(pointerLeads(recipe, pointer), `${rule} ${pointer}`).toBe(true);
        }
      }),
    );
  });

  test("passes it as well before there are files", () => {
    fc.assert(
      fc.property(short, (given) => {
        expect(errors(readRecipe({ recipe: ShortRecipe.parse(given) }, ABOUT).findings)).toEqual([]);
      }),
    );
  });

  test("is the same document in both formats, and there passes too", () => {
    fc.assert(
      fc.property(short, fc.constantFrom("json" as const, "yaml" as const), (given, format) => {
        const built = buildRecipe({ ...ABOUT, recipe: ShortRecipe.parse(given), artifacts: FILES });
        const read = parseRecipe({ format, text: printRecipe(built, format) });
        expect(read.findings).toEqual([]);
        expect(read.document).toEqual(JSON.parse(JSON.stringify(built)));
        expect(errors(validateRecipe(read.document, 0, { ...ABOUT, files: FILES }))).toEqual([]);
      }),
    );
  });

  test("has a way back into the short form from everywhere", () => {
    fc.assert(
      fc.property(short, (given) => {
        const recipe = ShortRecipe.parse(given);
        const built = build({ ...ABOUT, recipe, artifacts: FILES });
        const { places } = parseRecipe({ format: "json", text: printRecipe(built.recipe, "json") });
        for (const pointer of places.keys()) {
          expect(pointerLeads(recipe, built.toShortForm(pointer)), pointer).toBe(true);
        }
      }),
    );
  });
});

const pointerLeads = (document: unknown, pointer: string): boolean => {
  let at: unknown = document;
  for (const part of pointer.split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    // What is given nowhere is told of where it would stand.
    if (typeof at !== "object" || at === null) return false;
    if (!Object.hasOwn(at, name)) return ["environment", "platform", "configuration"].includes(name);
    at = (at as Record<string, unknown>)[name];
  }
  return true;
};

/** What a recipe's document can be: finite numbers, no member named `__proto__`, and no -0, which JSON does not keep. */
const document = fc
  .jsonValue({ maxDepth: 5 })
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  .filter((value) => {
    const text = JSON.stringify(value);
    return text.isWellFormed() && !text.includes("__proto__") && bytesOf(text) < 4_000;
  });

describe("a recipe's text", () => {
  test.each(["json", "yaml"] as const)("in %s is read as what was printed", (format) => {
    fc.assert(
      fc.property(document, (value) => {
        const { document: read, findings } = parseRecipe({ format, text: printRecipe(value, format) });
        expect(findings).toEqual([]);
        expect(read).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  test.each(["json", "yaml"] as const)("in %s is changed in the places that are meant, and nowhere else", (format) => {
    const texts = fc.dictionary(fc.constantFrom("a", "b/c", "d~e", "ü"), fc.string({ maxLength: 8 }), { minKeys: 1 });
    fc.assert(
      fc.property(texts, fc.string({ unit: "binary", maxLength: 12 }), (members, value) => {
        const source = { format, text: printRecipe({ before: 1, in: [members], after: null }, format) };
        const [name = ""] = Object.keys(members);
        const pointer = `/in/0/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
        const place = parseRecipe(source).places.get(pointer);
        const changed = withValues(source, new Map([[pointer, value]]));
        // A block of several lines is passed over: what names and versions are is never written so.
        if (/^[|>]|\n/.test(source.text.slice(place?.start, place?.end))) {
          expect(changed).toEqual(source);
          return;
        }
        expect(parseRecipe(changed).document).toEqual({ before: 1, in: [{ ...members, [name]: value }], after: null });
        expect(changed.text.startsWith(source.text.slice(0, place?.start))).toBe(true);
        expect(changed.text.endsWith(source.text.slice(place?.end))).toBe(true);
      }),
    );
  });

  test("is told of by line and column", () => {
    const text = 'a:\n  - b\n  - "c d": [1,\n      2]\n';
    const { places } = parseRecipe({ format: "yaml", text });
    expect(lineAndColumn(text, places, "/a/1/c d/1")).toEqual({ line: 4, column: 7 });
    expect(lineAndColumn(text, places, "/a/0")).toEqual({ line: 2, column: 5 });
    expect(lineAndColumn(text, places, "/a/0/x/y")).toEqual({ line: 2, column: 5 });
    expect(lineAndColumn("", new Map(), "/a")).toBeUndefined();
  });

  test.each(["json", "yaml"] as const)("in %s may be anything, and is read or refused with a reason", (format) => {
    const pieces = fc.constantFrom(
      ..."{}[]:,-?&*!|>'\"%@`#~ \n\t".split(""),
      "a",
      "0",
      "<<",
      "---",
      "__proto__",
      "\u0000",
      "ü",
    );
    const anything = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(pieces, { maxLength: 60 }).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(anything, (text) => {
        const { document: read, findings } = parseRecipe({ format, text });
        if (read === undefined) expect(errors(findings)).not.toEqual([]);
        else {
          expect(errors(findings)).toEqual([]);
          expect(JSON.parse(JSON.stringify(read))).toEqual(read);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    [
      "a billion laughs",
      ["a: &a [x]", ..."bcdefghi".split("").map((c, i) => `${c}: &${c} [${Array(9).fill(`*${"abcdefghi"[i]}`)}]`)].join(
        "\n",
      ),
    ],
    [
      "merge keys of merge keys",
      `a: &a {x: 1}\n${Array.from({ length: 500 }, (_, i) => `k${i}: {<<: *a}`).join("\n")}`,
    ],
    ["an alias of what it is in", "a: &a [*a]"],
    [
      "as many anchors as fit",
      Array.from({ length: 1_500 }, (_, i) => `- &a${i} x`)
        .join("\n")
        .concat("\n- *a7"),
    ],
    ["open brackets without end", "[".repeat(16_000)],
    ["lists in lists without end", "- ".repeat(8_000)],
    ["keys in keys without end", "? ".repeat(8_000)],
    ["tags without end", "! ".repeat(8_000)],
  ])("with %s is refused, and makes nothing larger than itself", (_note, text) => {
    const { document: read, places, findings } = parseRecipe({ format: "yaml", text });
    expect(read).toBeUndefined();
    expect(places.size).toBeLessThanOrEqual(text.length);
    expect(errors(findings).length).toBeGreaterThan(0);
    expect(findings.length).toBeLessThanOrEqual(201);
  });
});

describe("from a fuzzer", () => {
  const nearly = (...pieces: string[]) =>
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((all) => all.join("")),
    );

  test("names that are taken are ones that Greengrass takes, and no step in a path", () => {
    fc.assert(
      fc.property(
        nearly("a", "Z", "0", ".", "..", "-", "_", "/", "aws.greengrass.", "__proto__", "\n", "ü"),
        (name) => {
          if (!OwnComponentName.safeParse(name).success) return;
          expect(name).toMatch(/^[a-zA-Z0-9-_.]{1,128}$/);
          expect(name).not.toMatch(/^\.+$|^aws\.greengrass/i);
          expect(new URL(`s3://b/components/${name}/1.0.0`).pathname).toBe(`/components/${name}/1.0.0`);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("versions that are taken are ones that Greengrass takes", () => {
    fc.assert(
      fc.property(nearly("0", "1", "999999", "1000000", ".", "-", "+", "v", "rc", " ", "\n"), (version) => {
        if (!Version.safeParse(version).success) return;
        expect(version).toMatch(/^(?:0|[1-9]\d{0,5})(?:\.(?:0|[1-9]\d{0,5})){2}(?:-[0-9A-Za-z.-]+)?$/);
        expect(version.length).toBeLessThanOrEqual(64);
      }),
      { numRuns: 2_000 },
    );
  });

  test("ranges are told or taken, in recipes as in deployments", () => {
    const pieces = nearly("1", "1.0.0", "x", "*", "^", "~", ">=", "<", "||", " - ", " ", "rc", "-", "latest", "\n");
    fc.assert(
      fc.property(pieces, (range) => {
        const recipe = { ...LEAST, ComponentDependencies: { other: { VersionRequirement: range } } };
        const told = validateRecipe(recipe, 0, ABOUT).some(({ rule }) => rule === "version-range");
        if (range.length <= 64) expect(told).toBe(!Requirement.safeParse(range).success);
      }),
      { numRuns: 2_000 },
    );
  });

  test("recipes of any JSON get findings that point into them, and never a failure", () => {
    const names = Object.keys(LEAST).concat("ComponentDependencies", "Lifecycle", "ComponentConfiguration");
    const inner = fc.constantFrom(
      "run",
      "Script",
      "Setenv",
      "Artifacts",
      "Uri",
      "Platform",
      "Selections",
      "constructor",
    );
    const tree = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom(null, true, 1, "", "{artifacts:path}/x", "s3://b/k", "docker:x"),
        fc.array(tie("any"), { maxLength: 3 }),
        fc.dictionary(inner, tie("any"), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), tree), (recipe) => {
        for (const { pointer } of validateRecipe({ ...LEAST, ...recipe }, 0, { ...ABOUT, files: [] })) {
          expect(pointerLeads({ ...LEAST, ...recipe }, pointer), pointer).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

const LEAST = {
  RecipeFormatVersion: "2020-01-25",
  ComponentName: ABOUT.name,
  ComponentVersion: ABOUT.version,
  Manifests: [{ Platform: { runtime: "*" }, Lifecycle: { run: "true" } }],
};
