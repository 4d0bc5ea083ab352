import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { each } from "../../cli/push.ts";
import { sendFile } from "../../cli/upload.ts";
import { commandLine, errorOf } from "./support.ts";

/** What the server does with each request; each test says its own. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const server = createServer((request, response) => answer(request, response));
let url: string;
let folder: string;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), "slipway-upload-"));
  writeFileSync(join(folder, "a.bin"), "content");
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  answer = (_request, response) => response.writeHead(500).end();
});

const aborted = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("after the first failure nothing more is begun, what is under way is broken off, and that failure is told", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const failure = new Error("the third is broken");
  const work = each([0, 1, 2, 3, 4, 5, 6, 7], async (one, signal) => {
    begun.push(one);
    try {
      if (one === 2) throw failure;
      await aborted(signal);
    } finally {
      ended.push(one);
    }
  });
  await expect(work).rejects.toBe(failure);
  expect(begun).toEqual([0, 1, 2, 3]);
  expect(ended.sort()).toEqual(begun);
});

const send = (signal: AbortSignal, idle?: number) =>
  sendFile(
    { method: "PUT", url, headers: {} },
    join(folder, "a.bin"),
    { start: 0, length: 7 },
    { onBytes: () => {}, signal, next: "Again.", ...(idle !== undefined && { idle }) },
  );

test("an upload whose connection is dead is tried again, and one that is broken off ends", async () => {
  const { signal } = new AbortController();
  let tries = 0;
  answer = (_request, response) => {
    tries += 1;
    if (tries > 2) response.writeHead(200, { etag: '"e"' }).end();
  };
  expect(await send(signal, 100)).toBe('"e"');
  expect(tries).toBe(3);

  const stopped = new AbortController();
  const reason = new Error("no more");
  answer = () => stopped.abort(reason);
  await expect(send(stopped.signal)).rejects.toBe(reason);
});

test("an upload that never gets through says for how long nothing moved", async () => {
  answer = () => {};
  await expect(send(new AbortController().signal, 50)).rejects.toMatchObject({
    ...{ exit: "unavailable", next: "Again." },
    message: expect.stringMatching(/a\.bin failed: nothing moved for 0\.05 s$/),
  });
});

test("who fails to upload a release is told that the same command makes another one", async () => {
  answer = (request, response) => {
    if (request.method === "PUT") {
      response.writeHead(403).end("<Error><Message>Request has expired</Message></Error>");
      return;
    }
    const made = { id: "rel_1", upload: { method: "PUT", url: `${url}/upload`, headers: {} } };
    response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(made));
  };
  const cli = commandLine({ SLIPWAY_API: url, SLIPWAY_TOKEN: "t", SLIPWAY_WORKSPACE: "acme" });
  const args = ["ota", "publish", join(folder, "a.bin"), "--app", "a", "--environment", "prod", "--version", "1"];
  const ran = await cli.run([...args, "--json"]);
  cli.remove();
  expect(ran.code).toBe(7);
  expect(errorOf(ran)).toMatchObject({
    detail: expect.stringContaining("Request has expired"),
    next: "Run the same command again, which makes another release; slipway release delete rel_1 removes this one.",
  });
});

test("a pull whose one file is refused breaks off the others, and leaves no half of one", async () => {
  const paths = Array.from({ length: 12 }, (_none, index) => `dist/${index}`);
  const begun: string[] = [];
  const closed: Promise<unknown>[] = [];
  answer = (request, response) => {
    const { pathname } = new URL(request.url ?? "", url);
    if (pathname.startsWith("/v1/")) {
      const items = paths.map((path) => ({
        ...{ path, size: 7, sha256: "0".repeat(64) },
        download: { method: "GET", url: `${url}/${path}` },
      }));
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ items }));
      return;
    }
    begun.push(pathname);
    if (begun.length < 4) {
      closed.push(once(response, "close"));
      response.writeHead(200, { "content-length": 7 }).write("con");
    } else response.writeHead(403).end();
  };
  const cli = commandLine({ SLIPWAY_API: url, SLIPWAY_TOKEN: "t", SLIPWAY_WORKSPACE: "acme" });
  const pull = ["component", "pull", "found", "--component", "com.example.A", "--version", "1.0.0", "--json"];
  const ran = await cli.run(pull);
  await Promise.all(closed);
  expect([ran.code, errorOf(ran).detail]).toEqual([7, expect.stringContaining("status 403")]);
  expect(begun).toHaveLength(4);
  expect(existsSync(join(cli.folder, "found/dist"))).toBe(true);
  expect(readdirSync(join(cli.folder, "found/dist"))).toEqual([]);
  cli.remove();
});
