import chromium from "@sparticuz/chromium";
import { build } from "esbuild";
import { type Browser, chromium as driver } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as client from "../../client/index.ts";
import { startTestCloud, type TestCloud } from "../integration/support/cloud.ts";

let cloud: TestCloud;
let browser: Browser;

beforeAll(async () => {
  cloud = await startTestCloud();
  // As in the test of the contract's page: one process for all ends with its first page.
  const args = chromium.args.filter((arg) => arg !== "--single-process" && arg !== "--no-zygote");
  browser = await driver.launch({ executablePath: await chromium.executablePath(), args });
});
afterAll(async () => {
  await browser?.close();
  await cloud?.remove();
});

interface Where {
  readonly url: string;
  readonly token: string;
  readonly workspace: string;
}

/** What is tried, in Node and in a page: it must hold for itself, since it goes there as text. */
const tried = async ({ createClient, ProblemError, DeadlineError }: typeof client, where: Where) => {
  const { url, token, workspace } = where;
  const slipway = createClient({ url, token: async () => token });
  const made = await slipway.waitForIntent(await slipway.createWorkspace({ body: { name: workspace } }));
  const names = ["a", "b", "c"];
  for (const name of names) {
    await slipway.waitForIntent(await slipway.createNodeGroup({ workspace, body: { name } }));
  }
  const listed: string[] = [];
  for await (const { name } of slipway.items("listNodeGroups", { workspace, limit: 2 })) listed.push(name);
  const pages: number[] = [];
  for await (const { items } of slipway.pages("listNodeGroups", { workspace, limit: 2 })) pages.push(items.length);
  const { data, headers } = await slipway.call("getNodeGroup", { workspace, nodeGroup: "a" });
  const changed = await slipway.updateNodeGroup({
    ...{ workspace, nodeGroup: "a", ifMatch: headers.get("etag") ?? "" },
    body: { description: "changed" },
  });
  const thrown = async (asked: Promise<unknown>) => {
    const error = await asked.then(() => undefined).catch((caught: unknown) => caught);
    if (error instanceof ProblemError)
      return `${error.status} ${error.code} ${error.errors.map(({ pointer }) => pointer)}`;
    return error instanceof DeadlineError ? `deadline of ${error.intent.kind}` : String(error);
  };
  const release = await slipway.createRelease({
    workspace,
    body: { app: "firmware", environment: "prod", version: "1", size: 1, sha256: "0".repeat(64) },
  });
  const published = await slipway.publishRelease({ workspace, release: release.id });
  return {
    made: made.status,
    listed,
    pages,
    described: [data.description, changed.description],
    taken: await thrown(slipway.createNodeGroup({ workspace, body: { name: "a" } })),
    invalid: await thrown(slipway.createNodeGroup({ workspace, body: { name: "not a name" } })),
    failed: await thrown(slipway.waitForIntent(published)),
    aborted: await thrown(slipway.listWorkspaces({ signal: AbortSignal.abort(new Error("no more")) })),
  };
};

const EXPECTED = {
  made: "succeeded",
  listed: ["a", "b", "c"],
  pages: [2, 1],
  described: [undefined, "changed"],
  taken: "409 name-taken ",
  invalid: "400 invalid-request /name",
  failed: "422 artifact-missing ",
  aborted: "Error: no more",
};

test("the client works in Node", async () => {
  const where = { url: cloud.endpoints.api, token: await cloud.token(), workspace: "of-node" };
  expect(await tried(client, where)).toEqual(EXPECTED);
});

test("the client works in a browser", async () => {
  const { outputFiles } = await build({
    entryPoints: [new URL("../../client/index.ts", import.meta.url).pathname],
    ...{ bundle: true, platform: "browser", format: "iife", globalName: "slipwayClient", write: false },
  });
  const page = await browser.newPage();
  await page.goto(`${cloud.endpoints.api}/v1/openapi.json`); // any page of the API's own origin
  const where = { url: cloud.endpoints.api, token: await cloud.token(), workspace: "of-a-browser" };
  const text = `${outputFiles[0]?.text}; (${String(tried)})(slipwayClient, ${JSON.stringify(where)})`;
  expect(await page.evaluate(text)).toEqual(EXPECTED);
});
