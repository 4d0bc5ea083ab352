import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DescribeThingCommand, paginateListThings } from "@aws-sdk/client-iot";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { runCloud } from "../../local/child.ts";
import { presignDownload } from "../../shared/aws/presigned.ts";
import { until } from "../local/until.ts";
import { compared } from "./support/agreement.ts";
import {
  aMember,
  aWorkspace,
  expecting,
  range,
  sendFile,
  startTestCloud,
  type TestCloud,
  testCloud,
  type Upload,
} from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { isLong } from "./support/long.ts";
import { machineOf } from "./support/machines.ts";
import {
  anUploadedImport,
  getImport,
  importOf,
  type NodeImportBody,
  resultsOf,
  runImport,
} from "./support/node-imports.ts";
import { registrationOf } from "./support/registration.ts";

let cloud: TestCloud;
let api: ApiClient;
let count = 0;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
});
afterAll(() => cloud?.remove());
afterEach(() => controlOf(cloud.endpoints).disarm());

/** A workspace with the node groups `one` and `two`. */
const withGroups = async (client = api): Promise<{ id: string; path: string }> => {
  count += 1;
  const workspace = await aWorkspace(client, `imports-${count}`);
  for (const name of ["one", "two"]) await client.done("POST", `${workspace.path}/node-groups`, { name });
  return workspace;
};

const things = async (workspaceId: string, of = cloud): Promise<string[]> => {
  const names: string[] = [];
  for await (const page of paginateListThings({ client: of.iot }, { maxResults: 250 })) {
    names.push(...(page.things ?? []).map(({ thingName = "" }) => thingName));
  }
  return names.filter((name) => name.includes(workspaceId));
};

const nodesIn = async (workspaceId: string, of = cloud) =>
  Object.values(await of.items()).filter((item) => item.type === "node" && item.workspaceId === workspaceId);

const objectsOf = async (id: string): Promise<string[]> => {
  const { Contents = [] } = await cloud.s3.send(new ListObjectsV2Command({ Bucket: cloud.importsBucket }));
  return Contents.map(({ Key = "" }) => Key).filter((key) => key.includes(id));
};
const idOf = (path: string): string => path.split("/").at(-1) ?? "";

/** What is recorded of the batches of an import. */
const batchesOf = async (path: string) =>
  Object.values(await cloud.items()).filter(({ pk, type }) => type === "node-import-batch" && pk.includes(idOf(path)));

/** So many nodes, the first in one group, the next in two, the next in none, and so on. */
const csvOf = (nodes: number): string =>
  ["name,groups", ...range(nodes).map((n) => `n${n},${["one", "one;two", ""][n % 3]}`)].join("\n");

