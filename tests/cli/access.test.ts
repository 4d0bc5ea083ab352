import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { startTestCloud, type TestCloud } from "../integration/support/cloud.ts";
import { until } from "../local/until.ts";
import { type CommandLine, commandLine, errorOf } from "./support.ts";

interface Made {
  readonly id: string;
  readonly secret: string;
  readonly code: string;
}

let cloud: TestCloud;
let owner: CommandLine;
const others: CommandLine[] = [];

/** A command line of someone, logged in by a token. */
const person = async (subject: string): Promise<CommandLine> => {
  const cli = commandLine({ SLIPWAY_WORKSPACE: "acme" });
  others.push(cli);
  const stdin = await cloud.token(subject);
  const { code, stderr } = await cli.run(["login", "--api", cloud.endpoints.api, "--token", "-"], { stdin });
  if (code !== 0) throw new Error(stderr);
  return cli;
};

/** A command line of a machine, logged in by client credentials at the API's own token endpoint. */
const machine = async ({ id, secret }: Made) => {
  const cli = commandLine({ SLIPWAY_WORKSPACE: "acme" });
  others.push(cli);
  const args = ["login", "--api", cloud.endpoints.api, "--client-id", id, "--client-secret", "-", "--json"];
  return { cli, login: await cli.run(args, { stdin: `${secret}\n` }) };
};

beforeAll(async () => {
  cloud = await startTestCloud();
  owner = await person("olga");
  await owner.json(["workspace", "create", "acme"]);
});
afterAll(async () => {
  for (const cli of others) cli.remove();
  await cloud?.remove();
});

