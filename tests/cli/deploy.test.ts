import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EXIT } from "../../cli/failures.ts";
import { refusalsOf } from "../../cli/plan-text.ts";
import type { ApiClient } from "../../local/api-client.ts";
import type { PlanAnswer } from "../../shared/deployment/plan-answer.ts";
import {
  aPublishedComponent,
  aWorkspace,
  expecting,
  range,
  startTestCloud,
  type TestCloud,
} from "../integration/support/cloud.ts";
import { controlOf } from "../integration/support/control.ts";
import { type CommandLine, commandLine, errorOf, IN_A_TERMINAL } from "./support.ts";

let cloud: TestCloud;
let cli: CommandLine;
let api: ApiClient;
let path: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "acme"));
  await aPublishedComponent(api, path, "com.example.Hello");
  cli = commandLine({
    ...{ SLIPWAY_API: cloud.endpoints.api, SLIPWAY_TOKEN: await cloud.token(), SLIPWAY_WORKSPACE: "acme" },
  });
});
afterAll(async () => {
  cli?.remove();
  await cloud?.remove();
});

const write = (name: string, text: string) => writeFileSync(join(cli.folder, name), text);

const FLEET = `
groups:
  gateways:
    description: by the doors
    deployment:
      priority: 3
      components: { com.example.Hello: ^1.0.0 }
  empty:
nodes:
  gateway-1: { groups: [gateways], attributes: { site: here } }
  gateway-2: { groups: [gateways] }
releases:
  - { app: firmware, environment: prod, version: "1.0", file: firmware.bin, cpuArch: [armv8], rollout: 10 }
`;

test("a workspace becomes what a file declares, and the file that it is written to says the same", async () => {
  write("fleet.yaml", FLEET);
  write("firmware.bin", "the binary");
  const dry = await cli.run(["apply", "-f", "fleet.yaml", "--dry-run", "--exit-code"]);
  expect(dry.code).toBe(11);
  expect(dry.stdout.split("\n").slice(0, 7)).toEqual([
    "Workspace acme",
    "+ group gateways",
    "+ group empty",
    "+ node gateway-1  in gateways",
    "+ node gateway-2  in gateways",
    "~ group deployment gateways  add com.example.Hello ^1.0.0; priority 0 → 3",
    expect.stringMatching(/^\+ release firmware 1\.0 for prod/),
  ]);
  // What its nodes will get, though none of it is there.
  expect(dry.stdout).toMatch(
    /\n2 nodes new in node group gateways \(nucleus\)\n {2}\+ com\.example\.Hello {2}1\.0\.0 {2}node group gateways wants \^1\.0\.0 \(priority 3\)\n/,
  );
  const unasked = await cli.run(["apply", "-f", "fleet.yaml"]);
  expect(unasked.code).toBe(2);
  expect(unasked.stderr).toContain("--yes");
  expect(await cli.list(["group", "list"])).toEqual([]);

  const applied = await cli.list(["apply", "-f", "fleet.yaml", "--yes"]);
  expect(applied).toHaveLength(6);
  expect(await cli.json(["deployment", "get", "gateways"])).toMatchObject({
    ...{ priority: 3, components: { "com.example.Hello": { version: "^1.0.0" } } },
  });
  expect(await cli.run(["apply", "-f", "fleet.yaml", "--dry-run", "--exit-code"])).toMatchObject({
    code: 0,
    stdout: "",
  });

  expect((await cli.run(["export", "-o", "exported.yaml"])).code).toBe(0);
  expect(readFileSync(join(cli.folder, "exported.yaml"), "utf8")).toContain("com.example.Hello: ^1.0.0");
  expect(await cli.run(["apply", "-f", "exported.yaml", "--prune", "--yes"])).toMatchObject({ code: 0, stdout: "" });

  write("widened.yaml", FLEET.replace("rollout: 10", "rollout: 100"));
  expect(await cli.json(["apply", "-f", "widened.yaml", "--yes"])).toMatchObject({ done: "update", what: "release" });
  const [release] = await cli.list(["release", "list"]);
  expect(release).toMatchObject({ cpuArch: ["armv8"], rollout: 100 });
  await cli.json(["release", "withdraw", String(release?.id)]);
  const withdrawn = await cli.run(["apply", "-f", "widened.yaml", "--yes"]);
  expect(withdrawn).toMatchObject({ code: 7, stdout: expect.stringContaining("it was withdrawn") });
  expect(await cli.json(["export"])).toMatchObject({ releases: [] });
});

