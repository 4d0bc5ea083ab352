import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCloud, type TestCloud } from "../integration/support/cloud.ts";
import { type CommandLine, commandLine, type Ran } from "./support.ts";

let cloud: TestCloud;
let cli: CommandLine;

beforeAll(async () => {
  cloud = await startTestCloud();
  cli = commandLine();
});
afterAll(async () => {
  cli?.remove();
  await cloud?.remove();
});

/** A browser as far as forms and cookies go: the answer to a page's form, filled in. */
const browser = () => {
  const cookies = new Map<string, string>();
  const visit = async (url: string, form?: URLSearchParams): Promise<{ url: string; html: string }> => {
    const answer = await fetch(url, {
      ...(form !== undefined && { method: "POST", body: form }),
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [name = "", value = ""] = (cookie.split(";")[0] ?? "").split("=");
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = answer.headers.get("location");
    const html = await answer.text();
    return location === null ? { url, html } : visit(new URL(location, url).href);
  };
  const submit = (at: { url: string; html: string }, fields: Record<string, string>) => {
    const [, action] = /<form[^>]* action="([^"]+)"/.exec(at.html) ?? [];
    const hidden = [...at.html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
    const given = hidden.map(([, name = "", value = ""]): [string, string] => [name, value]);
    return visit(new URL(action ?? at.url, at.url).href, new URLSearchParams([...given, ...Object.entries(fields)]));
  };
  /** The first page submits itself, where there are scripts. */
  const open = async (url: string) => submit(await visit(url), {});
  return { open, submit };
};

/** Starts a login and reads the address that it tells the person to open. */
const deviceLogin = async (): Promise<{ url: string; ended: Promise<Ran> }> => {
  const child = cli.start(["login", "--api", cloud.endpoints.api, "--issuer", cloud.endpoints.issuer]);
  let stderr = "";
  const closed = once(child, "close");
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      const [, shown] = /^Open (\S+)\n/.exec(stderr) ?? [];
      if (shown !== undefined) resolve(shown);
    });
    void closed.then(() => reject(new Error(stderr)));
  });
  return { url, ended: closed.then(([code]) => ({ code, stdout: "", stderr })) };
};

const kept = () => JSON.parse(readFileSync(cli.configFile, "utf8")).contexts.default;

test("a person logs in in a browser, and the login is renewed when its token has ended", async () => {
  const { url, ended } = await deviceLogin();
  const { open, submit } = browser();
  const asked = await open(url);
  expect(asked.html).toContain("Is this the code in your terminal?");
  const login = await submit(asked, {});
  expect(login.html).toContain("Who are you?");
  const done = await submit(login, { subject: "someone" });
  expect(done.html).toContain("The terminal goes on.");
  expect(`${asked.html}${login.html}${done.html}`).not.toMatch(/https:\/\//);
  expect(await ended).toMatchObject({ code: 0 });

  await cli.json(["workspace", "create", "theirs"]);
  const { login: first } = kept();
  expect(JSON.parse(Buffer.from(first.token.split(".")[1], "base64url").toString())).toMatchObject({
    ...{ sub: "someone", aud: "slipway" },
  });

  const config = JSON.parse(readFileSync(cli.configFile, "utf8"));
  config.contexts.default.login.expiresAt = new Date().toISOString();
  writeFileSync(cli.configFile, JSON.stringify(config));
  expect((await cli.list(["workspace", "list"])).map(({ name }) => name)).toEqual(["theirs"]);
  expect(kept().login.token).not.toBe(first.token);

  config.contexts.default.login.refreshToken = "not-one";
  writeFileSync(cli.configFile, JSON.stringify(config));
  const ran = await cli.run(["workspace", "list"]);
  expect(ran.code).toBe(3);
  expect(ran.stderr).toContain("slipway login");

  expect((await cli.run(["logout"])).code).toBe(0);
  expect(kept()).toEqual({ api: cloud.endpoints.api });
});

test("a person who refuses is not logged in", async () => {
  const { url, ended } = await deviceLogin();
  const { open, submit } = browser();
  await submit(await open(url), { abort: "yes" });
  const ran = await ended;
  expect(ran.code).toBe(3);
  expect(ran.stderr).toMatch(/refuses: .*\n/);
  expect((await cli.run(["context", "show"])).stdout).not.toContain("device");
});

test("a machine logs in with client credentials, which are exchanged once for many commands", async () => {
  const token = await cloud.token("machine");
  const asked: { authorization: string | undefined; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked.push({ authorization: request.headers.authorization, body });
    const answer = { access_token: token, token_type: "Bearer", expires_in: 600 };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const tokenUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/token`;
  const machine = commandLine();
  const args = ["--client-id", "key1", "--client-secret", "-", "--token-url", tokenUrl];
  const ran = await machine.run(["login", "--api", cloud.endpoints.api, ...args], { stdin: "the secret\n" });
  expect(ran).toMatchObject({ code: 0 });
  await machine.json(["workspace", "create", "of-a-machine"]);
  await machine.list(["workspace", "list"]);
  server.close();
  const basic = `Basic ${Buffer.from("key1:the+secret").toString("base64")}`;
  expect(asked[0]).toEqual({ authorization: basic, body: "grant_type=client_credentials" });
  expect(asked.length).toBeLessThanOrEqual(2);
  machine.remove();
});

test("a secret on the command line is refused", async () => {
  const ran = await cli.run(["login", "--api", cloud.endpoints.api, "--client-id", "a", "--client-secret", "hunter2"]);
  expect(ran.code).toBe(2);
  expect(ran.stderr).not.toContain("hunter2");
});
