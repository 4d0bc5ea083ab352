import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { chosenContext, type Login, readConfig, writeConfig } from "../../cli/config.ts";
import { tokenSource } from "../../cli/session.ts";

const API = "https://api.example.com";
const ENDED = new Date(0).toISOString();
const LATER = new Date(Date.now() + 3_600_000).toISOString();

/** The refresh tokens that were asked with, in their order. */
let asked: (string | null)[] = [];
let folder: string;

/** An issuer whose refresh tokens work once: `r1` gets `t2` and `r2`. */
const server = createServer(async (request, response) => {
  const issuer = `http://${request.headers.host}`;
  let answer: object = { issuer, token_endpoint: `${issuer}/token` };
  if (request.url === "/token") {
    let body = "";
    for await (const chunk of request) body += chunk;
    const refreshToken = new URLSearchParams(body).get("refresh_token");
    const isUsed = asked.includes(refreshToken);
    asked.push(refreshToken);
    if (isUsed) {
      response.writeHead(400, { "content-type": "application/json" }).end('{"error":"invalid_grant"}');
      return;
    }
    const number = Number(refreshToken?.slice(1)) + 1;
    answer = { access_token: `t${number}`, token_type: "bearer", expires_in: 600, refresh_token: `r${number}` };
  }
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
});

const loginOf = (number: number, expiresAt: string): Login => ({
  ...{ by: "device", clientId: "slipway-cli", token: `t${number}`, refreshToken: `r${number}`, expiresAt },
  issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
});
const keep = (login: Login) => writeConfig({ current: "default", contexts: { default: { api: API, login } } });

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server.close();
});
beforeEach(() => {
  asked = [];
  folder = mkdtempSync(join(tmpdir(), "slipway-session-"));
  vi.stubEnv("XDG_CONFIG_HOME", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test("requests beside each other share one renewal of the token that has ended", async () => {
  keep(loginOf(1, ENDED));
  const token = tokenSource(chosenContext({}));
  expect(await Promise.all(Array.from({ length: 8 }, token))).toEqual(Array(8).fill("t2"));
  expect(await token()).toBe("t2");
  expect(asked).toEqual(["r1"]);
  expect(readConfig().contexts.default?.login).toMatchObject({ token: "t2", refreshToken: "r2" });
});

test("a renewal that failed is tried anew by the next request", async () => {
  asked = ["r1"];
  keep(loginOf(1, ENDED));
  const token = tokenSource(chosenContext({}));
  await expect(Promise.all([token(), token()])).rejects.toMatchObject({ exit: "login" });
  keep(loginOf(5, ENDED));
  expect(await token()).toBe("t6");
  expect(asked).toEqual(["r1", "r1", "r5"]);
});

test("what another command has renewed meanwhile is taken, and not renewed again", async () => {
  keep(loginOf(1, ENDED));
  const token = tokenSource(chosenContext({}));
  keep(loginOf(2, LATER));
  expect(await token()).toBe("t2");
  expect(asked).toEqual([]);
});

test("a login of another server that has come into the context is neither taken nor written over", async () => {
  keep(loginOf(1, ENDED));
  const token = tokenSource(chosenContext({}));
  const login = loginOf(7, LATER);
  writeConfig({ current: "default", contexts: { default: { api: "https://other.example.com", login } } });
  expect(await token()).toBe("t2");
  expect(asked).toEqual(["r1"]);
  expect(readConfig().contexts.default?.login).toEqual(login);
});
