import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PutCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandName, readOperations } from "../../cli/operations.ts";
import { buildProgram } from "../../cli/program.ts";
import { SINGLE_UPLOAD_BYTES } from "../../shared/component/file.ts";
import { keys } from "../../shared/keys.ts";
import { sendFile, sha256, startTestCloud, type TestCloud, type Upload } from "../integration/support/cloud.ts";
import { importOf } from "../integration/support/node-imports.ts";
import { registrationOf } from "../integration/support/registration.ts";
import { type CommandLine, commandLine, type RunOptions } from "./support.ts";

type Program = ReturnType<typeof buildProgram>;
type Json = Record<string, unknown>;

/** Every command that does something, by its words: `node list`. */
const leaves = (command: Program, path: readonly string[] = []): string[] =>
  command.commands.flatMap((inner) => {
    const at = [...path, inner.name()];
    return inner.commands.length === 0 ? [at.join(" ")] : leaves(inner, at);
  });
const COMMANDS = leaves(buildProgram());

/** Those that print a list: an object on each line. */
const LISTS: ReadonlySet<string> = new Set([
  ...readOperations().flatMap(({ operation, query }) =>
    query.some(({ name }) => name === "cursor") ? [commandName(operation)?.join(" ") ?? ""] : [],
  ),
  ...["context list", "apply", "audit export", "event tail"],
]);

let cloud: TestCloud;
let cli: CommandLine;
const ran = new Set<string>();
const faults: string[] = [];

beforeAll(async () => {
  cloud = await startTestCloud();
  cli = commandLine();
});
afterAll(async () => {
  cli?.remove();
  await cloud?.remove();
});

/** Runs a command with --json to its good end, and holds what it prints against the promise. @returns its last object */
const run = async <T = Json>(line: string, more: readonly string[] = [], options?: RunOptions): Promise<T> => {
  const args = [...line.split(" "), ...more];
  const name = COMMANDS.find((one) => `${line} `.startsWith(`${one} `));
  if (name === undefined) throw new Error(`there is no command ${line}`);
  const { code, stdout, stderr } = await cli.run([...args, "--json"], options);
  if (code !== 0) throw new Error(`slipway ${args.join(" ")} exits with ${code}: ${stderr}`);
  ran.add(name);
  const lines = stdout.split("\n").slice(0, -1);
  const objects = lines.flatMap((text) => {
    try {
      const value: unknown = JSON.parse(text);
      if (typeof value === "object" && value !== null && !Array.isArray(value)) return [value];
    } catch {
      // Told below.
    }
    faults.push(`${name} prints ${text}`);
    return [];
  });
  if (!LISTS.has(name) && lines.length !== 1) faults.push(`${name} prints ${lines.length} lines`);
  if (stdout !== "" && !stdout.endsWith("\n")) faults.push(`${name} does not end its last line`);
  return objects.at(-1) as T;
};

const file = (name: string, text: string): string => {
  mkdirSync(join(cli.folder, name, ".."), { recursive: true });
  writeFileSync(join(cli.folder, name), text);
  return name;
};
const body = (value: unknown): string[] => ["--body", JSON.stringify(value)];
const declared = (path: string, bytes: string) => ({ path, size: bytes.length, sha256: sha256(bytes) });

const contexts = async (): Promise<void> => {
  const stdin = await cloud.token();
  await run(`login --api ${cloud.endpoints.api} --token -`, [], { stdin });
  expect(await run(`context set other --api ${cloud.endpoints.api} --workspace acme`)).toEqual({
    ...{ done: "set", what: "context", context: "other", api: cloud.endpoints.api, workspace: "acme" },
  });
  expect(await run("context use other")).toEqual({ done: "use", what: "context", context: "other" });
  await run("context list");
  await run("context show");
  expect(await run("logout")).toEqual({
    ...{ done: "logout", what: "context", context: "other", api: cloud.endpoints.api },
  });
  await run("context use default");
  expect(await run("context delete other")).toEqual({ done: "delete", what: "context", context: "other" });
  await run("completion fish");
  for (const name of ["acme", "spare"]) await run(`workspace create ${name}`);
  expect(await run("workspace use acme")).toEqual({
    ...{ done: "use", what: "workspace", workspace: "acme", context: "default" },
  });
  await run("workspace list");
  await run("workspace get");
  await run("workspace update --description d");
  await run("workspace delete spare");
};