describe("an import", () => {
  test("of CSV creates nodes with groups and attributes, and tells their tokens", async () => {
    const { id, path: workspace } = await withGroups();
    const text =
      '\ufeffname,groups,description,attr.site,attributes\r\na,one;two,"at, the door",oslo,"{""rack"":""7""}"\r\n\r\nb,,,,\r\n';
    const path = await anUploadedImport(api, workspace, text, { tokenExpiresInSeconds: 3_600 });
    expect(await getImport(api, path)).toMatchObject({ status: "draft", counts: { created: 0, tokens: 0 } });
    expect(await runImport(api, path)).toMatchObject({ status: "succeeded", subject: { type: "node-import" } });

    const done = await getImport(api, path);
    expect(done).toMatchObject({
      status: "succeeded",
      counts: { rows: 2, created: 2, existing: 0, failed: 0, tokens: 2 },
      faultCount: 0,
    });
    const results = await resultsOf(api, path);
    expect(results).toMatchObject([
      { line: "2", name: "a", status: "created", detail: "" },
      { line: "4", name: "b", status: "created" },
    ]);
    const { body: node } = await expecting(200, api.call<Record<string, unknown>>("GET", `${workspace}/nodes/a`));
    expect(node).toMatchObject({
      id: results[0]?.id,
      status: "active",
      description: "at, the door",
      attributes: { site: "oslo", rack: "7" },
      tokenExpiresAt: results[0]?.expiresAt,
    });
    expect(node).not.toHaveProperty("importId");
    expect(Date.parse(results[0]?.expiresAt ?? "") - Date.now()).toBeLessThanOrEqual(3_600_000);
    const thing = await cloud.iot.send(new DescribeThingCommand({ thingName: String(node.thing) }));
    expect(thing.attributes).toEqual({ site: "oslo", rack: "7", slipwayNode: node.id });
    expect(await things(id)).toHaveLength(2);
    const { wanted, held } = await compared(await cloud.items(), cloud);
    expect(held).toEqual(wanted);
  });

  test("of JSON Lines in several batches keeps the order of the file", async () => {
    const { id, path: workspace } = await withGroups();
    const text = range(250)
      .map((n) => JSON.stringify({ name: `n${n}`, groups: n % 2 === 0 ? ["one"] : [] }))
      .join("\n");
    const path = await anUploadedImport(api, workspace, text, { format: "jsonl" });
    expect(await runImport(api, path)).toMatchObject({ status: "succeeded" });
    expect((await getImport(api, path)).counts).toEqual({
      rows: 250,
      created: 250,
      existing: 0,
      failed: 0,
      tokens: 250,
    });
    const results = await resultsOf(api, path);
    expect(results.map(({ line, name }) => [line, name])).toEqual(range(250).map((n) => [String(n + 1), `n${n}`]));
    expect(new Set(results.map(({ token }) => token)).size).toBe(250);
    expect(await things(id)).toHaveLength(250);
    // What it worked with is gone: with the secret, and the parts of the results.
    expect(await objectsOf(idOf(path))).toEqual([`results/${id}/${idOf(path)}.csv`, `uploads/${id}/${idOf(path)}`]);
  });

  test("gives tokens that devices register with", async () => {
    const { path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, "name\nbox\n");
    await runImport(api, path);
    const [box] = await resultsOf(api, path);
    await registrationOf(cloud).enrol(box?.token ?? "");
    const { body: node } = await expecting(200, api.call<Record<string, unknown>>("GET", `${workspace}/nodes/box`));
    expect(node).toMatchObject({ id: box?.id, registeredAt: expect.any(String) });
    expect(node).not.toHaveProperty("tokenExpiresAt");
    expect((await registrationOf(cloud).register(box?.token)).status).toBe(401);
  });

  test.each([
    { role: "operator", scopes: ["node-imports:read"], links: false },
    { role: "viewer", scopes: undefined, links: false },
    { role: "operator", scopes: ["node-imports:write"], links: true },
    { role: "operator", scopes: undefined, links: true },
  ])("links a machine with the role $role and the scopes $scopes to its tokens: $links", async ({ links, ...of }) => {
    const { id, path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, "name\nbox\n");
    await runImport(api, path);
    const machine = await machineOf(api, cloud, id, { role: of.role, ...(of.scopes && { scopes: of.scopes }) });
    expect((await getImport(machine.client, path)).results !== undefined).toBe(links);
  });

  test("keeps tokens nowhere but where its results are", async () => {
    const { path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, "name\nsecret-1\n");
    await runImport(api, path);
    const [{ token } = { token: "" }] = await resultsOf(api, path);
    expect(token).toMatch(/^slw_/);
    const files = readdirSync(cloud.dir, { recursive: true, encoding: "utf8" })
      .map((name) => join(cloud.dir, name))
      .filter((file) => statSync(file).isFile());
    const holding = files.filter((file) => readFileSync(file).includes(token.slice(4)));
    expect(holding.every((file) => file.startsWith(join(cloud.dir, "s3")))).toBe(true);
    expect(holding).toHaveLength(1);
    // The search finds what is there: the name is in tables and in logs of the stand-ins.
    expect(files.some((file) => file.includes("dynamodb") && readFileSync(file).includes("secret-1"))).toBe(true);
  });
});

