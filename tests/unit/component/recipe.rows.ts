import type { RecipeText } from "../../../shared/component/recipe.ts";
import type { RecipeFinding } from "../../../shared/component/recipe-findings.ts";

/** Rules with `!` are errors, others warnings. */
type Expected = [rule: RecipeFinding["rule"] | `!${RecipeFinding["rule"]}`, pointer: string];

export interface RecipeRow extends RecipeText {
  readonly note: string;
  readonly finds: readonly Expected[];
}

export const ABOUT = {
  name: "com.example.Hello",
  version: "1.0.0",
  publisher: 'Acme "Tools"',
  bucket: "ws-abc-acme-comp-artifacts",
};
export const FILES = ["dist/main.sh", "dist/app.zip", "dist/lib/deep.py", "src/notes.txt"];
const OWN = "s3://ws-abc-acme-comp-artifacts/components/com.example.Hello/1.0.0/dist";

const base = {
  RecipeFormatVersion: "2020-01-25",
  ComponentName: "com.example.Hello",
  ComponentVersion: "1.0.0",
};
const Platform = { os: "linux", runtime: "*" };
const run = { Platform, Lifecycle: { run: "true" } };

const json = (note: string, more: object, ...finds: Expected[]): RecipeRow => ({
  note,
  format: "json",
  text: JSON.stringify({ ...base, Manifests: [run], ...more }),
  finds,
});

/** One manifest for both kinds of nucleus with this in it. */
const manifest = (note: string, more: object, ...finds: Expected[]): RecipeRow =>
  json(note, { Manifests: [{ ...run, ...more }] }, ...finds);

const step = (note: string, given: unknown, ...finds: Expected[]): RecipeRow =>
  manifest(note, { Lifecycle: { run: given } }, ...finds);

const text = (format: RecipeText["format"], note: string, written: string, ...finds: Expected[]): RecipeRow => ({
  note,
  format,
  text: written,
  finds,
});

const yaml = (note: string, written: string, ...finds: Expected[]): RecipeRow => text("yaml", note, written, ...finds);

const HEAD = "RecipeFormatVersion: 2020-01-25\nComponentName: com.example.Hello\nComponentVersion: 1.0.0\n";
const TAIL = "Manifests:\n  - Platform: { os: linux, runtime: '*' }\n    Lifecycle: { run: 'true' }\n";
const RUN = "/Manifests/0/Lifecycle/run";

