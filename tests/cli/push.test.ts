import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aWorkspace, startTestCloud, type TestCloud } from "../integration/support/cloud.ts";
import { controlOf } from "../integration/support/control.ts";
import { until } from "../local/until.ts";
import { type CommandLine, commandLine, errorOf, IN_A_TERMINAL } from "./support.ts";

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

test("links are followed, to files and to folders, here and elsewhere", async () => {
  put("linked/recipe.yaml", "run: 'true'\n");
  put("linked/dist/real.txt", "real");
  put("elsewhere/shared/lib.py", "lib");
  put("elsewhere/one.txt", "one");
  const link = (to: string, path: string) => symlinkSync(to, join(cli.folder, path));
  link("real.txt", "linked/dist/here.txt");
  link(join(cli.folder, "elsewhere/one.txt"), "linked/dist/there.txt");
  link("../../elsewhere/shared", "linked/dist/shared");
  link("../elsewhere", "linked/src");
  const push = ["component", "push", "linked", "--component", "com.example.Linked", "--version", "1.0.0"];
  expect(await cli.json(push)).toMatchObject({ files: 6, uploaded: 6 });
  expect(
    (await cli.list(["file", "list", "com.example.Linked", "1.0.0"])).map(({ path, size }) => [path, size]),
  ).toEqual([
    ["dist/here.txt", 4],
    ["dist/real.txt", 4],
    ["dist/shared/lib.py", 3],
    ["dist/there.txt", 3],
    ["src/one.txt", 3],
    ["src/shared/lib.py", 3],
  ]);
});

test.each([
  ["nowhere", "dist/broken", "linked/dist/broken is a link that leads nowhere: ENOENT"],
  ["itself", "dist/itself", "linked/dist/itself is a link that leads nowhere: ELOOP"],
  ["nowhere", "dist", "linked/dist is a link that leads nowhere: ENOENT"],
  ["..", "dist/up", "linked/dist/up is a link to a folder that it is in"],
  ["/dev/null", "dist/null", "linked/dist/null is neither a file nor a folder"],
])("a link to %s in the place of %s is refused by its name, before anything is sent", async (to, path, detail) => {
  const home = commandLine({ SLIPWAY_API: "http://127.0.0.1:9", SLIPWAY_TOKEN: "t", SLIPWAY_WORKSPACE: "acme" });
  try {
    mkdirSync(join(home.folder, "linked/src"), { recursive: true });
    if (path !== "dist") mkdirSync(join(home.folder, "linked/dist"));
    writeFileSync(join(home.folder, "linked/src/a"), "a");
    symlinkSync(to, join(home.folder, "linked", path));
    const push = ["component", "push", "linked", "--component", "com.example.Linked", "--version", "1.0.0", "--json"];
    const ran = await home.run(push);
    expect([ran.code, errorOf(ran).detail]).toEqual([2, detail]);
  } finally {
    home.remove();
  }
});

test("a version becomes a folder again, and only what is missing is fetched", async () => {
  const PULL = ["component", "pull", "pulled/hello", "--component", "com.example.Hello", "--version", "1.0.0"];
  const at = (path: string) => join(cli.folder, "pulled/hello", path);
  expect(await cli.json(PULL)).toMatchObject({ files: 4, fetched: 2, bytes: 26 });
  expect(readFileSync(at("artifacts/main.py"), "utf8")).toBe("print('hello, world')\n");
  expect(readFileSync(at("artifacts/table.csv"), "utf8")).toBe("a,b\n");
  expect(JSON.parse(readFileSync(at("recipe.json"), "utf8"))).toMatchObject({ ComponentName: "{COMPONENT_NAME}" });
  expect(JSON.parse(readFileSync(at("gdk-config.json"), "utf8")).component).toHaveProperty(["com.example.Hello"]);

  expect(await cli.json(PULL)).toMatchObject({ files: 4, fetched: 0 });
  put("pulled/hello/artifacts/main.py", "changed here\n");
  put("pulled/hello/mine.txt", "mine\n");
  expect(await cli.json(PULL)).toMatchObject({ fetched: 1, bytes: 22 });
  expect(readFileSync(at("artifacts/main.py"), "utf8")).toBe("print('hello, world')\n");
  expect(readdirSync(at("")).sort()).toEqual(["artifacts", "gdk-config.json", "mine.txt", "recipe.json"]);
});

