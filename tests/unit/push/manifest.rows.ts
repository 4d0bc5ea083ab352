import { MAX_FILE_BYTES, MAX_FILES } from "../../../shared/component/file.ts";

const sha256 = "a".repeat(64);
export const file = (path: string, more: object = {}) => ({ path, size: 1, sha256, ...more });

interface Row {
  readonly note: string;
  readonly manifest: unknown;
}
interface Refused extends Row {
  readonly finds: readonly [rule: string, pointer: string][];
}

const base = { component: "com.example.Hello", version: "1.0.0" };
const recipe = { run: "true" };
const whole = (more: object) => ({ ...base, recipe, ...more });
const files = (...paths: string[]) => whole({ files: paths.map((path) => file(path)) });

export const VALID: readonly Row[] = [
  { note: "the least", manifest: whole({}) },
  { note: "all that can be said", manifest: whole({ description: "d", publish: false, files: [file("a")] }) },
  { note: "a pre-release", manifest: whole({ version: "1.0.0-rc.1" }) },
  { note: "a text of a recipe", manifest: { ...base, recipeText: { format: "yaml", text: "a: b" } } },
  { note: "a JSON file of a recipe", manifest: { ...base, recipeFile: "recipe.json" } },
  { note: "a YAML file of a recipe, in capitals", manifest: { ...base, recipeFile: "greengrass/RECIPE.YML" } },
  { note: "no file at all", manifest: whole({ files: [] }) },
  { note: "a folder of another alphabet", manifest: files("größe/ä b.txt", "日本/語") },
  { note: "a result further down", manifest: files("a/slipway.json", "a/slipway.result.json") },
  {
    note: "an empty file, and the largest",
    manifest: whole({ files: [file("a", { size: 0 }), file("b", { size: MAX_FILE_BYTES })] }),
  },
];

