import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../../local/api-client.ts";
import {
  anUploadedRelease,
  aPublishedComponent,
  aWorkspace,
  expecting,
  releaseOf,
  type StoredItem,
  startTestCloud,
  type TestCloud,
} from "../support/cloud.ts";
import { REFUSALS, type Refusal } from "./bad-input.cases.ts";

let cloud: TestCloud;
let api: ApiClient;
/** What stands in braces in the paths and headers of the cases. */
let values: Record<string, string>;
let before: Record<string, StoredItem>;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  const { path: ws, id } = await aWorkspace(api, "acme");
  const group = await api.done("POST", `${ws}/node-groups`, { name: "g" });
  await api.done("POST", `${ws}/node-groups`, { name: "g-2" });
  const node = await api.done("POST", `${ws}/nodes`, { name: "n", groups: ["g"] });
  await aPublishedComponent(api, ws, "com.example.A");
  const draft = { version: "2.0.0", recipe: { run: "true" } };
  const versions = `${ws}/components/com.example.A/versions`;
  await expecting(201, api.call("POST", versions, { body: draft }));
  const release = await anUploadedRelease(api, ws, "app");
  const other = await aWorkspace(api, "other");
  for (const name of ["a", "b"]) await api.done("POST", `${other.path}/node-groups`, { name });
  const cursorOf = async (list: string) =>
    (await api.call<{ nextCursor: string }>("GET", `${list}?limit=1`)).body.nextCursor;
  const cursor = await cursorOf(`${ws}/node-groups`);
  const [list = ""] = JSON.parse(Buffer.from(cursor, "base64url").toString()) as [string];
  const forged = (content: unknown) => Buffer.from(JSON.stringify(content)).toString("base64url");
  values = {
    ws,
    group: group.subject.id,
    node: node.subject.id,
    release,
    workspace: id,
    cursor,
    foreignCursor: await cursorOf(`${other.path}/node-groups`),
    intentsCursor: await cursorOf(`${ws}/intents`),
    cursorOfNumber: forged([list, 7]),
    cursorOfNothing: forged([list, ""]),
    cursorOfObject: forged([list, { pk: id, sk: "workspace" }]),
    cursorOfThree: forged([list, "a", "b"]),
    stale: forged(["plan", `${"0".repeat(64)} 10`]),
    cursorOfElse: forged([`${id}#member`, "a"]),
    intentsCursorOfText: forged([`${id}#intent`, "no id"]),
  };
  before = await cloud.items();
});
afterAll(() => cloud?.remove());

const filled = (text: string): string => text.replace(/<(\w+)>/g, (_, name: string) => values[name] ?? `no ${name}`);

const send = async ({ method, path, body, headers = {} }: Refusal) => {
  const raw = typeof body === "string" ? filled(body) : body;
  return api.call<{ errors?: { pointer?: string; parameter?: string; rule: string; detail: string }[] }>(
    method,
    filled(path),
    {
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, filled(value)])),
      ...(raw !== undefined && { body: raw }),
    },
  );
};

/** What the tables held before this and hold now; the next call starts from here, so that one case fails alone. */
const sinceLast = async () => {
  const was = before;
  before = await cloud.items();
  return { was, now: before };
};

test("the table has at least sixty cases, each once", () => {
  expect(REFUSALS.length).toBeGreaterThanOrEqual(60);
  const titles = REFUSALS.map(({ what }) => what);
  expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
});

describe("a bad request is refused with a problem document and changes nothing", () => {
  test.each(REFUSALS)("$what", async (refusal) => {
    const { status, headers, body } = await send(refusal);
    if (status === 202) await api.ended(String((body as { id?: string }).id));
    const { was, now } = await sinceLast();
    expect([status, (body as { code?: string }).code]).toEqual([refusal.status, refusal.code]);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({
      type: `/v1/problems/${refusal.code}`,
      title: expect.stringMatching(/./),
      status,
      detail: expect.stringMatching(/./),
    });
    expect(JSON.stringify(body)).not.toMatch(/\.ts\b|node_modules|SyntaxError|at Object/); // no stack, no source
    if (refusal.at !== undefined) {
      const places = (body.errors ?? []).map(({ pointer, parameter }) => pointer ?? `?${parameter}`);
      expect(places).toContain(filled(refusal.at));
      for (const finding of body.errors ?? []) {
        expect([finding.rule, finding.detail]).toEqual([expect.stringMatching(/./), expect.stringMatching(/./)]);
      }
    }
    if (refusal.allow !== undefined) expect(headers.get("allow")?.split(", ").sort()).toEqual(refusal.allow);
    expect(now).toEqual(was);
  });
});

