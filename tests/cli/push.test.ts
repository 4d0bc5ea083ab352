import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aWorkspace, startTestCloud, type TestCloud } from "../integration/support/cloud.ts";
import { type CommandLine, commandLine } from "./support.ts";

let cloud: TestCloud;
let cli: CommandLine;

beforeAll(async () => {
  cloud = await startTestCloud();
  await aWorkspace(await cloud.client(), "acme");
  cli = commandLine({
    ...{ SLIPWAY_API: cloud.endpoints.api, SLIPWAY_TOKEN: await cloud.token(), SLIPWAY_WORKSPACE: "acme" },
  });
});
afterAll(async () => {
  cli?.remove();
  await cloud?.remove();
});

const put = (path: string, text: string | Buffer) => {
  const file = join(cli.folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
};

const PUSH = ["component", "push", "hello", "--component", "com.example.Hello"];

test("a folder becomes a version, and only what changed is sent", async () => {
  put("hello/recipe.yaml", "run: python3 {artifacts:path}/main.py\n");
  put("hello/dist/main.py", "print('hello')\n");
  put("hello/dist/data/table.csv", "a,b\n");
  put("hello/src/notes.md", "for people\n");
  const first = await cli.json([...PUSH, "--version", "1.0.0"]);
  expect(first).toMatchObject({ files: 3, uploaded: 3, bytes: 30, removed: [] });
  expect((await cli.list(["file", "list", "com.example.Hello", "1.0.0"])).map(({ path }) => path)).toEqual([
    ...["dist/data/table.csv", "dist/main.py", "src/notes.md"],
  ]);

  expect(await cli.json([...PUSH, "--version", "1.0.0"])).toMatchObject({ files: 3, uploaded: 0, bytes: 0 });

  put("hello/dist/main.py", "print('hello, world')\n");
  rmSync(join(cli.folder, "hello/src"), { recursive: true });
  const third = await cli.json([...PUSH, "--version", "1.0.0", "--publish"]);
  expect(third).toMatchObject({ files: 2, uploaded: 1, removed: ["src/notes.md"], intent: { status: "succeeded" } });

  const immutable = await cli.run([...PUSH, "--version", "1.0.0"]);
  expect(immutable.code).toBe(6);
  expect(immutable.stderr).toContain("with --version");
});

test("a large file goes in parts, and publication finds it as declared", async () => {
  const large = Buffer.alloc(70 * 1024 ** 2, "slipway");
  put("large/recipe.json", JSON.stringify({ run: "true" }));
  put("large/dist/model.bin", large);
  const pushed = await cli.json([
    "component",
    "push",
    "large",
    "--component",
    "com.example.Large",
    "--version",
    "1.0.0",
    "--publish",
  ]);
  expect(pushed).toMatchObject({ uploaded: 1, bytes: large.length, intent: { status: "succeeded" } });
});

test("what is missing is told before anything is made", async () => {
  put("bare/main.py", "");
  const noRecipe = await cli.run([
    "component",
    "push",
    "bare",
    "--component",
    "com.example.Bare",
    "--version",
    "1.0.0",
  ]);
  expect(noRecipe.code).toBe(2);
  expect(noRecipe.stderr).toContain("recipe.yaml");
  expect((await cli.run(["component", "get", "com.example.Bare"])).code).toBe(5);
  expect((await cli.run(["component", "push", "bare"])).stderr).toContain("Give --component NAME and --version V.");
  expect((await cli.run(["component", "push", "nowhere"])).code).toBe(2);
});