describe("a file with faults", () => {
  test("creates nothing, and every fault is told with its line", async () => {
    const { id, path: workspace } = await withGroups();
    const text = "name,groups,runtime,attr.a\na,one,,\nb b,one,,\nc,three,java,\na,,,\nd,,,x y\ne,one;one,\n";
    const path = await anUploadedImport(api, workspace, text);
    const intent = await runImport(api, path);
    expect(intent).toMatchObject({ status: "failed", problem: { code: "import-invalid", status: 422 } });
    expect(intent.problem?.detail).toMatch(/^line 3, name: .*; there are 5 faults$/);
    const found = await getImport(api, path);
    expect(found).toMatchObject({ status: "failed", faultCount: 5, counts: { created: 0 } });
    expect(found.faults.map(({ line, field, rule }) => [line, field, rule])).toEqual([
      [3, "name", "invalid-format"],
      [4, "runtime", "invalid-value"],
      [5, "name", "repeated"],
      [6, "attributes.a", "invalid-format"],
      [7, undefined, "syntax"],
    ]);
    expect(found.results).toBeUndefined();
    expect(await things(id)).toEqual([]);
    expect(await nodesIn(id)).toEqual([]);
  });

  test("keeps the first 100 with the import, and the first 1000 behind a link", async () => {
    const { path: workspace } = await withGroups();
    const text = `name\n${"a b\n".repeat(1_234)}`;
    const path = await anUploadedImport(api, workspace, text);
    expect(await runImport(api, path)).toMatchObject({ status: "failed", problem: { code: "import-invalid" } });
    const { faultCount, faults, faultFile } = await getImport(api, path);
    expect(faultCount).toBe(1_234);
    expect(faults.map(({ line }) => line)).toEqual(range(100).map((n) => n + 2));
    const lines = (await (await fetch(faultFile?.url ?? "")).text()).trimEnd().split("\n");
    expect(lines).toHaveLength(1_000);
    expect(JSON.parse(lines[999] ?? "")).toMatchObject({ line: 1_001, field: "name" });
  });

  test.each([
    { note: "of no rows", text: "name\n", rule: "empty" },
    { note: "in an unknown group", text: "name,groups\na,three\n", rule: "unknown-node-group" },
    { note: "in a group twice, by name and id", text: "name,groups\na,one;<one>\n", rule: "repeated" },
  ])("$note is refused", async ({ text, rule }) => {
    const { path: workspace } = await withGroups();
    const { body: one } = await expecting(200, api.call<{ id: string }>("GET", `${workspace}/node-groups/one`));
    const path = await anUploadedImport(api, workspace, text.replace("<one>", one.id));
    expect(await runImport(api, path)).toMatchObject({ problem: { code: "import-invalid" } });
    expect((await getImport(api, path)).faults[0]).toMatchObject({ rule });
  });

  test("whose nodes are in more sets of groups than Greengrass serves in time is refused", async () => {
    const { path: workspace } = await withGroups();
    const more = range(5).map((n) => `g${n}`);
    for (const name of more) await api.done("POST", `${workspace}/node-groups`, { name });
    const all = ["one", "two", ...more];
    const sets = range(128).map((set) => all.filter((_, bit) => (set & (1 << bit)) !== 0).join(";"));
    const rows = ["nucleus", "nucleus-lite"].flatMap((runtime) => sets.map((set) => `${runtime},${set}`));
    const text = ["name,runtime,groups", ...rows.map((row, n) => `n${n},${row}`)].join("\n");
    const path = await anUploadedImport(api, workspace, text);
    expect(await runImport(api, path)).toMatchObject({ problem: { code: "import-invalid" } });
    expect((await getImport(api, path)).faults).toMatchObject([{ line: 252, rule: "too-many-sets" }]);
  });

  test("of more than 100,000 rows is refused, and read no further", async () => {
    const { id, path: workspace } = await withGroups();
    const text = `name\n${range(100_001)
      .map((n) => `n${n}\n`)
      .join("")}b b\n`;
    const path = await anUploadedImport(api, workspace, text);
    expect(await runImport(api, path)).toMatchObject({ problem: { code: "import-invalid" } });
    expect((await getImport(api, path)).faults).toMatchObject([{ line: 100_002, rule: "too-many-rows" }]);
    expect(await things(id)).toEqual([]);
  });

  test("may be started again once what it lacked is there", async () => {
    const { path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, "name,groups\na,three\n");
    expect(await runImport(api, path)).toMatchObject({ status: "failed" });
    await api.done("POST", `${workspace}/node-groups`, { name: "three" });
    expect(await runImport(api, path)).toMatchObject({ status: "succeeded" });
    expect(await getImport(api, path)).toMatchObject({ faultCount: 0, faults: [], counts: { created: 1 } });
  });
});

