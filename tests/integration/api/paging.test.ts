import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../../local/api-client.ts";
import { expecting, inParallel, range, releaseOf, startTestCloud, type TestCloud } from "../support/cloud.ts";

interface Page {
  readonly items: readonly Record<string, unknown>[];
  readonly nextCursor?: string;
}

const COUNT = 25;
const LIMIT = 10;
const SHA256 = "0".repeat(64);

let cloud: TestCloud;
let api: ApiClient;
const base = "/v1/workspaces/w-00";
const named = range(COUNT).map((index) => String(index).padStart(2, "0"));

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  await inParallel(named, 8, (name) => api.done("POST", "/v1/workspaces", { name: `w-${name}` }));
  const post = (path: string, body: unknown) => expecting(201, api.call("POST", `${base}${path}`, { body }));
  await inParallel(named, 8, (name) => api.done("POST", `${base}/node-groups`, { name: `g-${name}` }));
  await inParallel([...named, "other-1", "other-2"], 8, (name) =>
    api.done("POST", `${base}/nodes`, { name: `n-${name}`, groups: name.startsWith("other") ? [] : ["g-00"] }),
  );
  await inParallel(named, 8, (name) => post("/components", { name: `com.example.C${name}` }));
  const component = "/components/com.example.C00";
  await inParallel(named, 8, (name) =>
    post(`${component}/versions`, { version: `1.0.${Number(name)}`, recipe: { run: "true" } }),
  );
  await inParallel(named, 8, (name) =>
    post(`${component}/versions/1.0.0/files`, { path: `dist/${name}`, size: 1, sha256: SHA256 }),
  );
  await inParallel(named, 8, (name) => post("/releases", releaseOf(`app${name}`, "binary")));
});
afterAll(() => cloud?.remove());

const page = async (path: string, query: Record<string, string>): Promise<Page> =>
  (await expecting(200, api.call<Page>("GET", `${path}?${new URLSearchParams(query)}`))).body;

/** Every page of a list, from the first on. */
const pages = async (path: string, query: Record<string, string>): Promise<Page[]> => {
  const all: Page[] = [];
  let cursor: string | undefined;
  do {
    const got = await page(path, { ...query, ...(cursor !== undefined && { cursor }) });
    all.push(got);
    cursor = got.nextCursor;
  } while (cursor !== undefined && all.length < 20);
  return all;
};

interface List {
  readonly path: string;
  readonly query?: Record<string, string>;
  /** What tells items apart, and what they are sorted by. */
  readonly key: (item: Record<string, unknown>) => string;
}

const id = (item: Record<string, unknown>) => String(item.id);
const LISTS: Record<string, List> = {
  workspaces: { path: "/v1/workspaces", key: id },
  "node groups": { path: `${base}/node-groups`, key: id },
  deployments: { path: `${base}/deployments`, key: (item) => (item.target as { id: string }).id },
  "nodes of a group": { path: `${base}/nodes`, query: { group: "g-00" }, key: id },
  components: { path: `${base}/components`, key: id },
  versions: {
    path: `${base}/components/com.example.C00/versions`,
    // The highest first.
    key: ({ version }) => String(2_000 - Number(String(version).split(".")[2])),
  },
  files: {
    path: `${base}/components/com.example.C00/versions/1.0.0/files`,
    key: (item) => String(item.path),
  },
  releases: { path: `${base}/releases`, key: id },
};

describe.each(Object.entries(LISTS))("the list of 25 %s", (_, { path, query = {}, key }) => {
  test("comes as pages of 10, 10 and 5, in order, each item once, the last without a cursor", async () => {
    const got = await pages(path, { ...query, limit: String(LIMIT) });
    expect(got.map(({ items }) => items.length)).toEqual([10, 10, 5]);
    expect(got.map(({ nextCursor }) => nextCursor !== undefined)).toEqual([true, true, false]);
    const keys = got.flatMap(({ items }) => items.map(key));
    expect(new Set(keys).size).toBe(COUNT);
    expect(keys).toEqual([...keys].sort());
  });

  test("has no cursor when the limit is the count, or there is no limit, and one when it is one less", async () => {
    const whole = await page(path, { ...query, limit: String(COUNT) });
    expect(whole.items).toHaveLength(COUNT);
    expect(whole).not.toHaveProperty("nextCursor");
    expect(await page(path, query)).toEqual(whole);
    const short = await page(path, { ...query, limit: String(COUNT - 1) });
    expect(short.items).toEqual(whole.items.slice(0, -1));
    expect(short.nextCursor).toBeTypeOf("string");
  });

  test("refuses the cursor of every other list", async () => {
    const { nextCursor = "" } = await page(path, { ...query, limit: "1" });
    for (const other of Object.values(LISTS).filter((list) => list.path !== path)) {
      const answer = await api.call("GET", `${other.path}?cursor=${nextCursor}`);
      expect([other.path, answer.status, answer.body.code]).toEqual([other.path, 400, "invalid-cursor"]);
    }
  });

  test("goes on after an item that is read again with the same cursor", async () => {
    const first = await page(path, { ...query, limit: "3" });
    const cursor = first.nextCursor ?? "";
    const again = await page(path, { ...query, limit: "4", cursor });
    expect(again).toEqual(await page(path, { ...query, limit: "4", cursor }));
    const whole = await page(path, query);
    expect([...first.items, ...again.items]).toEqual(whole.items.slice(0, 7));
  });
});

test("nodes are filtered by the group's id as by its name, and nodes outside the group are not among them", async () => {
  const group = (await api.call<{ id: string }>("GET", `${base}/node-groups/g-00`)).body.id;
  const byId = await page(`${base}/nodes`, { group, limit: "100" });
  expect(byId).toEqual(await page(`${base}/nodes`, { group: "g-00", limit: "100" }));
  expect(byId.items.every(({ groups }) => (groups as string[]).includes(group))).toBe(true);
  expect((await page(`${base}/nodes`, { limit: "100" })).items).toHaveLength(COUNT + 2);
  expect((await page(`${base}/nodes`, { group: "g-01" })).items).toEqual([]);
});

test("the cursor of one group's nodes is not one of another group's, nor of all nodes", async () => {
  const { nextCursor = "" } = await page(`${base}/nodes`, { group: "g-00", limit: "1" });
  for (const query of [{ group: "g-01" }, {}] as Record<string, string>[]) {
    const answer = await api.call("GET", `${base}/nodes?${new URLSearchParams({ ...query, cursor: nextCursor })}`);
    expect([answer.status, answer.body.code]).toEqual([400, "invalid-cursor"]);
  }
});

describe("the list of intents", () => {
  /** One for the workspace, 25 for groups, 27 for nodes. */
  const total = 1 + COUNT + COUNT + 2;

  test("comes newest first, each once, whatever the limit", async () => {
    const whole = await page(`${base}/intents`, { limit: "100" });
    const ids = whole.items.map(id);
    expect(ids).toHaveLength(total);
    expect(ids).toEqual([...ids].sort().reverse());
    const got = await pages(`${base}/intents`, { limit: String(LIMIT) });
    expect(got.flatMap(({ items }) => items.map(id))).toEqual(ids);
    expect(got.map(({ items }) => items.length)).toEqual([10, 10, 10, 10, 10, 3]);
  });

  test("has no cursor when the limit is the count", async () => {
    const whole = await page(`${base}/intents`, { limit: String(total) });
    expect(whole.items).toHaveLength(total);
    expect(whole).not.toHaveProperty("nextCursor");
  });
});