test("a version whose file is gone, or is other bytes by now, is not pulled as if it were whole", async () => {
  const api = await cloud.client();
  const { bucket } = (await api.call<{ bucket: string }>("GET", "/v1/workspaces/acme")).body;
  put("lost/recipe.json", JSON.stringify({ run: "true" }));
  put("lost/dist/a", "as declared\n");
  await cli.json(["component", "push", "lost", "--component", "com.example.Lost", "--version", "1.0.0"]);
  const PULL = ["component", "pull", "found", "--component", "com.example.Lost", "--version", "1.0.0"];
  const place = { Bucket: bucket, Key: "components/com.example.Lost/1.0.0/dist/a" };
  await cloud.s3.send(new PutObjectCommand({ ...place, Body: "other bytes\n" }));
  const other = await cli.run(PULL);
  expect([other.code, other.stderr]).toEqual([8, expect.stringContaining("other bytes than were declared")]);
  await cloud.s3.send(new DeleteObjectCommand(place));
  const gone = await cli.run(PULL);
  expect([gone.code, gone.stderr]).toEqual([7, expect.stringContaining("it was never sent, or is gone")]);
  expect(readdirSync(join(cli.folder, "found/artifacts"))).toEqual([]);
  expect((await cli.run(PULL.with(-1, "9.9.9"))).code).toBe(5);
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

test("a terminal shows how far the upload is, and what is no terminal is spared it", async () => {
  put("bar/recipe.yaml", "run: 'true'\n");
  for (const name of ["a", "b", "c"]) put(`bar/dist/${name}`, name.repeat(1_000));
  const push = ["component", "push", "bar", "--component", "com.example.Bar", "--version"];
  const shown = await cli.run([...push, "1.0.0"], { execArgv: IN_A_TERMINAL, env: { NO_COLOR: "1" } });
  expect(shown.code).toBe(0);
  expect(stripVTControlCharacters(shown.stderr)).toMatch(/\r3 of 3 files █{28} 100 % {2}3\.0 KB of 3\.0 KB\n/);

  for (const [version, ...options] of [["1.0.1"], ["1.0.2", "--json"]]) {
    const execArgv = options.length === 0 ? [] : IN_A_TERMINAL;
    const quiet = await cli.run([...push, String(version), ...options], { execArgv });
    expect(quiet).toMatchObject({ code: 0, stderr: expect.not.stringMatching(/[\r█]/) });
  }
});

test("a push that is broken off ends at once, and the next one sends the rest", async () => {
  put("broken/recipe.yaml", "run: 'true'\n");
  for (const name of ["a", "b", "c"]) put(`broken/dist/${name}`, name);
  const push = ["component", "push", "broken", "--component", "com.example.Broken", "--version", "1.0.0"];
  const control = controlOf(cloud.endpoints);
  await control.fault({ operation: "s3:PutObject", kind: "latency", milliseconds: 60_000 });
  const child = cli.start(push);
  const told: string[] = [];
  child.stderr?.on("data", (bytes: Buffer) => told.push(String(bytes)));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await until(async () => (await control.faults()).some(({ struck }) => struck > 0), { what: "an upload to begin" });
  child.kill("SIGINT");
  expect(await exited).toBe(130);
  expect(told.join("")).not.toMatch(/\n {4}at /);
  await control.disarm();
  expect(await cli.json([...push, "--publish"])).toMatchObject({ files: 3, intent: { status: "succeeded" } });
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

/** More than one answer of the API asks for. */
const MANY = 520;

test("a folder of many files is pushed, and told apart from another version, as a whole", async () => {
  const many = (version: string) => [
    "component",
    "push",
    "many",
    "--component",
    "com.example.Many",
    "--version",
    version,
  ];
  put("many/recipe.yaml", "run: 'true'\n");
  for (let index = 0; index < MANY; index += 1) put(`many/src/${index}`, `${index}`);
  expect(await cli.json([...many("1.0.0")])).toMatchObject({ files: MANY, uploaded: MANY, removed: [] });
  for (let index = 0; index < 250; index += 1) rmSync(join(cli.folder, `many/src/${index}`));
  expect(await cli.json([...many("2.0.0")])).toMatchObject({ files: MANY - 250, uploaded: MANY - 250 });
  expect(await cli.json([...many("1.0.0")])).toMatchObject({
    files: MANY - 250,
    uploaded: 0,
    removed: { length: 250 },
  });
  rmSync(join(cli.folder, "many/src/400"));
  expect(await cli.json([...many("1.0.0"), "--keep"])).toMatchObject({ files: MANY - 251, uploaded: 0 });

  put("many/src/400", "other bytes");
  for (let index = 0; index < 250; index += 1) put(`many/src/${index}`, `${index}`);
  await cli.json([...many("1.0.0")]);
  const DIFF = ["version", "diff", "com.example.Many", "2.0.0", "1.0.0"];
  const diff = await cli.json<{ recipe: object[]; files: { path: string; change: string }[] }>(DIFF);
  expect(diff).not.toHaveProperty("nextCursor");
  expect(diff.recipe).toHaveLength(1);
  expect(diff.files.filter(({ change }) => change === "removed")).toHaveLength(250);
  expect(diff.files.filter(({ change }) => change === "changed")).toMatchObject([{ path: "src/400" }]);
  const some = await cli.json<typeof diff>([...DIFF, "--limit", "120"]);
  expect([some.recipe.length, some.files]).toEqual([1, diff.files.slice(0, 119)]);
});
