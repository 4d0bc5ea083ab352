import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CommandLine, commandLine, errorOf } from "./support.ts";

const INTENT = {
  ...{ id: "int_1", kind: "node.create", status: "running", workspaceId: "ws_1", attempt: 1 },
  subject: { type: "node", id: "nod_1", name: "edge-1", href: "/v1/x" },
  ...{ createdAt: "2026-11-21T00:00:00.000Z", updatedAt: "2026-11-21T00:00:00.000Z" },
};

/** An API whose one intent never ends. */
const server = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(INTENT));
});
let cli: CommandLine;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  cli = commandLine({ SLIPWAY_API: `http://127.0.0.1:${port}`, SLIPWAY_TOKEN: "t" });
});
afterAll(() => {
  cli?.remove();
  server.close();
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
});