describe("nothing is created twice:", () => {
  test("the same file in another import finds its nodes there", async () => {
    const { id, path: workspace } = await withGroups();
    await api.done("POST", `${workspace}/nodes`, { name: "n1" });
    const first = await anUploadedImport(api, workspace, csvOf(5));
    expect(await runImport(api, first)).toMatchObject({ status: "succeeded" });
    expect((await getImport(api, first)).counts).toEqual({ rows: 5, created: 4, existing: 1, failed: 0, tokens: 4 });
    const before = await nodesIn(id);
    const again = await anUploadedImport(api, workspace, csvOf(5));
    expect(await runImport(api, again)).toMatchObject({ status: "succeeded" });
    expect((await getImport(api, again)).counts).toEqual({ rows: 5, created: 0, existing: 5, failed: 0, tokens: 0 });
    expect((await resultsOf(api, again)).map(({ status, token }) => [status, token])).toEqual(
      range(5).map(() => ["existing", ""]),
    );
    expect(await nodesIn(id)).toEqual(before);
    expect(await things(id)).toHaveLength(5);
  });

  test("an import that is done, or running, is not started", async () => {
    const { path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, csvOf(1));
    await controlOf(cloud.endpoints).arm("lambda:local-check-node-import", "Busy", 500);
    const started = await expecting(202, api.call<IntentBody>("POST", `${path}/start`));
    expect(await api.call("POST", `${path}/start`)).toMatchObject({ status: 409, body: { code: "not-ready" } });
    expect(await api.call("DELETE", path)).toMatchObject({ status: 409 });
    await controlOf(cloud.endpoints).disarm();
    expect(await api.ended(started.body.id)).toMatchObject({ status: "succeeded" });
    expect(await api.call("POST", `${path}/start`)).toMatchObject({ status: 409 });
  });

  test("a batch that comes again does nothing more", async () => {
    const { path: workspace } = await withGroups();
    await controlOf(cloud.endpoints).fault({ operation: "lambda:local-import-nodes", kind: "lost-answer", times: 2 });
    const path = await anUploadedImport(api, workspace, csvOf(3));
    const { id, status } = await runImport(api, path);
    expect(status).toBe("succeeded");
    const log = readFileSync(join(cloud.dir, "logs/functions.jsonl"), "utf8").split("\n");
    const done = log.filter((line) => line.includes(id) && line.includes('"import-nodes"') && line.includes('"done"'));
    expect(done).toHaveLength(3);
    expect((await getImport(api, path)).counts).toEqual({ rows: 3, created: 3, existing: 0, failed: 0, tokens: 3 });
  });
});

