import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CommandLine, commandLine } from "./support.ts";

const API = "https://api.example.com";

let cli: CommandLine;

beforeEach(() => {
  cli = commandLine();
  write({ api: API, workspace: "acme", login: { by: "token", token: "t" } });
});
afterEach(() => cli.remove());

const write = (context: object): void => {
  mkdirSync(dirname(cli.configFile), { recursive: true });
  writeFileSync(cli.configFile, JSON.stringify({ current: "a", contexts: { a: context } }), { mode: 0o600 });
};
const kept = () => JSON.parse(readFileSync(cli.configFile, "utf8"));

test.each([`${API}/`, `${API}/v1`, `${API}/v1/`, "https://API.example.com:443"])(
  "the login of a server is found by each way to write its address: %s",
  async (api) => {
    const shown = { context: "a", api: API, workspace: "acme", login: "token" };
    expect(await cli.json(["context", "show", "--api", api])).toMatchObject(shown);
    expect(await cli.json(["context", "show"], { env: { SLIPWAY_API: api } })).toMatchObject(shown);
    write({ api, workspace: "acme", login: { by: "token", token: "t" } });
    expect(await cli.json(["context", "show", "--api", API])).toMatchObject(shown);
    await cli.json(["context", "set", "a", "--api", API, "--workspace", "other"]);
    expect(kept().contexts.a).toEqual({ api: API, workspace: "other", login: { by: "token", token: "t" } });
  },
);

test("another server has no part in it", async () => {
  for (const api of [`${API}:8443`, `${API}/v2`, "https://example.com"]) {
    const shown = await cli.json(["context", "show", "--api", api]);
    expect(shown).toMatchObject({ api, login: "none" });
    expect(shown).not.toHaveProperty("context");
  }
});

test.each(["constructor", "toString", "__proto__"])("%s is a name like any other", async (name) => {
  for (const args of [
    ["context", "use", name],
    ["context", "delete", name],
    ["context", "show", "--context", name],
    ["logout", "--context", name],
  ]) {
    expect(await cli.run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining("there is no") });
  }
  expect(kept().current).toBe("a");
  expect(await cli.run(["context", "set", name, "--api", API])).toMatchObject({ code: 0 });
  expect(await cli.run(["context", "use", name])).toMatchObject({ code: 0 });
  expect(await cli.json(["context", "show"])).toMatchObject({ context: name, api: API, login: "none" });
  expect(await cli.run(["context", "delete", name])).toMatchObject({ code: 0 });
  expect(Object.keys(kept().contexts)).toEqual(["a"]);
});