test("a file that is wrong does nothing, and of what fails half way it is told what it was", async () => {
  write("broken.yaml", "nodes:\n  n1:\n    groups: [gateways]\n    runtime: v1\n");
  const broken = await cli.run(["apply", "-f", "broken.yaml", "--yes"]);
  expect(broken).toMatchObject({ code: 2, stdout: "" });
  expect(broken.stderr.split("\n").slice(0, 2)).toEqual([
    "slipway: broken.yaml is no fleet: one place is wrong",
    expect.stringMatching(/^ {2}- \/nodes\/n1\/runtime, line 4: .*nucleus-lite/),
  ]);
  write("refused.yaml", "groups: { fresh: { deployment: { components: { com.example.None: 1.0.0 } } } }");
  const refused = await cli.run(["apply", "-f", "refused.yaml", "--yes"]);
  expect(refused).toMatchObject({
    code: 7,
    stdout: expect.stringContaining("✗ unresolvable  no version of com.example.None"),
  });
  expect((await cli.list(["group", "list"])).map(({ name }) => name)).not.toContain("fresh");

  write("failing.yaml", "groups: { fresh: }\nnodes: { fresh-1: { groups: [fresh] } }");
  const control = controlOf(cloud.endpoints);
  await control.arm("iot:CreateThing", "InvalidRequestException", 400);
  const failing = await cli.run(["apply", "-f", "failing.yaml", "--yes"]);
  await control.disarm();
  expect(failing.code).toBe(EXIT["intent-failed"][0]);
  expect(failing.stdout.split("\n").slice(-3)).toEqual(["done  + group fresh", "failed  + node fresh-1  in fresh", ""]);
  expect(failing.stderr).toContain("The same command again goes on from there.");
  await cli.json(["node", "delete", "fresh-1"]);
  await cli.json(["group", "delete", "fresh"]);
});

test("a file of more nodes than a plan takes is planned by those that differ, and says of how many it is not", async () => {
  const many = range(1_002).map((at) => `  n${at}: { groups: [${at === 1_001 ? "crowd, gateways" : "crowd"}] }`);
  const crowd = "groups: { crowd: { deployment: { priority: 3, components: { com.example.Hello: ~1.0.0 } } } }";
  write("many.yaml", `${crowd}\nnodes:\n${many.join("\n")}\n`);
  const dry = await cli.run(["apply", "-f", "many.yaml", "--dry-run"]);
  expect(dry.stdout).toContain("\n999 nodes new in node group crowd (nucleus)\n");
  expect(dry.stdout).toContain("\n1 node new in node group ");
  expect(dry.stderr).toContain("The plan tells nothing of 2 changes more: they are too many for one.");
  const own = JSON.stringify({
    components: { "com.example.Hello": { version: "1.0.0", merge: { text: "x".repeat(300) } } },
  });
  write(
    "large.yaml",
    `nodes:\n${range(600)
      .map((at) => `  n${at}: { deployment: ${own} }`)
      .join("\n")}\n`,
  );
  const large = await cli.run(["apply", "-f", "large.yaml", "--dry-run", "--json"]);
  expect(large.code).toBe(0);
  const { plan } = JSON.parse(large.stdout.split("\n").at(-2) ?? "") as { plan: PlanAnswer };
  expect(plan.transitions).toHaveLength(plan.summary.nodes.added);
  expect(plan.summary.nodes.added).toBeLessThan(600);
  expect(plan.summary.nodes.added).toBeGreaterThan(500);
});

