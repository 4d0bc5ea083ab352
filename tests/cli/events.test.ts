import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { stripVTControlCharacters } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { lineOf } from "../../cli/events.ts";
import type { Schemas } from "../../client/index.ts";
import { startTestCloud, type TestCloud } from "../integration/support/cloud.ts";
import { type CommandLine, commandLine, errorOf, logInTo } from "./support.ts";

type Event = Schemas["Event"];

const event = (id: string, more: Partial<Event> = {}): Event => ({
  ...{ specversion: "1.0", id, source: "/slipway/local", type: "slipway.node.offline", subject: "nod_1" },
  ...{ time: "2026-11-21T00:00:00.000Z", datacontenttype: "application/json", dataschema: "urn:x" },
  ...{ sequence: "0000000001", data: { name: `node of ${id}` } },
  ...more,
});

describe("a line tells what happened to what, and why:", () => {
  const subject = { type: "node", id: "nod_1", name: "edge-1" };
  const problem = { code: "busy", detail: "not now" };
  test.each<[string, Record<string, unknown>, string]>([
    ["intent.started", { kind: "node.create", subject }, "edge-1  node.create"],
    ["intent.failed", { kind: "node.create", subject, problem }, "edge-1  node.create  busy: not now"],
    ["intent.refused", { source: "x", operation: "createNode", problem }, "SUBJECT  createNode  busy: not now"],
    ["workspace.created", { name: "acme" }, "acme"],
    ["node.offline", { name: "edge-1", connection: { connected: false } }, "edge-1"],
    ["component-version.published", { component: "com.example.A", version: "1.0.0" }, "com.example.A@1.0.0"],
    [
      "component-version.deprecated",
      { component: "com.example.A", version: "1.0.0", deprecated: { reason: "old" } },
      "com.example.A@1.0.0  old",
    ],
    [
      "deployment.revised",
      { target: { type: "node", id: "nod_1" }, revision: 3, change: { kind: "patch" } },
      "nod_1  revision 3  patch",
    ],
    ["deployment.failed", { nodeId: "nod_1", error: "NO_SPACE" }, "nod_1  NO_SPACE"],
    ["drift.found", { kind: "thing-gone", subject, detail: "it is gone" }, "edge-1  thing-gone  it is gone"],
    ["release.published", { app: "os", version: "2", environment: "prod" }, "os@2  prod"],
    ["webhook.disabled", { disabled: { reason: "410" } }, "SUBJECT  410"],
    ["push.failed", { status: "failed", component: "com.example.A", problem }, "com.example.A  busy: not now"],
    ["node.connected", { name: "a\u001b[31mb\nc" }, "ab\ufffdc"],
  ])("%s", (type, data, told) => {
    const line = lineOf(event("evt_1", { type: `slipway.${type}`, subject: "SUBJECT", data }));
    expect(stripVTControlCharacters(line)).toBe(`2026-11-21T00:00:00.000Z  ${type.padEnd(28)}  ${told}\n`);
  });
});

/** What a command prints while it runs, and how it ends. */
const watch = (child: ReturnType<CommandLine["start"]>) => {
  const told = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      told[stream] += text;
    });
  }
  return { told, ended: once(child, "close").then(([code]) => code as number | null) };
};
const eventsIn = (text: string): Event[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Event);

