import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { type CommandLine, commandLine, errorOf } from "./support.ts";

const INTENT = {
  ...{ id: "int_1", kind: "node.create", status: "running", workspaceId: "ws_1", attempt: 1 },
  subject: { type: "node", id: "nod_1", name: "edge-1", href: "/v1/x" },
  ...{ createdAt: "2026-11-21T00:00:00.000Z", updatedAt: "2026-11-21T00:00:00.000Z" },
};

const REGISTRATION = { token: "once", command: "sh once", expiresAt: "2026-11-22T00:00:00.000Z" };

type Answer = (response: ServerResponse) => void;
const json =
  (status: number, body: object): Answer =>
  (response) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const running = json(200, INTENT);
const hanging: Answer = () => {};

/** What a look at the intent is answered. */
let look: Answer;

/** An API that has no nodes, and makes any. */
const server = createServer((request, response) => {
  const answer = request.method === "POST" ? json(202, { ...INTENT, registration: REGISTRATION }) : look;
  const isNode = request.method === "GET" && request.url?.includes("/nodes/");
  (isNode ? json(404, { ...PROBLEM, code: "not-found" }) : answer)(response);
});
const PROBLEM = { type: "t", title: "t", status: 404, code: "internal", detail: "it is broken" };
let cli: CommandLine;
let url: string;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cli = commandLine({ SLIPWAY_API: url, SLIPWAY_TOKEN: "t", SLIPWAY_WORKSPACE: "acme" });
});
afterAll(() => {
  cli?.remove();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  look = running;
});

test("who waits no longer is told how to go on", async () => {
  const ran = await cli.run(["intent", "wait", "int_1", "--timeout", "200ms", "--json"]);
  expect(ran.code).toBe(10);
  expect(errorOf(ran)).toMatchObject({
    ...{ exit: "timeout", code: "timeout", intent: "int_1" },
    next: "It goes on: slipway intent wait int_1.",
  });
});

test("Ctrl-C ends the wait, with the exit code that shells know", async () => {
  const asked = once(server, "request");
  const child = cli.start(["intent", "wait", "int_1"]);
  let told = "";
  child.stderr?.on("data", (text) => {
    told += text;
  });
  const closed = once(child, "close");
  await asked;
  child.kill("SIGINT");
  expect((await closed)[0]).toBe(130);
  expect(told).not.toContain("at ");
  expect(told).toContain(
    "the wait for the intent int_1 broke off: interrupted\nIt goes on: slipway intent wait int_1.",
  );
});

test("a look that hangs is bound by the whole wait's time too", async () => {
  look = hanging;
  const ran = await cli.run(["node", "create", "edge-1", "--timeout", "300ms", "--json"]);
  expect(ran.code).toBe(10);
  expect(errorOf(ran)).toMatchObject({
    ...{ exit: "timeout", intent: "int_1", detail: "the intent int_1 is still running after 0.3 s" },
    next: "It goes on: slipway intent wait int_1.",
  });
  await expect(createClient({ url: url, token: "t" }).waitForIntent("int_2", { timeout: 100 })).rejects.toMatchObject({
    name: "DeadlineError",
    intent: { id: "int_2" },
  });
});

test("a caller's own reason ends the wait before its time", async () => {
  const controller = new AbortController();
  look = () => controller.abort(new Error("no more"));
  const { signal } = controller;
  await expect(createClient({ url: url, token: "t" }).waitForIntent("int_2", { signal })).rejects.toThrow(/^no more$/);
});

const ENDS: readonly (readonly [string, Answer, number, object])[] = [
  [
    "is refused to look",
    json(401, { ...PROBLEM, status: 401, code: "unauthorized" }),
    3,
    {
      detail: "the wait for the intent int_1 broke off: it is broken",
      next: "Log in again: slipway login. It goes on: slipway intent wait int_1.",
      intent: "int_1",
    },
  ],
  [
    "reaches nobody",
    (response) => response.destroy(),
    8,
    {
      detail: expect.stringMatching(/^the wait for the intent int_1 broke off: http.* does not answer/),
      next: expect.stringMatching(/ It goes on: slipway intent wait int_1\.$/),
      intent: "int_1",
    },
  ],
  ["hangs", hanging, 10, { intent: "int_1" }],
  ["sees it fail", json(200, { ...INTENT, status: "failed", problem: PROBLEM }), 9, { intent: "int_1" }],
];

test.each(ENDS)(
  "who waits and %s is told of the intent, and of what is shown once",
  async (_how, answer, code, told) => {
    look = answer;
    const again = ["--timeout", answer === hanging ? "300ms" : "60s"];
    const created = await cli.run(["node", "create", "edge-1", ...again, "--json"]);
    expect(created.code).toBe(code);
    expect(errorOf(created)).toMatchObject(told);
    expect(JSON.parse(created.stdout)).toEqual({ ...INTENT, registration: REGISTRATION });

    const registered = await cli.run(["node", "register", "edge-1", ...again, "--json"]);
    expect([registered.code, JSON.parse(registered.stdout)]).toEqual([code, { node: "edge-1", ...REGISTRATION }]);

    const shown = await cli.run(["node", "register", "edge-1", ...again]);
    expect([shown.code, shown.stdout]).toEqual([code, "sh once\n"]);
  },
);

test.each([
  ["create", "once"],
  ["register", "sh once\n"],
])("node %s shows people what is shown once before it waits", async (verb, text) => {
  look = hanging;
  const child = cli.start(["node", verb, "edge-1"]);
  let stdout = "";
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (bytes) => {
      stdout += bytes;
      if (stdout.includes(text)) resolve();
    });
    child.once("close", () => reject(new Error(`it ended with ${stdout}`)));
  });
  const closed = once(child, "close");
  child.kill("SIGINT");
  expect((await closed)[0]).toBe(130);
});

test("what ends well is one object, with what is shown once and how it ended", async () => {
  look = json(200, { ...INTENT, status: "succeeded" });
  expect(await cli.json(["node", "create", "edge-1"])).toEqual({
    ...{ ...INTENT, status: "succeeded" },
    registration: REGISTRATION,
  });
  expect(await cli.json(["node", "register", "edge-1"])).toEqual({ node: "edge-1", ...REGISTRATION });
  expect(await cli.json(["node", "create", "edge-1", "--no-wait"])).toEqual({ ...INTENT, registration: REGISTRATION });
});