export const INVALID: readonly Refused[] = [
  { note: "a list", manifest: [], finds: [["invalid-type", ""]] },
  { note: "nothing", manifest: null, finds: [["invalid-type", ""]] },
  { note: "no component", manifest: { version: "1.0.0", recipe }, finds: [["invalid-type", "/component"]] },
  {
    note: "a component of AWS's",
    manifest: whole({ component: "aws.greengrass.Cli" }),
    finds: [["custom", "/component"]],
  },
  {
    note: "a component that climbs",
    manifest: whole({ component: "../a" }),
    finds: [["invalid-format", "/component"]],
  },
  { note: "a component of dots", manifest: whole({ component: ".." }), finds: [["custom", "/component"]] },
  { note: "a long name", manifest: whole({ component: "a".repeat(129) }), finds: [["invalid-format", "/component"]] },
  { note: "no version", manifest: { component: "a", recipe }, finds: [["invalid-type", "/version"]] },
  {
    note: "a version of two numbers",
    manifest: whole({ version: "1.0" }),
    finds: [
      ["custom", "/version"],
      ["custom", "/version"],
    ],
  },
  {
    note: "a version with a v",
    manifest: whole({ version: "v1.0.0" }),
    finds: [
      ["custom", "/version"],
      ["custom", "/version"],
    ],
  },
  {
    note: "build metadata",
    manifest: whole({ version: "1.0.0+1" }),
    finds: [
      ["custom", "/version"],
      ["custom", "/version"],
    ],
  },
  { note: "a number of seven digits", manifest: whole({ version: "1000000.0.0" }), finds: [["custom", "/version"]] },
  {
    note: "a long description",
    manifest: whole({ description: "d".repeat(1_025) }),
    finds: [["too-big", "/description"]],
  },
  { note: "no recipe", manifest: base, finds: [["custom", "/recipe"]] },
  { note: "two recipes", manifest: whole({ recipeFile: "recipe.json" }), finds: [["custom", "/recipe"]] },
  {
    note: "two recipes of one's own",
    manifest: { ...base, recipeFile: "r.json", recipeText: { format: "json", text: "{}" } },
    finds: [["custom", "/recipe"]],
  },
  {
    note: "a step that is none",
    manifest: whole({ recipe: { ran: "true" } }),
    finds: [["unknown-member", "/recipe/ran"]],
  },
  {
    note: "a recipe of more than 15,000 bytes",
    manifest: whole({ recipe: { configuration: { a: "a".repeat(15_000) } } }),
    finds: [["custom", "/recipe"]],
  },
  {
    note: "an empty text of a recipe",
    manifest: { ...base, recipeText: { format: "yaml", text: "" } },
    finds: [["too-small", "/recipeText/text"]],
  },
  {
    note: "a format that is none",
    manifest: { ...base, recipeText: { format: "toml", text: "a" } },
    finds: [["invalid-value", "/recipeText/format"]],
  },
  {
    note: "a recipe file of no known kind",
    manifest: { ...base, recipeFile: "recipe.txt" },
    finds: [["invalid-format", "/recipeFile"]],
  },
  {
    note: "a recipe file that climbs",
    manifest: { ...base, recipeFile: "../recipe.json" },
    finds: [["custom", "/recipeFile"]],
  },
  {
    note: "the manifest for a recipe",
    manifest: { ...base, recipeFile: "slipway.json" },
    finds: [["custom", "/recipeFile"]],
  },
  { note: "an unknown member", manifest: whole({ from: "1.0.0" }), finds: [["unknown-member", "/from"]] },
  {
    note: "a workspace, which the bucket says",
    manifest: whole({ workspace: "acme" }),
    finds: [["unknown-member", "/workspace"]],
  },
  { note: "a wish that is no yes or no", manifest: whole({ publish: "yes" }), finds: [["invalid-type", "/publish"]] },
  { note: "a path that climbs", manifest: files("a", "a/../b"), finds: [["custom", "/files/1/path"]] },
  { note: "an absolute path", manifest: files("/etc/passwd"), finds: [["custom", "/files/0/path"]] },
  {
    note: "an empty path",
    manifest: files(""),
    finds: [
      ["custom", "/files/0/path"],
      ["custom", "/files/0/path"],
    ],
  },
  { note: "a folder for a path", manifest: files("a/"), finds: [["custom", "/files/0/path"]] },
  { note: "a backslash", manifest: files("a\\b"), finds: [["custom", "/files/0/path"]] },
  { note: "a control character", manifest: files("a\nb"), finds: [["custom", "/files/0/path"]] },
  { note: "a long path", manifest: files(`${"a/".repeat(254)}b`), finds: [["custom", "/files/0/path"]] },
  { note: "a long name of a file", manifest: files("ä".repeat(128)), finds: [["custom", "/files/0/path"]] },
  { note: "half a character", manifest: files("a\ud800"), finds: [["unicode", "/files/0/path"]] },
  { note: "the manifest for a file", manifest: files("slipway.json"), finds: [["custom", "/files/0/path"]] },
  { note: "the result for a file", manifest: files("slipway.result.json"), finds: [["custom", "/files/0/path"]] },
  {
    note: "a file without a hash",
    manifest: whole({ files: [{ path: "a", size: 1 }] }),
    finds: [["invalid-type", "/files/0/sha256"]],
  },
  {
    note: "a hash in capitals",
    manifest: whole({ files: [file("a", { sha256: "A".repeat(64) })] }),
    finds: [["invalid-format", "/files/0/sha256"]],
  },
  {
    note: "less than no bytes",
    manifest: whole({ files: [file("a", { size: -1 })] }),
    finds: [["too-small", "/files/0/size"]],
  },
  {
    note: "half a byte",
    manifest: whole({ files: [file("a", { size: 0.5 })] }),
    finds: [["invalid-type", "/files/0/size"]],
  },
  {
    note: "more than 2 GiB",
    manifest: whole({ files: [file("a", { size: MAX_FILE_BYTES + 1 })] }),
    finds: [["too-big", "/files/0/size"]],
  },
  {
    note: "more files than a version has",
    manifest: whole({ files: Array.from({ length: MAX_FILES + 1 }, (_, at) => file(`${at}`)) }),
    finds: [["too-big", "/files"]],
  },
  {
    note: "several faults at once",
    manifest: { component: "", version: "1", recipe, colour: 1 },
    finds: [
      ["invalid-format", "/component"],
      ["custom", "/version"],
      ["custom", "/version"],
      ["unknown-member", "/colour"],
    ],
  },
  { note: "a member that no copy keeps", manifest: JSON.parse('{"__proto__":{}}'), finds: [["name", ""]] },
  {
    note: "nesting without end",
    manifest: JSON.parse(`${"[".repeat(100)}${"]".repeat(100)}`),
    finds: [["too-deep", ""]],
  },
];