describe("a tail", () => {
  /** What the API answers to requests one after the other, and then nothing new. */
  let answers: ((response: ServerResponse) => void)[] = [];
  let asked: URLSearchParams[] = [];
  const page = (ids: readonly string[], resume: string, nextCursor?: string) => (response: ServerResponse) => {
    const body = { items: ids.map((id) => event(id)), resume, ...(nextCursor !== undefined && { nextCursor }) };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
  const hangUp = (response: ServerResponse) => response.destroy();
  const refuse = (response: ServerResponse) => {
    const problem = { type: "x", title: "x", status: 400, code: "invalid-cursor", detail: "too old" };
    response.writeHead(400, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
  };
  const server = createServer((request, response) => {
    const answer = answers[asked.length] ?? page([], "end");
    asked.push(new URL(request.url ?? "", "http://x").searchParams);
    answer(response);
  });
  let cli: CommandLine;

  beforeAll(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    cli = commandLine({ SLIPWAY_API: `http://127.0.0.1:${port}`, SLIPWAY_TOKEN: "t", SLIPWAY_WORKSPACE: "acme" });
  });
  afterEach(() => {
    answers = [];
    asked = [];
  });
  afterAll(() => {
    cli?.remove();
    server.close();
  });
  const tail = (...more: string[]) => cli.run(["events", "tail", "--interval", "1ms", "--json", ...more]);

  test("follows pages, goes on from the position, and prints each event once", async () => {
    answers = [page(["evt_1", "evt_2"], "r1", "n1"), page(["evt_3"], "r2"), page(["evt_2", "evt_3", "evt_4"], "r3")];
    const { code, stdout } = await tail("--count", "4", "--since", "1h", "--subject", "nod_1");
    expect(code).toBe(0);
    expect(eventsIn(stdout)).toEqual(["evt_1", "evt_2", "evt_3", "evt_4"].map((id) => event(id)));
    expect(asked.map((query) => query.get("cursor"))).toEqual([null, "n1", "r2"]);
    const since = Date.parse(asked[0]?.get("since") ?? "");
    expect(Math.abs(Date.now() - 3_600_000 - since)).toBeLessThan(600_000);
    for (const query of asked) expect(query.get("subject")).toBe("nod_1");
  });

  test("asks for the types that it is given", async () => {
    answers = [page(["evt_1"], "r1")];
    await tail("--count", "1", "--type", "slipway.node.*", "--type", "slipway.intent.failed,slipway.drift.found");
    expect(asked[0]?.get("type")).toBe("slipway.node.*,slipway.intent.failed,slipway.drift.found");
  });

  test("goes on where it was after the API was away for longer than a request is tried", async () => {
    answers = [page(["evt_1"], "r1"), ...Array.from({ length: 6 }, () => hangUp), page(["evt_1", "evt_2"], "r2")];
    const { code, stdout } = await tail("--count", "2");
    expect(code).toBe(0);
    expect(eventsIn(stdout).map(({ id }) => id)).toEqual(["evt_1", "evt_2"]);
    expect(new Set(asked.slice(1).map((query) => query.get("cursor")))).toEqual(new Set(["r1"]));
  });

  test("says so once to people", async () => {
    answers = [page([], "r1"), ...Array.from({ length: 12 }, () => hangUp), page(["evt_1"], "r2")];
    const { stdout, stderr } = await cli.run(["events", "tail", "--interval", "1ms", "--count", "1"]);
    expect(stdout).toContain("node of evt_1");
    expect(stderr.match(/does not answer/g)).toHaveLength(1);
  });

  test("ends when the API never answered, and when it refuses to go on", async () => {
    answers = Array.from({ length: 5 }, () => hangUp);
    expect((await tail()).code).toBe(8);
    expect(asked).toHaveLength(5);
    asked = [];
    answers = [page(["evt_1"], "r1"), refuse];
    const refused = await tail();
    expect(refused.code).toBe(7);
    expect(errorOf(refused)).toMatchObject({ code: "invalid-cursor" });
    expect(eventsIn(refused.stdout)).toHaveLength(1);
  });

  test("ends by Ctrl-C without a word", async () => {
    answers = [page(["evt_1"], "r1")];
    const child = cli.start(["events", "tail", "--json"]);
    const { told, ended } = watch(child);
    await once(child.stdout as NonNullable<typeof child.stdout>, "data");
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(told.stderr).toBe("");
    expect(eventsIn(told.stdout)).toHaveLength(1);
  });
});

describe("of a workspace", () => {
  let cloud: TestCloud;
  let cli: CommandLine;
  beforeAll(async () => {
    cloud = await startTestCloud();
    cli = commandLine();
    await logInTo(cli, cloud.endpoints.api, await cloud.token());
  });
  afterAll(async () => {
    cli?.remove();
    await cloud?.remove();
  });

  test("all kinds are told of as they happen, and can be listed", async () => {
    const type = ["--type", "slipway.intent.*", "--type", "slipway.deployment.revised"];
    const { told, ended } = watch(
      cli.start(["events", "tail", "--interval", "50ms", "--since", "1h", "--count", "7", ...type]),
    );
    await cli.json(["group", "create", "watched"]);
    expect(await ended).toBe(0);
    // The workspace's own three, then those of the group's intent and its deployment's.
    for (const what of ["intent.accepted", "intent.started", "intent.succeeded"]) {
      expect(told.stdout).toMatch(new RegExp(`Z  ${what} +acme  workspace\\.create\n`));
      expect(told.stdout).toMatch(new RegExp(`Z  ${what} +watched  node-group\\.create\n`));
    }
    expect(told.stdout).toMatch(/Z {2}deployment\.revised +grp_\w+ {2}revision 1\n/);

    const listed = await cli.list<Event>(["events", "list"]);
    expect(listed.length).toBeGreaterThan(7);
    const chosen = await cli.list<Event>(["event", "list", "--type", "slipway.deployment.revised"]);
    expect(chosen).toEqual(listed.filter((one) => one.type === "slipway.deployment.revised"));
    const { stdout } = await cli.run(["events", "list", "--limit", "1"]);
    expect(stdout).toMatch(/^TIME +TYPE +SUBJECT/);
  });

  test("one who may not see it is told so at once", async () => {
    const refused = await cli.run(["events", "tail", "--workspace", "none", "--json"]);
    expect(refused.code).toBe(5);
    expect((await cli.run(["events", "tail", "--type", "x", "--json"])).code).toBe(7);
  });
});