const people = async (): Promise<void> => {
  const invited = await run<{ id: string; code: string }>("invitation create --role viewer");
  await run("invitation list");
  await run(`invitation get ${invited.id}`);
  const guest = { SLIPWAY_API: cloud.endpoints.api, SLIPWAY_TOKEN: await cloud.token("gina") };
  await run("invitation accept --code -", [], { stdin: invited.code, env: guest });
  const taken = await run<{ id: string }>("invitation create --role viewer");
  expect(await run(`invitation delete ${taken.id}`)).toEqual({
    ...{ done: "delete", what: "invitation", invitation: taken.id },
  });
  await run("member list");
  await run("member get gina");
  await run("member update gina --role operator");
  expect(await run("member delete gina")).toEqual({ done: "delete", what: "member", member: "gina" });
  const { id } = await run<{ id: string }>("credential create ci --role viewer");
  await run("credential list");
  await run(`credential get ${id}`);
  expect(await run(`credential delete ${id}`)).toEqual({ done: "delete", what: "credential", credential: id });
};

const components = async (): Promise<void> => {
  await run("component create com.example.A");
  await run("component update com.example.A --description d");
  await run("component list");
  await run("component get com.example.A");
  await run("component import aws.greengrass.Cli");
  const version = "com.example.A 1.0.0";
  await run(`version create ${version}`, ["--recipe", "run: echo a"]);
  await run(`version update ${version} --description d`);
  await run(`version findings ${version}`);
  const created = await run<{ upload: Upload }>(`file create ${version}`, body(declared("dist/a", "a")));
  await sendFile(created.upload, "a");
  await run(`file list ${version}`);
  await run(`file get ${version} dist/a`);
  await run(`file create ${version}`, body(declared("dist/b", "b")));
  expect(await run(`file delete ${version} dist/b`)).toEqual({
    ...{ done: "delete", what: "file", component: "com.example.A", version: "1.0.0", path: "dist/b" },
  });
  const large = {
    path: "src/large",
    size: SINGLE_UPLOAD_BYTES + 1,
    sha256: sha256(Buffer.alloc(SINGLE_UPLOAD_BYTES + 1)),
  };
  await run(`file create ${version}`, body(large));
  await run(`upload get ${version} src/large`);
  const parts = await cli.list<{ size: number; upload: Upload }>(["upload", "get", ...version.split(" "), "src/large"]);
  for (const part of parts) await sendFile(part.upload, Buffer.alloc(part.size));
  await run(`upload complete ${version} src/large`);
  await run(`file delete ${version} src/large`);
  await run(`version publish ${version}`);
  await run("version list com.example.A");
  await run(`version get ${version}`);
  await run(`version deprecate ${version} --reason old`);
  await run(`version restore ${version}`);
  await run(`version usage ${version} --of nodes`);
  await run(`version export ${version}`);
  await run("version create com.example.A 2.0.0", ["--recipe", "run: echo b"]);
  await run("version diff com.example.A 2.0.0 1.0.0");
  await run("version delete com.example.A 2.0.0");
  file("hello/recipe.yaml", "run: echo a\n");
  file("hello/dist/a", "a");
  await run("component push hello --component com.example.B --version 1.0.0 --publish");
  await run("component pull pulled/hello --component com.example.B --version 1.0.0");
  await run("version delete com.example.B 1.0.0");
  expect(await run("component delete com.example.B")).toEqual({
    ...{ done: "delete", what: "component", component: "com.example.B" },
  });
};

const nodes = async (): Promise<void> => {
  for (const name of ["gateways", "spare"]) await run(`group create ${name}`);
  await run("group list");
  await run("group get gateways");
  await run("group update gateways --description d");
  await run("node create n1 --groups gateways");
  await run("node list");
  await run("node update n1 --description d");
  await run("node groups n1 --add spare");
  await run("token create n1");
  await run("token get n1");
  expect(await run("token revoke n1")).toEqual({ done: "revoke", what: "token", node: "n1" });
  const { token } = await run<{ token: string }>("node register n1");
  const device = registrationOf(cloud);
  const { certificateId } = await device.enrol(token);
  const { thing } = await run<{ thing: string }>("node get n1");
  // Nobody waits for a device that is not connected.
  await device.connect(thing, certificateId, "disconnected");
  await run("node re-register n1");
  await run("certificate list n1");
  await run(`certificate revoke n1 ${certificateId}`);
  const rows = "name\nimported\n";
  const made = await run<{ id: string; upload: Upload }>("node-import create", body(importOf(rows)));
  await sendFile(made.upload, rows);
  await run(`node-import start ${made.id}`);
  await run("node-import list");
  await run(`node-import get ${made.id}`);
  await run(`node-import delete ${made.id}`);
};