/** What is found in recipes of com.example.Hello 1.0.0 that has the files above. */
export const RECIPES: readonly RecipeRow[] = [
  // Valid, for both nuclei.
  json("the least", {}),
  json("all that the top can say", {
    ComponentType: "aws.greengrass.generic",
    ComponentDescription: "says hello",
    ComponentPublisher: "Acme",
    ComponentConfiguration: { DefaultConfiguration: { message: "hello", list: [1, { a: null }] } },
    ComponentDependencies: {
      "aws.greengrass.TokenExchangeService": { VersionRequirement: ">=2.0.0 <3.0.0", DependencyType: "SOFT" },
    },
    Lifecycle: {},
  }),
  json("placeholders", {
    ComponentName: "{COMPONENT_NAME}",
    ComponentVersion: "{COMPONENT_VERSION}",
    ComponentPublisher: "{COMPONENT_AUTHOR}",
    Manifests: [
      {
        ...run,
        Artifacts: [
          { URI: "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/app.zip", Unarchive: "ZIP" },
          { Uri: "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/lib/deep.py" },
        ],
        Lifecycle: { run: "python3 {artifacts:decompressedPath}/app/main.py {artifacts:path}/deep.py" },
      },
    ],
  }),
  manifest("an artifact by its own URI, with all that an artifact can say", {
    Artifacts: [{ Uri: `${OWN}/main.sh`, Unarchive: "NONE", Permission: { Read: "ALL", Execute: "OWNER" } }],
    Lifecycle: { run: "sh {artifacts:path}/main.sh" },
  }),
  step("a step with all that one can say", {
    Script: "echo {work:path} {kernel:rootPath} {iot:thingName}",
    RequiresPrivilege: true,
    Timeout: 60,
    Setenv: { GREETING: "hello" },
  }),
  step("numbers and flags as texts", { Script: "true", RequiresPrivilege: "false", Timeout: "60" }),
  json("a timeout by the configuration", {
    ComponentConfiguration: { DefaultConfiguration: { wait: 5 } },
    Manifests: [{ ...run, Lifecycle: { run: { Script: "true", Timeout: "{configuration:/wait}" } } }],
  }),
  json("pointers with escapes, into lists and whole objects", {
    ComponentConfiguration: { DefaultConfiguration: { "a/b": [{ "c~1d": 1 }] } },
    Manifests: [{ ...run, Lifecycle: { run: "x {configuration:/a~1b/0/c~01d} {configuration:/a~1b}" } }],
  }),
  json("a global lifecycle with what manifests select", {
    Manifests: [{ Platform, Selections: ["linux"] }],
    Lifecycle: { linux: { install: { Script: "true" }, run: "true" } },
  }),
  json("a classic manifest after one for lite", {
    Manifests: [
      { ...run, Platform: { os: "linux", runtime: "aws_nucleus_lite" } },
      { Platform: { os: "linux" }, Lifecycle: { Run: "true" } },
    ],
  }),
  json("a variable of a dependency, for the classic nucleus", {
    ComponentDependencies: { "com.example.Other": { VersionRequirement: "*" } },
    Manifests: [
      { ...run, Platform: { os: "linux", runtime: "aws_nucleus_lite" } },
      { Lifecycle: { run: "x {com.example.Other:configuration:/a}" } },
    ],
  }),
  manifest("paths that only the device knows", {
    Lifecycle: { run: "ls {artifacts:path} {artifacts:path}/ {artifacts:path}/$NAME {artifacts:path}/*.sh" },
  }),
  yaml("the least in YAML", HEAD + TAIL),
  yaml(
    "an anchor that nothing refers to, and comments",
    `# hello\n${HEAD}ComponentDescription: &d text # why\n${TAIL}`,
  ),
  yaml("an unquoted placeholder in a block", `${HEAD.replace("1.0.0", "'{COMPONENT_VERSION}'")}${TAIL}`),

  // The text.
  text("json", "a comma too much", '{"RecipeFormatVersion": "2020-01-25",}', ["!syntax", ""]),
  text(
    "json",
    "a number that no JSON parser has",
    '{"ComponentConfiguration": {"DefaultConfiguration": {"n": 1e999}}}',
    ["!number", "/ComponentConfiguration/DefaultConfiguration/n"],
  ),
  text("json", "a member twice", `${JSON.stringify({ ...base, Manifests: [run] }).slice(0, -1)},"ComponentName":"b"}`, [
    "!duplicate-member",
    "/ComponentName",
  ]),
  text("json", "a member named __proto__", '{"__proto__": {}}', ["!member-name", "/__proto__"]),
  text("json", "a list", "[]", ["!type", ""]),
  text("json", "nesting without end", `${"[".repeat(500)}${"]".repeat(500)}`, ["!too-deep", "/0".repeat(64)]),
  text("yaml", "nesting without end in YAML", `a: ${"[".repeat(500)}${"]".repeat(500)}`, [
    "!too-deep",
    `/a${"/0".repeat(63)}`,
  ]),
  text("json", "one byte more than Greengrass takes", JSON.stringify(base).padEnd(16_001), ["!too-large", ""]),
  text(
    "json",
    "one byte more once its placeholder is replaced",
    JSON.stringify({ ...base, ComponentName: "{COMPONENT_NAME}", Manifests: [run] }).padEnd(16_000),
    ["!too-large", ""],
  ),
  yaml("no document", "# nothing\n", ["!syntax", ""]),
  yaml("a quote that does not end", `${HEAD}ComponentDescription: "hello\n`, ["!syntax", ""]),
  yaml("two documents", `${HEAD}${TAIL}---\n${HEAD}`, ["!several-documents", ""]),
  yaml("a directive", `%YAML 1.1\n---\n${HEAD}${TAIL}`, ["!yaml-directive", ""]),
  yaml("an alias", `${HEAD}ComponentDescription: &a text\nComponentPublisher: *a\n${TAIL}`, [
    "!yaml-alias",
    "/ComponentPublisher",
  ]),
  yaml("a merge key", `${HEAD}ComponentConfiguration:\n  <<: &a { DefaultConfiguration: {} }\n${TAIL}`, [
    "!unknown-member",
    "/ComponentConfiguration/<<",
  ]),
  yaml("a tag of somebody's", `${HEAD}ComponentDescription: !!binary aGVsbG8=\n${TAIL}`, [
    "!yaml-tag",
    "/ComponentDescription",
  ]),
  yaml("a number that JSON has not", `${HEAD}ComponentConfiguration: { DefaultConfiguration: { n: .inf } }\n${TAIL}`, [
    "!number",
    "/ComponentConfiguration/DefaultConfiguration/n",
  ]),
  yaml("a key that is a list", `${HEAD}? [a]\n: b\n${TAIL}`, ["!member-name", ""]),
  yaml("a member twice in YAML", `${HEAD}ComponentName: b\n${TAIL}`, ["!duplicate-member", "/ComponentName"]),

  // The format.
  text(
    "json",
    "nothing that is needed",
    "{}",
    ["!missing-member", ""],
    ["!missing-member", ""],
    ["!missing-member", ""],
    ["!missing-member", ""],
    ["nucleus-lite-platform", ""],
  ),
  json("another format", { RecipeFormatVersion: "2021-01-01" }, ["!value", "/RecipeFormatVersion"]),
  json(
    "an unknown member, and one twice in two cases",
    { Extra: 1, componentversion: "1.0.0" },
    ["!unknown-member", "/Extra"],
    ["!duplicate-member", "/componentversion"],
  ),
  json(
    "another component and version",
    { ComponentName: "com.example.Other", ComponentVersion: "1.0.1" },
    ["!component-name", "/ComponentName"],
    ["!component-version", "/ComponentVersion"],
  ),
  yaml("a version that YAML reads as a number", `${HEAD.replace("1.0.0", "1.0")}${TAIL}`, [
    "!type",
    "/ComponentVersion",
  ]),
  json(
    "types throughout",
    { ComponentDescription: 1, ComponentDependencies: [], Manifests: {} },
    ["!type", "/ComponentDescription"],
    ["!type", "/ComponentDependencies"],
    ["!type", "/Manifests"],
    ["nucleus-lite-platform", "/Manifests"],
  ),
  json("no manifest", { Manifests: [] }, ["!missing-member", "/Manifests"], ["nucleus-lite-platform", "/Manifests"]),
  json("a manifest that is null", { Manifests: [null, run] }, ["!type", "/Manifests/0"]),
  json(
    "more mistakes than are told",
    { Manifests: [...Array.from({ length: 300 }, () => null), run] },
    ...Array.from({ length: 200 }, (_, index): Expected => ["!type", `/Manifests/${index}`]),
    ["!more-findings", ""],
  ),
  json(
    "a plugin",
    { ComponentType: "aws.greengrass.plugin" },
    ["component-type", "/ComponentType"],
    ["nucleus-lite-type", "/ComponentType"],
  ),
  json("a type that is none", { ComponentType: "generic" }, ["!value", "/ComponentType"]),
  manifest(
    "platforms that are none",
    { Platform: { ...Platform, a: "", b: "-x", c: 1 } },
    ["!platform", "/Manifests/0/Platform/a"],
    ["!platform", "/Manifests/0/Platform/b"],
    ["!type", "/Manifests/0/Platform/c"],
  ),
  json(
    "a manifest that an earlier one leaves nothing to",
    { Manifests: [run, { ...run, Platform: { ...Platform, architecture: "arm" } }] },
    ["unreachable-manifest", "/Manifests/1"],
  ),
  manifest("a step that is none", { Lifecycle: { Start: "true" } }, ["!unknown-step", "/Manifests/0/Lifecycle/Start"]),
  manifest("run and startup", { Lifecycle: { run: "true", startup: "true" } }, [
    "!run-and-startup",
    "/Manifests/0/Lifecycle",
  ]),
  manifest(
    "a step in two cases",
    { Lifecycle: { run: "true", Run: "true" } },
    ["!duplicate-member", "/Manifests/0/Lifecycle/Run"],
    ["nucleus-lite-case", "/Manifests/0/Lifecycle/Run"],
  ),
  step("a step that is nothing", null, ["!type", RUN]),
  step(
    "a step without a script, with what no step has",
    { Requires: ["x"], Timeout: 0 },
    ["unknown-member", `${RUN}/Requires`],
    ["!timeout", `${RUN}/Timeout`],
    ["!missing-member", RUN],
  ),
  step(
    "flags and checks that are none",
    { Script: "true", RequiresPrivilege: "yes", Skipif: "python3", Setenv: { A: [] } },
    ["!type", `${RUN}/RequiresPrivilege`],
    ["!skip-if", `${RUN}/Skipif`],
    ["!type", `${RUN}/Setenv/A`],
    ["nucleus-lite-skip-if", `${RUN}/Skipif`],
    ["nucleus-lite-environment", `${RUN}/Setenv/A`],
  ),
  json(
    "selections of nothing",
    { Manifests: [{ Platform, Selections: ["key1", "all"] }], Lifecycle: { all: { run: "true" } } },
    ["!unknown-selection", "/Manifests/0/Selections/0"],
  ),
  manifest("selections beside a lifecycle", { Selections: ["all"] }, ["unused-selections", "/Manifests/0/Selections"]),
  json(
    "a global lifecycle with keys at its leaves",
    {
      Manifests: [{ Platform: { os: "linux" }, Selections: ["key1"] }],
      Lifecycle: { Install: { Script: { key1: "a", all: "b" } }, Run: { key1: { Script: "c" } } },
    },
    ["nucleus-lite-platform", "/Manifests"],
  ),

  // Dependencies.
  json(
    "ranges that are none",
    {
      ComponentDependencies: {
        a: { VersionRequirement: "latest" },
        b: { VersionRequirement: " " },
        c: {},
        d: { VersionRequirement: "^1.0.0", DependencyType: "hard" },
        "e f": { VersionRequirement: "1" },
      },
    },
    ["!version-range", "/ComponentDependencies/a/VersionRequirement"],
    ["!version-range", "/ComponentDependencies/b/VersionRequirement"],
    ["!missing-member", "/ComponentDependencies/c"],
    ["!value", "/ComponentDependencies/d/DependencyType"],
    ["!value", "/ComponentDependencies/e f"],
  ),
  yaml("itself", `${HEAD}ComponentDependencies:\n  com.example.Hello: { VersionRequirement: ^1.0.0 }\n${TAIL}`, [
    "!self-dependency",
    "/ComponentDependencies/com.example.Hello",
  ]),
  manifest("an image, and nothing to get it with", { Artifacts: [{ Uri: "docker:nginx:1" }] }, [
    "docker-dependency",
    "/Manifests/0/Artifacts/0/Uri",
  ]),

  // Artifacts and variables.
  manifest(
    "artifacts from elsewhere",
    {
      Artifacts: [
        { Uri: "s3://another-bucket/app.zip" },
        { Uri: `${OWN.replace("1.0.0", "0.9.0")}/main.sh` },
        { Uri: `${OWN.replace("dist", "src")}/notes.txt` },
        { Uri: "https://example.com/app.zip" },
        { Uri: "greengrass:app.zip" },
        { Uri: `${OWN}/` },
      ],
    },
    ["!artifact-outside", "/Manifests/0/Artifacts/0/Uri"],
    ["!artifact-outside", "/Manifests/0/Artifacts/1/Uri"],
    ["!artifact-outside", "/Manifests/0/Artifacts/2/Uri"],
    ["!artifact-uri", "/Manifests/0/Artifacts/3/Uri"],
    ["!artifact-uri", "/Manifests/0/Artifacts/4/Uri"],
    ["!artifact-uri", "/Manifests/0/Artifacts/5/Uri"],
  ),
  manifest(
    "an artifact that is no file, and two of a name",
    {
      Artifacts: [{ Uri: `${OWN}/none.sh` }, { Uri: `${OWN}/main.sh` }, { Uri: `${OWN}/lib/main.sh` }],
    },
    ["!artifact-missing", "/Manifests/0/Artifacts/0/Uri"],
    ["!artifact-missing", "/Manifests/0/Artifacts/2/Uri"],
    ["!artifact-clash", "/Manifests/0/Artifacts/2/Uri"],
  ),
  manifest(
    "what only Greengrass sets, and values that are none",
    {
      Artifacts: [
        { Uri: `${OWN}/main.sh`, Digest: "x", Algorithm: "MD5", Unarchive: "TAR", Permission: { Write: "ALL" } },
      ],
    },
    ["!value", "/Manifests/0/Artifacts/0/Unarchive"],
    ["!unknown-member", "/Manifests/0/Artifacts/0/Permission/Write"],
    ["read-only-member", "/Manifests/0/Artifacts/0/Digest"],
    ["read-only-member", "/Manifests/0/Artifacts/0/Algorithm"],
  ),
  manifest("an artifact without a URI", { Artifacts: [{}] }, ["!missing-member", "/Manifests/0/Artifacts/0"]),
  step(
    "variables that are none",
    "{artifacts:paths} {work:dir} {configuration:a} {foo:bar}",
    ["!unknown-variable", RUN],
    ["!unknown-variable", RUN],
    ["!unknown-variable", RUN],
    ["unknown-variable", RUN],
  ),
  manifest(
    "files that are no artifacts",
    {
      Artifacts: [{ Uri: `${OWN}/app.zip` }],
      Lifecycle: {
        run: "sh {artifacts:path}/main.sh; {artifacts:path}/lib/deep.py {artifacts:decompressedPath}/app/x",
      },
    },
    ["!variable-artifact", RUN],
    ["!variable-artifact", RUN],
    ["!variable-artifact", RUN],
  ),
  step("a configuration without a default", "x {configuration:/none}", ["variable-configuration", RUN]),
  step(
    "a component that is no dependency",
    "x {com.example.Other:artifacts:path}",
    ["!variable-dependency", RUN],
    ["nucleus-lite-variable", RUN],
  ),

  // What nucleus lite does not take.
  manifest("no runtime", { Platform: { os: "linux" } }, ["nucleus-lite-platform", "/Manifests"]),
  manifest("another system", { Platform: { os: "windows", runtime: "*" } }, ["nucleus-lite-platform", "/Manifests"]),
  manifest("an expression", { Platform: { os: "/linux|darwin/", runtime: "*" } }, [
    "nucleus-lite-platform",
    "/Manifests/0/Platform/os",
  ]),
  manifest(
    "steps that lite does not run",
    { Lifecycle: { bootstrap: "a", run: "b", shutdown: "c", recover: "d" } },
    ["nucleus-lite-step", "/Manifests/0/Lifecycle/bootstrap"],
    ["nucleus-lite-step", "/Manifests/0/Lifecycle/shutdown"],
    ["nucleus-lite-step", "/Manifests/0/Lifecycle/recover"],
  ),
  manifest(
    "names in another case",
    { Lifecycle: { Run: { script: "true" } } },
    ["nucleus-lite-case", "/Manifests/0/Lifecycle/Run"],
    ["nucleus-lite-case", "/Manifests/0/Lifecycle/Run/script"],
  ),
  manifest(
    "variables of the environment that lite refuses",
    { Lifecycle: { run: "true", Setenv: { A: 1, "B-C": "x" } } },
    ["nucleus-lite-environment", "/Manifests/0/Lifecycle/Setenv/A"],
    ["nucleus-lite-environment", "/Manifests/0/Lifecycle/Setenv/B-C"],
  ),
  step("a brace of the shell's", "echo ${HOME}", ["nucleus-lite-variable", RUN]),
  json("a global lifecycle without all", { Manifests: [{ Platform }], Lifecycle: { run: "true" } }, [
    "nucleus-lite-selection",
    "/Lifecycle",
  ]),
  json("more than lite reads", { ComponentDescription: "x".repeat(8_200) }, ["nucleus-lite-size", ""]),
  json(
    "a value longer than lite takes",
    { ComponentConfiguration: { DefaultConfiguration: { a: { b: "x".repeat(1_024) } } } },
    ["nucleus-lite-configuration", "/ComponentConfiguration/DefaultConfiguration/a/b"],
  ),
];