describe("a machine", () => {
  test("logs in with a credential, works within its scopes, and has its token renewed", async () => {
    const made = await owner.json<Made>([
      ...["credential", "create", "ci", "--role", "operator"],
      ...["--scopes", "nodes:write,releases:read", "--expires-in-seconds", "3600"],
    ]);
    const { cli, login } = await machine(made);
    expect(login).toMatchObject({ code: 0 });
    await cli.json(["node", "create", "gateway-1"]);
    expect((await cli.list(["node", "list"])).map(({ name }) => name)).toEqual(["gateway-1"]);
    expect(errorOf(await cli.run(["group", "list", "--json"]))).toMatchObject({ exit: "forbidden" });

    const kept = () => JSON.parse(readFileSync(cli.configFile, "utf8"));
    const config = kept();
    expect(config.contexts.default.login).toMatchObject({ by: "client-credentials", clientId: made.id });
    const first = config.contexts.default.login.token;
    expect(first).toMatch(/^sla_/);
    config.contexts.default.login.expiresAt = new Date().toISOString();
    writeFileSync(cli.configFile, JSON.stringify(config));
    await cli.list(["node", "list"]);
    expect(kept().contexts.default.login.token).not.toBe(first);

    const [listed] = await owner.list(["credential", "list"]);
    expect(listed).toMatchObject({ id: made.id, name: "ci", lastUsedAt: expect.any(String) });
    expect(await owner.json(["credential", "get", made.id])).toEqual(listed);
    expect(JSON.stringify(listed)).not.toContain("slc_");
    expect((await owner.run(["credential", "delete", made.id])).code).toBe(0);
    const refused = await cli.run(["node", "list"]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("slipway login");
  });

  test("with a wrong secret is not logged in, and one that asks too often may ask later", async () => {
    const made = await owner.json<Made>(["credential", "create", "wrong", "--role", "viewer"]);
    const { cli, login } = await machine({
      ...made,
      secret: made.secret.replace(/.$/, (one) => (one === "0" ? "1" : "0")),
    });
    expect(login.code).toBe(3);
    expect((await cli.run(["context", "list"])).stderr).toContain("There is none yet");
    const slipway = createClient({ url: cloud.endpoints.api, retries: 0 });
    const body = { grant_type: "client_credentials", client_id: made.id, client_secret: made.secret };
    expect((await slipway.createToken({ body })).token_type).toBe("Bearer");
    const isThrottled = async () => (await slipway.createToken({ body }).catch((error) => error)).status === 429;
    // A minute may end in between: then there is to be asked more.
    await until(async () => (await isThrottled()) && (await machine(made)).login.code === 8, {
      what: "the rate's end",
    });
  });
});

test("members are invited, join by a code that no command line shows, change role, and go", async () => {
  const invited = await owner.json<Made>(["invitation", "create", "--role", "viewer", "--subject", "gina"]);
  const [waiting] = await owner.list(["invitations", "list"]);
  expect(waiting?.id).toBe(invited.id);
  expect(await owner.json(["invitation", "get", invited.id])).toEqual(waiting);
  const guest = await person("gina");
  const shown = await guest.run(["invitation", "accept", "--code", invited.code]);
  expect(shown.code).toBe(2);
  expect(shown.stderr).not.toContain(invited.code);
  const file = join(guest.folder, "code");
  writeFileSync(file, `${invited.code}\n`);
  expect(await guest.json(["invitation", "accept", "--code", `@${file}`])).toMatchObject({ role: "viewer" });
  const taken = await owner.json<Made>(["invitation", "create", "--role", "viewer"]);
  expect((await owner.run(["invitation", "delete", taken.id])).code).toBe(0);

  const member = (await owner.list(["member", "list"])).find(({ subject }) => subject === "gina");
  expect(member).toMatchObject({ role: "viewer", invitedBy: "olga" });
  const id = String(member?.id);
  for (const reference of [id, "gina"]) expect(await owner.json(["member", "get", reference])).toEqual(member);
  expect(await owner.json(["member", "update", id, "--role", "maintainer"])).toMatchObject({ role: "maintainer" });
  expect((await guest.run(["group", "list"])).code).toBe(0);
  expect((await owner.run(["member", "delete", id])).code).toBe(0);
  expect((await guest.run(["group", "list"])).code).toBe(5);
});

test("a rule for events is read and changed, under the revision that was seen if that is asked for", async () => {
  const rule = ["event-rule", "create", "--source", "com.example.ci", "--operations", "deleteNode"];
  const { id, etag } = await owner.json<{ id: string; etag: string }>([...rule, "--description", "by hand"]);
  const asked = ["event-rule", "update", id, "--operations", "createNode,deleteNode", "--no-description"];
  const changed = await owner.json([...asked, "--if-match", etag]);
  expect(changed).toMatchObject({ source: "com.example.ci", operations: ["createNode", "deleteNode"] });
  expect(changed).not.toHaveProperty("description");
  expect(await owner.json(["event-rule", "get", id])).toEqual(changed);
  expect((await owner.run([...asked, "--if-match", etag])).code).toBe(6);
  expect((await owner.run(["event-rule", "delete", id])).code).toBe(0);
  expect((await owner.run(["event-rule", "get", id])).code).toBe(5);
  expect(errorOf(await owner.run(["drift", "get", "none", "--json"]))).toMatchObject({
    detail: "there is no drift none",
  });
});

test("the audit is listed by time and actor, and exported whole", async () => {
  const since = new Date().toISOString();
  await owner.json(["group", "create", "audited"]);
  const listed = await owner.list(["audit", "list", "--from", since]);
  expect(listed.map(({ operation }) => operation)).toEqual(["intent.succeeded", "createNodeGroup"]);
  const [day, clock] = new Date(Date.parse(since) + 5_400_000).toISOString().slice(0, -1).split("T");
  expect(await owner.list(["audit", "list", "--from", `${day}T${clock}+01:30`])).toEqual(listed);
  expect((await owner.run(["audit", "list", "--limit", "1"])).stdout).toContain("node-group");
  const object = String((listed[1]?.object as { id: string } | undefined)?.id);
  const exported = async (...args: string[]) =>
    (await owner.run(["audit", "export", ...args])).stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
  expect(await exported("--from", since)).toEqual(listed);
  await until(async () => (await exported("--object", object)).length === 2, { what: "the index of objects" });
  const all = await owner.list(["audit", "list"]);
  expect((await exported()).length).toBe(all.length);
  const { stdout } = await owner.run(["audit", "export", "--format", "csv"]);
  const rows: { id: string; changes: string }[] = parse(stdout, { columns: true, record_delimiter: "\r\n" });
  expect(rows.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
  expect(rows.map(({ changes }) => JSON.parse(changes))).toEqual(all.map(({ changes }) => changes));
  expect((await owner.run(["audit", "export", "--format", "xlsx"])).code).toBe(2);
});