const deployments = async (): Promise<void> => {
  const components = { "com.example.A": { version: "^1.0.0" } };
  for (const [noun, name] of [
    ["deployment", "gateways"],
    ["node-deployment", "n1"],
  ]) {
    await run(`${noun} update ${name}`, body({ components, priority: noun === "deployment" ? 1 : 2 }));
    await run(`${noun} refresh ${name}`);
    const replacement = { components, priority: noun === "deployment" ? 3 : 4 };
    const target = `--${noun === "deployment" ? "group" : "node"} ${name}`;
    const edit = `${target} --replace -f ${file("edit.json", JSON.stringify(replacement))}`;
    const { hash } = await run<{ hash: string }>(`deploy plan ${edit}`);
    await run(`${noun} replace ${name}`, body({ ...replacement, plan: hash }));
    await run(`${noun} roll-back ${name} --revision 1`);
    await run(`${noun} get ${name}`);
    await run(`${noun}-revision list ${name}`);
    await run(`${noun}-revision get ${name} 2`);
    await run(`${noun}-revision diff ${name} 2`);
    await run(`${noun}-status get ${name}`);
  }
  await run("deployment list");
  await run("deployment-node list gateways");
  await run("node-deployment delete n1");
  await run("deploy plan --group gateways --priority 9");
  await run("deploy apply --group gateways --priority 9 --yes");
  await run("deployment delete gateways");

  const [node, group] = [await run<Json>("node get n1"), await run<Json>("group create west")];
  const { id: workspaceId } = await run<{ id: string }>("workspace get");
  const groupId = (group.subject as { id: string }).id;
  const id = `${node.id}.group.${groupId}`;
  const drift = async (): Promise<void> => {
    const item = { ...{ kind: "group-membership", groupId, change: "added" }, workspaceId, id, detail: "seen" };
    const subject = { type: "node", id: node.id, name: "n1" };
    const Item = { ...keys.drift(workspaceId, id), type: "drift", ...item, subject, since: new Date().toISOString() };
    await cloud.documents.send(new PutCommand({ TableName: cloud.tables.control, Item }));
  };
  await drift();
  await run("drift list");
  await run(`drift get ${id}`);
  await run(`drift adopt ${id}`);
  await drift();
  await run(`drift repair ${id}`);
};

const releases = async (): Promise<void> => {
  const release = ["--app", "app", "--environment", "prod", "--version", "1", "--size", "1", "--sha256", sha256("a")];
  const { id, upload } = await run<{ id: string; upload: Upload }>("release create", release);
  await sendFile(upload, "a");
  await run(`release publish ${id}`);
  await run(`release update ${id} --rollout 50`);
  for (const verb of ["pause", "resume", "withdraw"]) await run(`release ${verb} ${id} --reason seen`);
  await run(`release publish ${id}`);
  await run(`release promote ${id} --environment beta`);
  await run("release list");
  await run(`release get ${id}`);
  await run(`release history ${id}`);
  await run(`release delete ${id}`);
  file("firmware.bin", "b");
  await run("ota publish firmware.bin --app other --environment prod --version 1");
  await run("signing-key get");
};

const records = async (): Promise<void> => {
  const rule = await run<{ id: string }>("event-rule create --source com.example.ci --operations deleteNode");
  await run("event-rule list");
  await run(`event-rule get ${rule.id}`);
  await run(`event-rule update ${rule.id} --operations createNode`);
  expect(await run(`event-rule delete ${rule.id}`)).toEqual({
    ...{ done: "delete", what: "event-rule", eventRule: rule.id },
  });
  const hook = await run<{ id: string }>("webhook create --url http://127.0.0.1:9/ --events slipway.webhook.test");
  await run("webhook list");
  await run(`webhook get ${hook.id}`);
  await run(`webhook update ${hook.id} --description d`);
  await run(`webhook test ${hook.id}`);
  await run(`webhook replay ${hook.id} --since 2026-01-01T00:00:00Z`);
  await run(`webhook-secret rotate ${hook.id}`);
  await run(`webhook-delivery list ${hook.id}`);
  expect(await run(`webhook delete ${hook.id}`)).toEqual({ done: "delete", what: "webhook", webhook: hook.id });
  await run("event list");
  await run("event tail --since 1h --count 1");
  await run("event-type list");
  await run("event-schema get slipway.node.offline 1");
  const { id } = await run<{ id: string }>("intent list --limit 1");
  await run(`intent get ${id}`);
  await run(`intent wait ${id}`);
  await run("audit list --limit 1");
  await run("audit export");
};

test("every command prints nothing but JSON with --json: an object, or a list's on a line each", async () => {
  await contexts();
  await people();
  await components();
  await nodes();
  await deployments();
  await releases();
  await records();
  await run("export");
  expect(await run("export -o fleet.json")).toEqual({
    ...{ done: "export", what: "workspace", workspace: "acme", file: "fleet.json" },
  });
  await run(`apply --yes -f ${file("more.yaml", "groups: { more: {} }\n")}`);
  await run("group delete more");
  await run("node delete imported");
  expect(faults).toEqual([]);
  expect(COMMANDS.filter((name) => !ran.has(name))).toEqual([]);
}, 300_000);

test("CSV is no JSON", async () => {
  const refused = await cli.run(["audit", "export", "--format", "csv", "--json"]);
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toContain("Take --json or --format csv, not both.");
});
