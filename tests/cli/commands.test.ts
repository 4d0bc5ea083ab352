import { spawnSync } from "node:child_process";
import { mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildProgram } from "../../cli/program.ts";
import { startTestCloud, type TestCloud } from "../integration/support/cloud.ts";
import { type CommandLine, commandLine, errorOf, IN_A_TERMINAL, logInTo } from "./support.ts";

let cloud: TestCloud;
let cli: CommandLine;
let token: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  token = await cloud.token();
  cli = commandLine();
  await logInTo(cli, cloud.endpoints.api, token);
});
afterAll(async () => {
  cli?.remove();
  await cloud?.remove();
});

describe("a context", () => {
  test("is kept where nobody else can read it", () => {
    expect(statSync(cli.configFile).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(cli.configFile, "utf8"))).toMatchObject({
      current: "default",
      contexts: { default: { api: cloud.endpoints.api, workspace: "acme", login: { by: "token", token } } },
    });
  });

  test("shows no secret", async () => {
    for (const args of [
      ["context", "list"],
      ["context", "show"],
    ]) {
      const { stdout, code } = await cli.run(args);
      expect(code).toBe(0);
      expect(stdout).toContain(cloud.endpoints.api);
      expect(stdout).not.toContain(token);
    }
  });

  test("is not made of a token that the API refuses", async () => {
    const other = commandLine();
    const refused = await other.run(["login", "--api", cloud.endpoints.api, "--token", "-"], { stdin: "x.y.z" });
    expect(refused).toMatchObject({ code: 3, stdout: "" });
    expect(refused.stderr).toContain("slipway login");
    expect((await other.run(["context", "list"])).stderr).toContain("There is none yet");
    other.remove();
  });

  test("may be one of several, and one is used", async () => {
    await cli.run(["context", "set", "second", "--api", cloud.endpoints.api, "--workspace", "other"]);
    expect((await cli.list(["context", "list"])).map(({ name, current }) => [name, current])).toEqual([
      ["default", true],
      ["second", false],
    ]);
    expect(errorOf(await cli.run(["node", "list", "--context", "second", "--json"]))).toMatchObject({ exit: "login" });
    expect((await cli.run(["context", "use", "second"])).code).toBe(0);
    expect(await cli.json(["context", "show"])).toMatchObject({ context: "second", workspace: "other", login: "none" });
    await cli.run(["context", "use", "default"]);
    await cli.run(["context", "delete", "second"]);
    expect((await cli.run(["context", "use", "second"])).code).toBe(2);
  });

  test("does not show its token to another server", async () => {
    const failed = await cli.run(["node", "list", "--api", "http://127.0.0.1:9", "--json"]);
    expect(failed.code).toBe(3);
    expect(errorOf(failed).detail).toBe("there is no login for http://127.0.0.1:9");
  });

  test("is refused when others may read it, and when it would send its token in the clear", async () => {
    const other = commandLine();
    await other.run(["context", "set", "a", "--api", "https://api.example.com"]);
    const clear = await other.run(["context", "set", "b", "--api", "http://api.example.com"]);
    expect(clear.code).toBe(2);
    expect(clear.stderr).toContain("in the clear");
    writeFileSync(other.configFile, "{}", { mode: 0o600 });
    const { chmodSync } = await import("node:fs");
    chmodSync(other.configFile, 0o644);
    const open = await other.run(["context", "list"]);
    expect(open.code).toBe(2);
    expect(open.stderr).toContain(`chmod 600 ${other.configFile}`);
    other.remove();
  });

  test.each([
    ["[]", "the whole"],
    ["null", "the whole"],
    ['{"current":5}', "current"],
    ['{"contexts":[]}', "contexts"],
    ['{"contexts":{"a":null}}', "contexts.a"],
    ['{"contexts":{"a":{"api":5}}}', "contexts.a"],
    ['{"contexts":{"a":{"api":"https://x","login":{"by":"toString","token":"secret"}}}}', "contexts.a"],
    [
      '{"contexts":{"a":{"api":"https://x","login":{"by":"client-credentials","clientSecret":"secret"}}}}',
      "contexts.a",
    ],
  ])("that somebody wrote wrongly is told with its place: %s", async (text, place) => {
    const other = commandLine();
    mkdirSync(dirname(other.configFile), { recursive: true });
    writeFileSync(other.configFile, text, { mode: 0o600 });
    for (const args of [
      ["context", "list"],
      ["node", "list"],
      ["login", "--api", "https://x"],
    ]) {
      const ran = await other.run(args);
      expect(ran).toMatchObject({ code: 2, stdout: "" });
      expect(ran.stderr).toContain(`config.json is no configuration: ${place} is not right\n`);
      expect(ran.stderr).not.toContain("secret");
    }
    other.remove();
  });

  test("comes from the environment too", async () => {
    const other = commandLine({ SLIPWAY_API: cloud.endpoints.api, SLIPWAY_TOKEN: token, SLIPWAY_WORKSPACE: "acme" });
    expect(await other.list(["group", "list"])).toEqual(await cli.list(["group", "list"]));
    other.remove();
  });
});