describe("a run that fails", () => {
  test("goes on where it was when it is started again, after AWS refused some nodes", async () => {
    const { id, path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, csvOf(250));
    await controlOf(cloud.endpoints).arm("iot:CreateThing", "InvalidRequestException", 400, 2);
    const failed = await runImport(api, path);
    expect(failed).toMatchObject({ status: "failed", problem: { code: "import-incomplete" } });
    expect(failed.problem?.detail).toBe("2 of 250 nodes were not created; for 2 of them the results say why");
    const { counts } = await getImport(api, path);
    expect(counts).toEqual({ rows: 250, created: 248, existing: 0, failed: 2, tokens: 248 });
    const partial = await resultsOf(api, path);
    expect(partial.filter(({ status }) => status === "failed")).toHaveLength(2);
    expect(partial.find(({ status }) => status === "failed")).toMatchObject({
      detail: "aws-refused: AWS answered InvalidRequestException",
      token: "",
    });
    expect((await nodesIn(id)).filter(({ status }) => status === "failed")).toHaveLength(2);

    const before = (await batchesOf(path)).filter(({ failed }) => failed === 0);
    expect(before.length).toBeGreaterThan(0);
    expect(await runImport(api, path)).toMatchObject({ status: "succeeded" });
    // What was done is left as it is.
    expect(await batchesOf(path)).toEqual(expect.arrayContaining(before));
    expect((await getImport(api, path)).counts).toEqual({
      rows: 250,
      created: 250,
      existing: 0,
      failed: 0,
      tokens: 250,
    });
    const whole = await resultsOf(api, path);
    expect(new Set((await nodesIn(id)).map(({ status }) => status))).toEqual(new Set(["active"]));
    // What was told before still holds.
    for (const row of partial.filter(({ status }) => status === "created")) expect(whole).toContainEqual(row);
  });

  test.runIf(isLong)("tells what kept its batches from being done, and goes on with them", async () => {
    const { id, path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, csvOf(150));
    await controlOf(cloud.endpoints).arm("iot:AddThingToThingGroup", "LimitExceededException", 410);
    const failed = await runImport(api, path);
    expect(failed.problem).toMatchObject({
      code: "import-incomplete",
      detail:
        "150 of 150 nodes were not created; what came in between last: throttled: AWS answered LimitExceededException",
    });
    expect(await resultsOf(api, path)).toEqual([]);
    const begun = await nodesIn(id);
    expect(begun.length).toBeGreaterThan(0);
    await controlOf(cloud.endpoints).disarm();
    expect(await runImport(api, path)).toMatchObject({ status: "succeeded" });
    const ids = (await resultsOf(api, path)).map((row) => row.id);
    expect(ids).toEqual(expect.arrayContaining(begun.map((node) => node.id)));
    expect(await things(id)).toHaveLength(150);
    expect((await getImport(api, path)).counts).toMatchObject({ created: 150, tokens: 150 });
  });

  test("leaves nodes that can be deleted once the import is", async () => {
    const { id, path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, csvOf(2));
    await controlOf(cloud.endpoints).arm("iot:CreateThing", "LimitExceededException", 410);
    expect(await runImport(api, path)).toMatchObject({ status: "failed" });
    await controlOf(cloud.endpoints).disarm();
    expect((await nodesIn(id)).map(({ status }) => status)).toEqual(["creating"]);
    await api.done("DELETE", path);
    expect((await nodesIn(id)).map(({ status }) => status)).toEqual(["failed"]);
    await api.done("DELETE", `${workspace}/nodes/n0`);
    expect(await nodesIn(id)).toEqual([]);
  });

  test("because nothing was uploaded can be started once it is", async () => {
    const { path: workspace } = await withGroups();
    const { body } = await expecting(
      201,
      api.call<NodeImportBody & { upload: Upload }>("POST", `${workspace}/node-imports`, {
        body: importOf("name\na\n"),
      }),
    );
    const path = `${workspace}/node-imports/${body.id}`;
    expect(await runImport(api, path)).toMatchObject({ status: "failed", problem: { code: "artifact-missing" } });
    await sendFile(body.upload, "name\na\n");
    expect(await runImport(api, path)).toMatchObject({ status: "succeeded" });
  });

  test.runIf(isLong)("is whole after the supervisor was killed in the middle of it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "slipway-imports-"));
    const dir = join(folder, "data");
    let running = await runCloud(dir);
    let killed = testCloud(running, folder);
    try {
      let client = await killed.client();
      const { id, path: workspace } = await withGroups(client);
      const path = await anUploadedImport(client, workspace, csvOf(600));
      const { body } = await expecting(202, client.call<IntentBody>("POST", `${path}/start`));
      await until(async () => (await getImport(client, path)).counts.created > 0, { what: "the first batch" });
      const exited = new Promise((resolve) => running.child.once("exit", resolve));
      running.child.kill("SIGKILL");
      await exited;
      killed.disconnect();
      running = await runCloud(dir, { portBase: running.portBase });
      killed = testCloud(running, folder);
      client = await killed.client();
      expect(await client.ended(body.id, 120_000)).toMatchObject({ status: "succeeded" });
      expect((await getImport(client, path)).counts).toEqual({
        rows: 600,
        created: 600,
        existing: 0,
        failed: 0,
        tokens: 600,
      });
      expect(new Set((await resultsOf(client, path)).map(({ token }) => token)).size).toBe(600);
      expect(await things(id, killed)).toHaveLength(600);
      const { wanted, held } = await compared(await killed.items(), killed);
      expect({ ...held, revisions: {} }).toEqual({ ...wanted, revisions: {} });
    } finally {
      await killed.remove();
    }
  });
});