describe("configuration, which may be any JSON object", () => {
  /** As JSON text, for what an object of JavaScript cannot say. */
  const MERGES: Record<string, string> = {
    "a member with an empty name": '{"":"x"}',
    "empty things and null": '{"text":"","nothing":null,"list":[[],{},[null]]}',
    "characters outside the basic plane, and NUL": JSON.stringify({ text: "\u0000\u{1f600}" }),
    "a number above the safe integers": '{"number":12345678901234567000}',
    "a huge number": '{"number":1e+300}',
    "a tiny number": '{"number":5e-324}',
    "20 levels": `{"deep":${"[".repeat(20)}${"]".repeat(20)}}`,
    "100 levels": `{"deep":${"[".repeat(100)}${"]".repeat(100)}}`,
    "a member called __proto__": '{"__proto__":{"a":1}}',
    "a member called constructor": '{"constructor":{"a":1}}',
  };

  test.each(Object.entries(MERGES))("is kept exactly as it was sent, or refused: %s", async (_, merge) => {
    const path = `${values.ws}/node-groups/g/deployment`;
    const body = `{"components":{"com.example.A":{"version":"1.0.0","merge":${merge}}}}`;
    const answer = await api.call("PATCH", path, { body });
    if (answer.status === 202) {
      expect((await api.ended(String(answer.body.id))).status).toBe("succeeded");
      const stored = await api.call<{ components: Record<string, { merge?: unknown }> }>("GET", path);
      // Not `toEqual`, for which a member called __proto__ is none.
      expect(isDeepStrictEqual(stored.body.components["com.example.A"]?.merge, JSON.parse(merge))).toBe(true);
    } else {
      expect([answer.status, answer.body.code]).toEqual([400, "invalid-request"]);
    }
  });

  const withBig = (name: string) => ({
    components: { [name]: { version: "1.0.0", merge: { big: "x".repeat(16_000) } } },
  });

  test("is refused when edits add up to more than a device takes", async () => {
    const path = `${values.ws}/node-groups/g-2/deployment`;
    await aPublishedComponent(api, values.ws ?? "", "com.example.B");
    await api.done("PATCH", path, withBig("com.example.A"));
    const { status, body } = await api.call("PATCH", path, { body: withBig("com.example.B") });
    expect([status, body.code]).toEqual([400, "invalid-request"]);
    expect(body.errors ?? body.findings).toMatchObject([{ pointer: "/components", rule: "too-large" }]);
  });

  test("is refused when two groups' deployments would add up to more than their node takes", async () => {
    const ws = values.ws ?? "";
    for (const name of ["big-1", "big-2"]) await api.done("POST", `${ws}/node-groups`, { name });
    await api.done("POST", `${ws}/nodes`, { name: "big", groups: ["big-1", "big-2"] });
    await api.done("PATCH", `${ws}/node-groups/big-1/deployment`, withBig("com.example.A"));
    const path = `${ws}/node-groups/big-2/deployment`;
    const { status, body } = await api.call("PATCH", path, { body: withBig("com.example.B") });
    expect([status, body.code]).toEqual([422, "deployment-too-large"]);
  });

  test("is refused for a node for which two groups' deployments add up to more than it takes", async () => {
    const ws = values.ws ?? "";
    for (const [at, name] of ["com.example.A", "com.example.B"].entries()) {
      await api.done("POST", `${ws}/node-groups`, { name: `apart-${at}` });
      await api.done("PATCH", `${ws}/node-groups/apart-${at}/deployment`, withBig(name));
    }
    const node = { name: "too-big", groups: ["apart-0", "apart-1"] };
    const { status, body } = await api.call("POST", `${ws}/nodes`, { body: node });
    expect([status, body.code]).toEqual([422, "deployment-too-large"]);
  });
});

test("a component may be called like what every object has: a node in two groups gets it", async () => {
  const { ws = "" } = values;
  const made = await api.call("POST", `${ws}/components`, { body: { name: "constructor" } });
  if (made.status === 400) return; // such names are refused
  const versions = `${ws}/components/constructor/versions`;
  await expecting(201, api.call("POST", versions, { body: { version: "1.0.0", recipe: { run: "true" } } }));
  await api.done("POST", `${versions}/1.0.0/publish`);
  for (const name of ["one", "two"]) await api.done("POST", `${ws}/node-groups`, { name });
  await api.done("POST", `${ws}/nodes`, { name: "in-both", groups: ["one", "two"] });
  const components = { constructor: { version: "1.0.0" } };
  await api.done("PATCH", `${ws}/node-groups/one/deployment`, { components });
  expect((await api.call("GET", `${ws}/node-groups/two/deployment`)).body.components).toEqual({});
});

test("what is just within the bounds is taken", async () => {
  const { ws = "" } = values;
  const longest = `a${"-".repeat(39)}z`;
  const description = "x".repeat(1024);
  await api.done("POST", "/v1/workspaces", { name: longest, description });
  await api.done("POST", `${ws}/node-groups`, { name: "A".repeat(64), description });
  await api.done("POST", `${ws}/nodes`, { name: `a${"._-".repeat(21)}`, runtime: "nucleus-lite" });
  const name = "-".repeat(128);
  await expecting(201, api.call("POST", `${ws}/components`, { body: { name, publisher: "p".repeat(256) } }));
  const body = { version: `1.0.0-${"a".repeat(58)}`, recipe: { run: "x".repeat(4096), install: "y".repeat(4096) } };
  await expecting(201, api.call("POST", `${ws}/components/${name}/versions`, { body }));
  const file = { path: `src/${"a".repeat(255)}/${"b".repeat(252)}`, size: 2 * 1024 ** 3, sha256: "f".repeat(64) };
  const files = `${ws}/components/${name}/versions/${body.version}/files`;
  await expecting(201, api.call("POST", files, { body: file }));
  await expecting(201, api.call("POST", files, { body: { ...file, path: "dist/empty", size: 0 } }));
  const release = { ...releaseOf("a".repeat(64), "x"), attributes: Array.from({ length: 32 }, (_, i) => `a${i}`) };
  await expecting(201, api.call("POST", `${ws}/releases`, { body: release }));
  await expecting(200, api.call("GET", `${ws}/node-groups?limit=100`));
  await expecting(200, api.call("GET", `${ws}/node-groups?limit=1&cursor=${values.cursor}`));
  const headers = { "idempotency-key": "!".repeat(255), "content-type": "APPLICATION/JSON; charset=utf-8" };
  await expecting(202, api.call("POST", `${ws}/nodes`, { headers, body: { name: "keyed" } }));
});