describe("things", () => {
  test("are created, listed, read, changed and deleted", async () => {
    const created = await cli.json(["group", "create", "gateways", "--description", "by the doors"]);
    expect(created).toMatchObject({ kind: "node-group.create", status: "succeeded", subject: { name: "gateways" } });
    expect((await cli.list(["groups", "list"])).map(({ name }) => name)).toEqual(["gateways"]);
    const group = await cli.json(["group", "get", "gateways"]);
    expect(group).toMatchObject({
      name: "gateways",
      description: "by the doors",
      etag: expect.stringMatching(/^"\d+"$/),
    });

    const stale = await cli.run(["group", "update", "gateways", "--description", "x", "--if-match", '"99"', "--json"]);
    expect(stale.code).toBe(6);
    expect(errorOf(stale)).toMatchObject({ code: "precondition-failed" });
    const etag = String(group.etag);
    await cli.json(["group", "update", "gateways", "--no-description", "--if-match", etag]);
    expect(await cli.json(["group", "get", "gateways"])).not.toHaveProperty("description");

    const accepted = await cli.json(["group", "delete", "gateways", "--no-wait"]);
    expect(accepted).toMatchObject({ status: "requested" });
    expect(await cli.json(["intents", "wait", String(accepted.id)])).toMatchObject({ status: "succeeded" });
    const gone = await cli.run(["group", "get", "gateways", "--json"]);
    expect(gone.code).toBe(5);
    expect(errorOf(gone)).toMatchObject({
      exit: "not-found",
      code: "not-found",
      detail: "there is no node group gateways",
    });
  });

  test("take bodies from files, in JSON or YAML, and options count more", async () => {
    writeFileSync(join(cli.folder, "component.yaml"), "description: from the file\npublisher: from the file\n");
    const made = await cli.json([
      "component",
      "create",
      "com.example.A",
      "--body",
      "@component.yaml",
      "--publisher",
      "me",
    ]);
    expect(made).toMatchObject({ name: "com.example.A", description: "from the file", publisher: "me" });
    await cli.json(["version", "create", "com.example.A", "1.0.0", "--recipe", "run: echo hello"]);
    await cli.json(["version", "publish", "com.example.A", "1.0.0"]);
    const [version] = await cli.list(["version", "list", "com.example.A"]);
    expect(version).toMatchObject({ version: "1.0.0", status: "published", recipe: { run: "echo hello" } });
  });

  test("come in all pages, or as many as are asked for", async () => {
    await Promise.all(
      Array.from({ length: 3 }, (_, index) => cli.json(["node", "create", `paged-${index}`, "--no-wait"])),
    );
    expect(await cli.list(["node", "list"])).toHaveLength(3);
    expect(await cli.list(["node", "list", "--limit", "2"])).toHaveLength(2);
    const { stdout } = await cli.run(["node", "list", "--limit", "1"]);
    expect(stdout.split("\n")[0]).toMatch(/^NAME +STATUS +RUNTIME/);
    expect((await cli.run(["node", "list", "--limit", "none"])).code).toBe(2);
  });

  test("are told of in colour on request, and never where a program reads", async () => {
    const coloured = await cli.run(["workspace", "list"], { env: { FORCE_COLOR: "1" } });
    expect(coloured.stdout).toContain("\u001b[32mactive");
    expect((await cli.run(["workspace", "list"])).stdout).not.toContain("\u001b");
    const inTerminal = { execArgv: IN_A_TERMINAL, env: { TERM: "xterm-256color" } };
    expect((await cli.run(["workspace", "list"], inTerminal)).stdout).toContain("\u001b[32mactive");
    for (const env of [{ ...inTerminal.env, NO_COLOR: "1" }, { TERM: "dumb" }]) {
      expect((await cli.run(["workspace", "list"], { ...inTerminal, env })).stdout).not.toContain("\u001b");
    }
    const json = await cli.run(["workspace", "list", "--json"], { env: { FORCE_COLOR: "1" } });
    expect(json.stdout).not.toContain("\u001b");
  });
});