test("a plan says why each component changes, and what was seen is what is done", async () => {
  const edit = ["--node", "gateway-1", "--component", "com.example.Hello@1.0.0", "--priority", "1"];
  const shown = await cli.run(["deploy", "plan", ...edit]);
  expect(shown.code).toBe(0);
  const group = ["--group", "gateways", "--remove", "com.example.Hello"];
  const removal = await cli.run(["deploy", "plan", ...group, "--exit-code"]);
  expect(removal.code).toBe(11);
  expect(removal.stdout).toMatch(
    /^2 nodes of node group gateways \(nucleus\)\n {2}- com\.example\.Hello {2}1\.0\.0 {2}nothing wants it any more; before, node group gateways wants \^1\.0\.0 \(priority 3\)\n/,
  );
  expect(removal.stdout).toContain("com.example.Hello leaves 2 nodes");

  const nodes = await cli.list<{ name: string; changes: object[] }>(["deploy", "plan", ...group, "--nodes"]);
  const gone = { component: "com.example.Hello", change: "removed", before: "1.0.0" };
  expect(nodes.map(({ name, changes }) => [name, changes]).sort()).toEqual([
    ["gateway-1", [gone]],
    ["gateway-2", [gone]],
  ]);
  const told = await cli.run(["deploy", "plan", ...edit, "--nodes"]);
  expect(told.stdout).toBe(`${shown.stdout}gateway-1  nothing changes on the device\n`);

  const { hash } = await cli.json<{ hash: string }>(["deploy", "plan", ...group]);
  const stale = await cli.run(["deploy", "apply", ...group, "--plan", "0".repeat(64), "--json"]);
  expect(stale.code).toBe(6);
  expect(await cli.json(["deploy", "apply", ...group, "--plan", hash])).toMatchObject({
    ...{ kind: "deployment.apply", status: "succeeded" },
  });
  expect(await cli.json(["deployment", "get", "gateways"])).toMatchObject({ components: {} });
});

test("a node moves into the groups that a file says", async () => {
  write("moved.yaml", "nodes: { gateway-2: { groups: [empty] } }");
  const dry = await cli.run(["apply", "-f", "moved.yaml", "--dry-run"]);
  expect(dry.stdout.split("\n")[1]).toBe("~ membership gateway-2  into empty; out of gateways");
  await cli.list(["apply", "-f", "moved.yaml", "--yes"]);
  expect((await cli.list(["node", "list", "--group", "empty"])).map(({ name }) => name)).toEqual(["gateway-2"]);
});

test("a change that the others make possible waits for them", async () => {
  await aPublishedComponent(api, path, "com.example.Two", "1.0.0");
  const versions = `${path}/components/com.example.Two/versions`;
  await expecting(201, api.call("POST", versions, { body: { version: "2.0.0", recipe: { run: "true" } } }));
  await api.done("POST", `${versions}/2.0.0/publish`);
  const wanting = (version: string, priority = 0) =>
    `{ deployment: { priority: ${priority}, components: { com.example.Two: ${version} } } }`;
  const groups = (priority: number) => `groups: { left: ${wanting("1.0.0")}, right: ${wanting("2.0.0", priority)} }`;
  write("apart.yaml", `${groups(0)}\nnodes: { swing: { groups: [left] } }`);
  await cli.list(["apply", "-f", "apart.yaml", "--yes"]);
  // In both groups, it would be open which one decides: until the right one does.
  const nodes = "{ swing: { groups: [left, right] }, fresh: { groups: [left, right], deployment: { priority: 9 } } }";
  write("together.yaml", `${groups(5)}\nnodes: ${nodes}`);
  const done = await cli.list(["apply", "-f", "together.yaml", "--yes"]);
  expect(done.map(({ what, name }) => `${what} ${name}`)).toEqual([
    ...["group deployment right", "node fresh", "membership swing", "node deployment fresh"],
  ]);
  expect(await cli.run(["apply", "-f", "together.yaml", "--dry-run", "--exit-code"])).toMatchObject({ code: 0 });
  write("never.yaml", groups(0));
  const never = await cli.run(["apply", "-f", "never.yaml", "--yes", "--json"]);
  expect(never).toMatchObject({ code: 7, stdout: "" });
  const ambiguous = expect.objectContaining({ rule: "ambiguous", hint: expect.stringContaining("priority") });
  expect(errorOf(never)).toMatchObject({ errors: [ambiguous] });
});

test("a node that is in the way of the rest is deleted before it", async () => {
  const kept = "gateways: , empty: , left: , right: { deployment: { priority: 0 } }";
  write("way.yaml", `groups: { ${kept} }\nnodes: { gateway-1: , gateway-2: }`);
  const done = await cli.list(["apply", "-f", "way.yaml", "--prune", "--yes"]);
  expect(done.map((one) => `${one.done} ${one.what} ${one.name}`).sort()).toEqual([
    ...["delete node fresh", "delete node swing", "update group deployment right"],
  ]);
  expect(done.at(-1)).toMatchObject({ what: "group deployment" });
});