describe("the links of an import", () => {
  test("are for operators and above, and are in no list", async () => {
    const { id, path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, csvOf(1));
    await runImport(api, path);
    for (const role of ["viewer", "operator"] as const) await aMember(cloud, role, id, role);
    expect((await getImport(await cloud.client("operator"), path)).results?.url).toContain("X-Amz-Signature");
    const viewer = await cloud.client("viewer");
    const { results: _link, ...shown } = await getImport(api, path);
    expect(await getImport(viewer, path)).toEqual(shown);
    expect(await viewer.call("POST", `${path}/start`)).toMatchObject({ status: 403 });
    expect((await api.call("GET", `${workspace}/node-imports`)).body).toEqual({ items: [shown] });
  });

  test("are of no use to other workspaces", async () => {
    const { path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, csvOf(1));
    const stranger = await cloud.client("stranger");
    expect(await stranger.call("GET", path)).toMatchObject({ status: 404 });
    const other = await withGroups(stranger);
    expect(await stranger.call("GET", `${other.path}/node-imports/${idOf(path)}`)).toMatchObject({ status: 404 });
    expect(await stranger.call("POST", `${other.path}/node-imports/${idOf(path)}/start`)).toMatchObject({
      status: 404,
    });
  });

  test("end after a quarter of an hour, and cannot be made to last", async () => {
    const { id, path: workspace } = await withGroups();
    const path = await anUploadedImport(api, workspace, csvOf(1));
    await runImport(api, path);
    const { url = "", expiresAt = "" } = (await getImport(api, path)).results ?? {};
    expect(new URL(url).searchParams.get("X-Amz-Expires")).toBe("900");
    expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(900_000);
    const answer = await fetch(url);
    expect(answer.headers.get("content-disposition")).toBe(`attachment; filename*=UTF-8''${idOf(path)}.csv`);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect((await fetch(url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"))).status).toBe(403);
    const { region, s3, accessKeyId, secretAccessKey } = cloud.endpoints;
    vi.stubEnv("AWS_REGION", region);
    vi.stubEnv("AWS_ENDPOINT_URL_S3", s3);
    vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
    const object = { bucket: cloud.importsBucket, key: `results/${id}/${idOf(path)}.csv`, name: "results.csv" };
    const madeAgo = (minutes: number) => presignDownload(object, 900, new Date(Date.now() - minutes * 60_000));
    expect((await fetch((await madeAgo(14)).url)).status).toBe(200);
    expect((await fetch((await madeAgo(16)).url)).status).toBe(403);
    vi.unstubAllEnvs();
  });
});

test("an import is deleted with all that it has in S3 and in the table, and its nodes stay", async () => {
  const { id, path: workspace } = await withGroups();
  const path = await anUploadedImport(api, workspace, csvOf(3));
  await runImport(api, path);
  expect(await api.call("DELETE", workspace)).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("node imports") },
  });
  await api.done("DELETE", path);
  expect(await api.call("GET", path)).toMatchObject({ status: 404 });
  expect(await objectsOf(idOf(path))).toEqual([]);
  const left = Object.entries(await cloud.items()).filter(([key]) => key.includes(idOf(path)));
  expect(left).toEqual([]);
  expect(await nodesIn(id)).toHaveLength(3);
});