describe("a device and a release", () => {
  test("a node is registered: made if it is missing, and its token is new each time", async () => {
    const first = await cli.run(["node", "register", "gateway-1"]);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^curl -fsSL .*\/v1\/install\.sh \| sh -s -- --api .* --token \S+\n$/);
    const second = await cli.json<{ token: string }>(["node", "register", "gateway-1"]);
    expect(first.stdout).not.toContain(second.token);
    const known = await cli.json(["token", "get", "gateway-1"]);
    expect(known).toMatchObject({ status: "issued", createdBy: "developer" });
    expect(JSON.stringify(known)).not.toContain("slw_");
    expect((await cli.run(["token", "revoke", "gateway-1"])).code).toBe(0);
    expect((await cli.run(["token", "get", "gateway-1"])).code).toBe(5);
    expect(await cli.json(["node", "get", "gateway-1"])).toMatchObject({ status: "active" });
  });

  test("a file becomes what devices get", async () => {
    writeFileSync(join(cli.folder, "firmware.bin"), "the binary");
    const publish = [
      "ota",
      "publish",
      "firmware.bin",
      "--app",
      "firmware",
      "--environment",
      "prod",
      "--version",
      "1.0",
    ];
    const { release, intent } = await cli.json<{ release: string; intent: object }>(publish);
    expect(intent).toMatchObject({ kind: "release.publish", status: "succeeded" });
    expect(await cli.json(["release", "get", release])).toMatchObject({ app: "firmware", version: "1.0", size: 10 });
    const url = `${cloud.endpoints.ota}/acme/package?cpuArch=x&firmware=prod&payloadType=metadataOnly`;
    expect(await (await fetch(url)).json()).toBeTruthy();
    const missing = await cli.run(["ota", "publish", "no-such-file", ...publish.slice(3)]);
    expect(missing).toMatchObject({ code: 2, stderr: "slipway: no-such-file cannot be read: ENOENT\n" });
  });
});

