import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type CommandLine, commandLine, type Ran } from "./support.ts";

const open: { server?: Server; cli?: CommandLine } = {};
afterEach(() => {
  open.server?.close();
  open.cli?.remove();
});

type Answer = readonly [status: number, body: object | string];

const refused = (error: string): Answer => [400, { error, error_description: `it is ${error}` }];
const tokens: Answer = [200, { access_token: "the.token", token_type: "Bearer", expires_in: 600 }];
const PROMPT = {
  device_code: "the-device-code",
  user_code: "WXYZ",
  verification_uri: "http://127.0.0.1/device",
  interval: 1,
};

/** An issuer, and an API that takes its token: what is asked for one after the other gets these answers, the last again and again. */
const loggedIn = async (
  answers: readonly Answer[],
  { expiresIn = 600, issuer, device }: { expiresIn?: number; issuer?: string; device?: Answer } = {},
): Promise<Ran> => {
  let polls = 0;
  const server = createServer((request, response) => {
    const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const answer = ([status, body]: Answer) =>
      response
        .writeHead(status, { "content-type": typeof body === "string" ? "text/html" : "application/json" })
        .end(typeof body === "string" ? body : JSON.stringify(body));
    request.resume();
    if (request.url === "/v1/workspaces?limit=1") return answer([200, { items: [] }]);
    if (request.url?.startsWith("/.well-known/")) {
      const endpoints = { token_endpoint: `${here}/token`, device_authorization_endpoint: `${here}/device` };
      return answer([200, { issuer: issuer ?? here, ...endpoints }]);
    }
    if (request.url === "/device") return answer(device ?? [200, { ...PROMPT, expires_in: expiresIn }]);
    polls += 1;
    return answer(answers[Math.min(polls, answers.length) - 1] ?? [500, ""]);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cli = commandLine();
  Object.assign(open, { server, cli });
  return cli.run(["login", "--api", here, "--issuer", here]);
};

describe("the device flow", () => {
  test("waits while the person has not agreed, and longer when it asks too often", async () => {
    const ran = await loggedIn([refused("authorization_pending"), refused("slow_down"), tokens]);
    expect(ran).toMatchObject({ code: 0, stdout: "" });
    expect(ran.stderr).toContain("shows the code WXYZ");
    expect(ran.stderr).not.toContain("the.token");
  });

  test.each([
    ["was not entered in time", [refused("expired_token")], {}, "it is expired_token"],
    [
      "ends by itself while nobody agrees",
      [refused("authorization_pending")],
      { expiresIn: 2 },
      "nobody entered the code in time",
    ],
    ["was refused", [refused("access_denied")], {}, "it is access_denied"],
    [
      "is for a client that the issuer does not know",
      [],
      { device: refused("invalid_client") },
      "it is invalid_client",
    ],
  ] as const)("a code that %s is no login, and says what to do", async (_what, answers, options, told) => {
    const ran = await loggedIn(answers, options);
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain(told);
    expect(ran.stderr).toContain("Log in again: slipway login");
    expect(ran.stderr).not.toMatch(/\n\s+at /);
    expect((await (open.cli as CommandLine).run(["context", "list"])).stderr).toContain("There is none yet");
  });

  test.each([
    ["is another than it says", [tokens], { issuer: "http://127.0.0.1:1" }],
    ["answers with a page", [], { device: [200, "<html>"] }],
    ["cannot answer now", [[503, "<html>"]], {}],
  ] as const)("an issuer that %s is told of as unavailable", async (_what, answers, options) => {
    const ran = await loggedIn(answers, options);
    expect(ran.code).toBe(8);
    expect(ran.stderr).toMatch(
      /slipway: http:\/\/127\.0\.0\.1:\d+ does not answer as it should: .*\nCheck its address\.\n$/,
    );
  });
});