test.each([
  ["Ctrl-C", "\u0003", 130, ""],
  ["Ctrl-D", "\u0004", 0, "Nothing was done.\n"],
  ["the end of the input", "", 0, "Nothing was done.\n"],
  ["something else than yes", "yolo\n", 0, "Nothing was done.\n"],
])("who is asked and answers with %s has nothing done", async (_what, stdin, code, told) => {
  const apply = ["deploy", "apply", "--group", "gateways", "--priority", "77"];
  const env = { NO_COLOR: "1" };
  const ran = await cli.run(apply, { execArgv: IN_A_TERMINAL, stdin, env });
  const [, after] = stripVTControlCharacters(ran.stderr)
    .split("Do this? [y/N] ")
    .map((text) => text.trimStart());
  expect([ran.code, after?.replace(/^yolo\s+/, "")]).toEqual([code, told]);
  expect(await cli.json(["deployment", "get", "gateways"])).not.toMatchObject({ priority: 77 });
});

test("who is asked and answers with yes has it done", async () => {
  const apply = ["deploy", "apply", "--group", "gateways", "--priority", "78"];
  expect(await cli.run(apply, { execArgv: IN_A_TERMINAL, stdin: "y\n" })).toMatchObject({ code: 0 });
  expect(await cli.json(["deployment", "get", "gateways"])).toMatchObject({ priority: 78 });
});

/** Runs a command whose reader has gone before it prints anything, as `head` goes after some lines. @returns its exit code */
const unread = (args: readonly string[]): Promise<number | null> =>
  new Promise((resolve) => {
    const child = cli.start(args);
    child.stdout?.destroy();
    child.on("close", resolve);
  });

test("what changes things ends as it would if it were read to its end, and a list when its reader goes", async () => {
  write("unread.yaml", "groups: { unread-1: {}, unread-2: {}, unread-3: { description: changed } }");
  expect(await unread(["apply", "-f", "unread.yaml", "--yes"])).toBe(0);
  const there = (await cli.list(["group", "list"])).map(({ name }) => name);
  expect(there).toEqual(expect.arrayContaining(["unread-1", "unread-2", "unread-3"]));
  write("unread.yaml", "groups: { unread-4: {} }");
  expect(await unread(["apply", "-f", "unread.yaml", "--yes", "--dry-run", "--exit-code"])).toBe(11);
  const refused = ["deploy", "apply", "--group", "gateways", "--component", "com.example.None@1.0.0", "--yes"];
  expect(await unread(refused)).toBe(7);
  expect(await unread(["deploy", "plan", "--group", "gateways", "--priority", "5", "--exit-code"])).toBe(0);
  expect(await unread(["group", "list"])).toBe(0);
});

test("what the API would refuse is told before anything is asked for", async () => {
  const refused = await cli.run([
    "deploy",
    "apply",
    "--group",
    "gateways",
    "--component",
    "com.example.None@1.0.0",
    "-y",
  ]);
  expect(refused.code).toBe(7);
  expect(refused.stdout).toContain("✗ unresolvable");
  expect(refused.stderr).not.toContain("com.example.None");
  const edit = ["--group", "gateways", "--component", "com.example.None@1.0.0", "--json"];
  for (const args of [
    ["apply", "--yes"],
    ["plan", "--nodes"],
  ]) {
    const told = await cli.run(["deploy", ...args, ...edit]);
    expect(told.code).toBe(7);
    expect(errorOf(told)).toMatchObject({
      detail: expect.stringContaining("1 thing forbids it"),
      errors: [
        {
          rule: "unresolvable",
          detail: "no version of com.example.None that node group gateways may see satisfies 1.0.0",
          hint: "publish a version of com.example.None",
        },
      ],
    });
  }
  expect((await cli.run(["deploy", "plan", "--group", "gateways"])).stderr).toContain("nothing to change was given");
  expect((await cli.run(["deploy", "plan", "--priority", "1"])).stderr).toContain("Give --group NAME or --node NAME.");
  write("wrong.yaml", "nodes: { gateway-1: { groups: [gateways], attributes: { site: elsewhere } } }");
  const wrong = await cli.run(["apply", "-f", "wrong.yaml", "--yes", "--json"]);
  expect(wrong.code).toBe(7);
  expect(errorOf(wrong).detail).toBe("not all of it can be done: nothing was");
});

test("what forbids a plan is told to programs with all that would put it right", () => {
  const finding = { kind: "ambiguous" as const, detail: "d", parties: [], cells: [], cellCount: 1, nodes: 1 };
  const refusals = [
    { ...finding, remedies: ["raise it", "lower it"] },
    { ...finding, remedies: [] },
  ];
  expect(refusalsOf({ refusals })).toEqual([
    { rule: "ambiguous", detail: "d", hint: "raise it; or lower it" },
    { rule: "ambiguous", detail: "d" },
  ]);
});