describe("what goes wrong", () => {
  test("is told with what to do next and where, without a stack trace", async () => {
    const refused = await cli.run(["node", "create", "bad name", "--groups", "none"]);
    expect(refused.code).toBe(7);
    expect(refused.stderr).toMatch(/^slipway: the body is not valid: \/name: /);
    const taken = await cli.run(["workspace", "create", "acme"]);
    expect(taken.code).toBe(6);
    expect(taken.stderr.split("\n")).toEqual([
      expect.stringMatching(/^slipway: .*acme/),
      expect.stringContaining("Choose another name"),
      "",
    ]);
    expect(refused.stderr + taken.stderr).not.toMatch(/\n\s+at /);
  });

  test.each([
    ["an unknown command", ["nodes", "lst"], 2, "(Did you mean list?)"],
    ["an unknown option", ["node", "list", "--colour"], 2, "unknown option"],
    ["a missing argument", ["node", "get"], 2, "missing required argument 'node'"],
    ["a choice that is none", ["node", "create", "x", "--runtime", "v1"], 2, "nucleus-lite"],
    ["a number that is none", ["token", "create", "x", "--expires-in-seconds", "soon"], 2, "a whole number"],
    ["a body that is none", ["group", "create", "x", "--body", "{"], 2, "neither JSON nor YAML"],
    ["a file that is missing", ["group", "create", "x", "--body", "@nowhere"], 2, "nowhere cannot be read: ENOENT"],
    ["a duration that is none", ["intent", "wait", "x", "--timeout", "soon"], 2, "soon is no duration"],
    ["a time that is none", ["audit", "list", "--from", "yesterday"], 2, "Give one such as 2026-01-31T12:00:00Z"],
    ["a date alone", ["audit", "export", "--to", "2026-01-31"], 2, "2026-01-31 is no time"],
    ["a day that no month has", ["event", "list", "--since", "2026-13-01T00:00:00Z"], 2, "is no time"],
    ["a time to replay from", ["webhook", "replay", "x", "--since", "1h"], 2, "1h is no time"],
    ["a workspace of others", ["node", "list", "-w", "theirs"], 5, "there is no workspace theirs"],
    ["a server that is away", ["node", "list", "--api", "http://127.0.0.1:9"], 3, "there is no login"],
  ])("%s", async (_what, args, code, told) => {
    const ran = await cli.run(args);
    expect(ran.stderr).toContain(told);
    expect(ran.code).toBe(code);
    expect(ran.stderr).not.toMatch(/\n\s+at /);
  });

  test.each([
    ["an unknown command", ["nodes", "lst"], "unknown command 'lst' (Did you mean list?)"],
    ["an unknown option", ["node", "list", "--colour"], "unknown option '--colour'"],
    ["a missing argument", ["node", "get"], "missing required argument 'node'"],
    ["a name that is a step in a path", ["node", "delete", ".."], '".." is no name: node'],
    [
      "a file in a folder that is missing",
      ["export", "-o", "none/x"],
      "ENOENT: no such file or directory, open 'none/x'",
    ],
  ])("%s is told to programs as everything is", async (_what, args, detail) => {
    const ran = await cli.run([...args, "--json"]);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(errorOf(ran)).toMatchObject({ exit: "usage", detail });
  });

  test("a full disk ends it without a stack trace, and who reads no more is no failure", async () => {
    const full = await new Promise<{ code: number | null; stderr: string }>((resolve) => {
      const child = cli.start(["context", "list"], { stdout: openSync("/dev/full", "w") });
      let stderr = "";
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      child.on("close", (code) => resolve({ code, stderr }));
    });
    expect(full.code).toBe(1);
    expect(full.stderr).toMatch(/^slipway: ENOSPC: no space left on device, write\nSLIPWAY_DEBUG=1 .*\n$/);
    const deaf = cli.start(["node", "get", "none"]);
    deaf.stdout?.destroy();
    deaf.stderr?.destroy();
    expect(await new Promise((resolve) => deaf.on("close", resolve))).toBe(5);
  });

  test("a server that does not answer", async () => {
    const other = commandLine({ SLIPWAY_API: "http://127.0.0.1:9", SLIPWAY_TOKEN: "t" });
    const ran = await other.run(["workspace", "list", "--json"]);
    expect(ran.code).toBe(8);
    expect(errorOf(ran)).toMatchObject({ exit: "unavailable", detail: expect.stringContaining("does not answer") });
    other.remove();
  });

  test("an intent that fails is told with its own problem", async () => {
    writeFileSync(join(cli.folder, "x.bin"), "x");
    const made = await cli.json<{ id: string }>([
      ...["release", "create", "--app", "never", "--environment", "prod", "--version", "1", "--size", "1"],
      ...["--sha256", "0".repeat(64)],
    ]);
    const failed = await cli.run(["release", "publish", made.id, "--json"]);
    expect(failed.code).toBe(9);
    expect(errorOf(failed)).toMatchObject({ exit: "intent-failed", code: "artifact-missing" });
  });
});

