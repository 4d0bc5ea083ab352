import { createServer } from "node:http";
import { gunzipSync } from "node:zlib";
import chromium from "@sparticuz/chromium";
import { type Browser, chromium as driver, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeDocsPage } from "../../functions/docs/make-page.ts";
import { routes } from "../../shared/declared/routes.ts";
import { until } from "../local/until.ts";
import { startTestCloud, type TestCloud } from "./support/cloud.ts";
import { ask } from "./support/http.ts";

const html = gunzipSync(Buffer.from(makeDocsPage().gzipped, "base64")).toString("utf8");

let cloud: TestCloud;
let browser: Browser;

beforeAll(async () => {
  cloud = await startTestCloud();
  // One process for all, which its package proposes for Lambda, ends with its first page.
  const args = chromium.args.filter((arg) => arg !== "--single-process" && arg !== "--no-zygote");
  browser = await driver.launch({ executablePath: await chromium.executablePath(), args });
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await cloud?.remove();
});

interface Seen {
  readonly page: Page;
  readonly requests: string[];
  readonly complaints: string[];
}

const open = async (url: string): Promise<Seen> => {
  const page = await browser.newPage();
  const seen: Seen = { page, requests: [], complaints: [] };
  page.on("request", (request) => seen.requests.push(request.url()));
  page.on("console", (message) => message.type() === "error" && seen.complaints.push(message.text()));
  page.on("pageerror", (error) => seen.complaints.push(error.message));
  await page.goto(url);
  await page.waitForSelector(".opblock", { timeout: 20_000 });
  return seen;
};

describe("the page of the contract, in a browser", () => {
  test("shows every operation and webhook, and asks nobody but the API", async () => {
    const { page, requests, complaints } = await open(`${cloud.endpoints.api}/v1/docs`);
    // Of so many, those alone are drawn that are in view.
    const told = (await (await fetch(`${cloud.endpoints.api}/v1/openapi.json`)).json()) as {
      readonly webhooks: Readonly<Record<string, { readonly post: { readonly operationId: string } }>>;
    };
    const hooks = Object.values(told.webhooks);
    const wanted = [...Object.keys(routes), ...hooks.map(({ post }) => post.operationId)];
    const shown = new Set<string>();
    await page.mouse.move(200, 200);
    await until(
      async () => {
        const ids = await page.locator(".opblock").evaluateAll((all) => all.map(({ id }) => id));
        for (const id of ids) shown.add(id);
        await page.mouse.wheel(0, 300);
        return shown.size >= wanted.length;
      },
      { what: "all operations and webhooks" },
    );
    const named = [...shown].map((id) => id.split("-").at(-1));
    expect(named.sort()).toEqual(wanted.sort());
    expect(new Set(requests.filter((url) => !url.startsWith("data:")))).toEqual(
      new Set([`${cloud.endpoints.api}/v1/docs`, `${cloud.endpoints.api}/v1/openapi.json`]),
    );
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("tells of an operation what it takes and what it may answer", async () => {
    const { page, complaints } = await open(`${cloud.endpoints.api}/v1/docs#/workspaces/createWorkspace`);
    const block = page.locator("#operations-workspaces-createWorkspace");
    await block.locator(".responses-wrapper").waitFor();
    const told = await block.innerText();
    for (const part of ["Idempotency-Key", "name", "202", "409", "Accepted; the intent tells what comes of it"]) {
      expect(told).toContain(part);
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("runs no script that is put into it", async () => {
    const { page } = await open(`${cloud.endpoints.api}/v1/docs`);
    await expect(page.addScriptTag({ content: "document.title = 'taken over'" })).rejects.toThrow();
    expect(await page.title()).toBe("Slipway API");
    await page.close();
  });

  test("sends nothing to another server", async () => {
    const reached: string[] = [];
    const other = createServer((request, response) => {
      reached.push(String(request.url));
      response.setHeader("access-control-allow-origin", "*").end();
    });
    await new Promise<void>((listening) => other.listen(0, "127.0.0.1", listening));
    const { port } = other.address() as { port: number };
    const { page } = await open(`${cloud.endpoints.api}/v1/docs`);
    const outcome = await page.evaluate(
      (url) =>
        fetch(url).then(
          () => "reached",
          (error: Error) => error.name,
        ),
      `http://127.0.0.1:${port}/`,
    );
    await page.close();
    await new Promise((closed) => other.close(closed));
    expect([outcome, reached]).toEqual(["TypeError", []]);
  });
});

describe("the page, over HTTP", () => {
  const get = (...headers: string[]) => ask(cloud.endpoints.api, { path: "/v1/docs", headers });

  test.each([
    { takes: undefined, isGzip: false },
    { takes: "gzip", isGzip: true },
    { takes: "br, gzip;q=0.5", isGzip: true },
    { takes: "*", isGzip: true },
    { takes: "gzip;q=0", isGzip: false },
    { takes: "gzip; q=0.000", isGzip: false },
    { takes: "br", isGzip: false },
    { takes: "x-gzip-not", isGzip: false },
  ])("comes compressed to those who take it: $takes", async ({ takes, isGzip }) => {
    const answer = await get(...(takes === undefined ? [] : ["Accept-Encoding", takes]));
    expect(answer.status).toBe(200);
    expect(answer.headers["content-encoding"]).toBe(isGzip ? "gzip" : undefined);
    expect(answer.headers.vary?.toLowerCase()).toContain("accept-encoding");
    expect((isGzip ? gunzipSync(answer.body) : answer.body).toString("utf8") === html).toBe(true);
  });
});
