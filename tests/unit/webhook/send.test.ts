import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { send } from "../../../functions/webhooks/send.ts";
import { startReceiver } from "../../integration/support/receiver.ts";

let receiver: Awaited<ReturnType<typeof startReceiver>>;
beforeAll(async () => {
  receiver = await startReceiver();
});
afterAll(() => receiver.close());

const sending = (url: string) => ({ url, headers: { "webhook-id": "one" }, body: "{}" });
const here = { address: "127.0.0.1", family: 4 };
const there = { address: "93.184.215.14", family: 4 };

describe("a name", () => {
  test.each([
    ["of this machine", [here]],
    ["of this machine beside a public one", [there, here]],
    ["of the metadata service", [{ address: "169.254.169.254", family: 4 }]],
    ["of nobody", []],
  ])("%s is sent nothing", async (_, addresses) => {
    const url = `https://name.example:${receiver.port}/private`;
    const { tried } = await send(sending(url), { loopback: false, resolve: async () => addresses });
    expect(tried).not.toHaveProperty("status");
    expect(tried.error).toMatch(/no public one|no address/);
    expect(receiver.at("/private")).toEqual([]);
  });

  test("is asked for once, and what was looked at is what is connected to", async () => {
    const asked: string[] = [];
    const other = createServer();
    const connections: unknown[] = [];
    other.on("connection", (socket) => {
      connections.push(socket);
      socket.destroy();
    });
    await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
    const { port } = other.address() as AddressInfo;
    // The first answer leads to the server, and every later one elsewhere.
    const resolve = async (name: string) => {
      asked.push(name);
      return asked.length === 1 ? [here] : [there];
    };
    const { tried } = await send(sending(`https://rebound.example:${port}/`), { loopback: true, resolve });
    expect(asked).toEqual(["rebound.example"]);
    expect(connections).toHaveLength(1);
    expect(tried.error).toBeDefined();
    await new Promise((done) => other.close(done));
  });
});

describe("a receiver that hangs", () => {
  test.each([
    ["before it answers", "/silent"],
    ["in resolving its name", "https://slow.example/"],
  ])("%s is given up", async (_, where) => {
    receiver.answer("/silent", () => undefined);
    const url = where.startsWith("/") ? receiver.url(where) : where;
    const resolve = () => new Promise<never>(() => undefined);
    const { tried } = await send(sending(url), { loopback: true, resolve, timeoutMs: 50 });
    expect(tried).toMatchObject({ error: "no answer in time" });
  });

  test("in its answer has answered", async () => {
    receiver.answer("/begun", (response) => {
      response.writeHead(202);
      response.write("begun");
    });
    const { tried } = await send(sending(receiver.url("/begun")), { loopback: true });
    expect(tried).toMatchObject({ status: 202, answer: "begun" });
  });
});

test.each([
  ["120", 120],
  [new Date(Date.now() + 3_600_000).toUTCString(), expect.closeTo(3_600, -1)],
  [new Date(0).toUTCString(), 0],
  ["soon", undefined],
  ["-1", expect.toSatisfy((value) => value === undefined || value === 0)],
])("Retry-After: %s", async (header, expected) => {
  receiver.answer("/later", (response) => response.writeHead(429, { "retry-after": header }).end());
  const { retryAfterSeconds } = await send(sending(receiver.url("/later")), { loopback: true });
  expect(retryAfterSeconds).toEqual(expected);
});