describe("completion", () => {
  test.each(["bash", "zsh", "fish"])("%s knows nouns, verbs and options", async (shell) => {
    const { code, stdout } = await cli.run(["completion", shell]);
    expect(code).toBe(0);
    for (const word of ["node-import", "re-register", "idempotency-key"]) expect(stdout).toContain(word);
  });

  test("bash completes with it", async () => {
    const { stdout: script } = await cli.run(["completion", "bash"]);
    expect(await cli.json(["completion", "bash"])).toEqual({ shell: "bash", script });
    // Files that a star would be taken for.
    for (const name of ["slipway.node.x", "slipway.intent.y"]) writeFileSync(join(cli.folder, name), "");
    /** What bash offers for the last word of a line, cut into words as its COMP_WORDBREAKS has it. */
    const complete = (line: string): string[] => {
      const words = line.split(/ |(?<==)|(?==)/);
      const run = `${script}\ncomplete -p slipway; COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _slipway; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout, stderr } = spawnSync("bash", ["-c", run], { encoding: "utf8", cwd: cli.folder });
      expect(stderr).toBe("");
      const [loaded, ...offered] = stdout.trim().split("\n");
      expect(loaded).toBe("complete -F _slipway slipway");
      return offered;
    };
    expect(complete("slipway gro")).toEqual(["group"]);
    expect(complete("slipway event ta")).toEqual(["tail"]);
    expect(complete("slipway event tail --ty")).toEqual(["--type"]);
    expect(complete("slipway node re")).toEqual(["register", "re-register"]);
    expect(complete("slipway node create --ru")).toEqual(["--runtime"]);
    expect(complete("slipway node create edge-1 --ru")).toEqual(["--runtime"]);
    expect(complete("slipway nodes re")).toEqual(["register", "re-register"]);
    expect(complete("slipway intents wait --time")).toEqual(["--timeout"]);

    const roles = ["viewer", "operator", "maintainer", "owner"];
    expect(complete("slipway member update gina --role ")).toEqual(roles);
    expect(complete("slipway members update gina --role o")).toEqual(["operator", "owner"]);
    expect(complete("slipway member update gina --role=m")).toEqual(["maintainer"]);
    expect(complete("slipway member update gina --role=")).toEqual(roles);
    expect(complete("slipway member update gina --role owner --js")).toEqual(["--json"]);
    expect(complete("slipway member update gina --role none")).toEqual([]);
    for (const verb of ["create", "register"]) {
      expect(complete(`slipway node ${verb} edge-1 --runtime nucleus-`)).toEqual(["nucleus-lite"]);
    }
    expect(complete("slipway audit export --format ")).toEqual(["jsonl", "csv"]);
    expect(complete("slipway completion ")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
    expect(complete("slipway event tail --type slipway.node.o")).toEqual(["slipway.node.offline"]);
    const ofNodes = complete("slipway event list --type slipway.node.");
    expect(ofNodes).toContain("slipway.node.*");
    expect(ofNodes).not.toContain("slipway.node.x");
    expect(complete("slipway webhook create --events slipway.node.*,slipway.intent.")).toContain(
      "slipway.node.*,slipway.intent.*",
    );
    expect(complete("slipway event-rule update x --operations createNode,deleteNodeG")).toEqual(
      ["deleteNodeGroup", "deleteNodeGroupDeployment"].map((operation) => `createNode,${operation}`),
    );
  });

  test("zsh and fish are told the same of every option that takes one of so many texts", async () => {
    const [zsh, fish] = await Promise.all(
      ["zsh", "fish"].map(async (shell) => (await cli.run(["completion", shell])).stdout),
    );
    const lines = (script: string | undefined, start: string) =>
      script?.split("\n").filter((line) => line.startsWith(start)) ?? [];
    const leaves = (command: ReturnType<typeof buildProgram>, path = ""): [string, typeof command][] =>
      command.commands.flatMap((inner) => {
        const at = `${path} ${inner.name()}`.trim();
        return [[at, inner] as [string, typeof command], ...leaves(inner, at)];
      });
    const fixed = leaves(buildProgram()).flatMap(([path, { options }]) =>
      options.flatMap(({ long, argChoices }) => (argChoices === undefined ? [] : [{ path, long, argChoices }])),
    );
    expect(fixed.length).toBeGreaterThan(8);
    for (const { path, long, argChoices } of fixed) {
      const added = argChoices.map((choice) => `'${choice}'`).join(" ");
      expect(lines(zsh, `    '${path} ${long}')`)).toEqual([`    '${path} ${long}') compadd -- ${added}; return ;;`]);
      const taken = argChoices.map((choice) => `"${choice}"`).join(" ");
      const start = `complete -c slipway -n '__slipway_at ${path}' -l ${long?.slice(2)} `;
      expect(lines(fish, start)).toEqual([expect.stringContaining(`${start}-x -a '${taken}' -d '`)]);
    }
    expect(lines(zsh, "    'webhook create --events')")).toEqual([
      expect.stringMatching(/compset -P '\*,'; compadd -- 'slipway\.intent\.\*' .*; return ;;$/),
    ]);
    expect(lines(fish, "complete -c slipway -n '__slipway_at event tail' -l type ")).toEqual([
      expect.stringContaining(`-x -a '(__fish_append , "slipway.intent.*" `),
    ]);
    // As far as another shell can tell: what is opened is closed.
    expect(spawnSync("bash", ["-n"], { input: zsh, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    for (const line of lines(fish, "complete ")) {
      expect(line.replace(/\\'/g, "").split("'").length % 2, line).toBe(1);
    }
  });

  test("another shell is refused", async () => {
    expect(await cli.run(["completion", "tcsh"])).toMatchObject({ code: 2 });
  });
});
