import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiAnswer, ApiClient } from "../../../local/api-client.ts";
import { aWorkspace, expecting, range, releaseOf, sendFile, startTestCloud, type TestCloud } from "../support/cloud.ts";

let cloud: TestCloud;
let api: ApiClient;
let ws: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path: ws } = await aWorkspace(api, "acme"));
  await api.done("POST", `${ws}/node-groups`, { name: "gateways" });
  await expecting(201, api.call("POST", `${ws}/components`, { body: { name: "com.example.Hello" } }));
  const draft = { version: "1.0.0", recipe: { run: "true" } };
  await expecting(201, api.call("POST", `${ws}/components/com.example.Hello/versions`, { body: draft }));
});
afterAll(() => cloud?.remove());

let keys = 0;
const newKey = (): string => {
  keys += 1;
  return `key-${keys}`;
};

const post = (path: string, key: string, body?: unknown, client = api) =>
  client.call("POST", path, { headers: { "idempotency-key": key }, ...(body !== undefined && { body }) });

/** What an answer says, without what the transport adds to each. */
const said = ({ status, headers, body }: ApiAnswer) => ({
  status,
  body: { ...body, registration: undefined }, // a node's token is shown once
  headers: Object.fromEntries(
    ["content-type", "cache-control", "location", "etag"].map((name) => [name, headers.get(name)]),
  ),
});

const countOf = async (path: string): Promise<number> =>
  (await expecting(200, api.call<{ items: unknown[] }>("GET", `${path}?limit=100`))).body.items.length;

const outcome = ({ status, body }: ApiAnswer) => [status, body.code];

const CREATIONS: Record<string, { path: string; body?: unknown; status: number; list: string; made?: number }> = {
  "a workspace": { path: "/v1/workspaces", body: { name: "another" }, status: 202, list: "/v1/workspaces" },
  "a node group": { path: "/node-groups", body: { name: "g-1" }, status: 202, list: "/node-groups" },
  "a node": { path: "/nodes", body: { name: "n-1", groups: ["gateways"] }, status: 202, list: "/nodes" },
  "a component": { path: "/components", body: { name: "com.example.B" }, status: 201, list: "/components" },
  "a version": {
    path: "/components/com.example.Hello/versions",
    body: { version: "2.0.0", recipe: { run: "true" } },
    status: 201,
    list: "/components/com.example.Hello/versions",
  },
  "a file with its upload": {
    path: "/components/com.example.Hello/versions/1.0.0/files",
    body: { path: "dist/a.txt", size: 1, sha256: "0".repeat(64) },
    status: 201,
    list: "/components/com.example.Hello/versions/1.0.0/files",
  },
  "a release with its upload": { path: "/releases", body: releaseOf("app", "x"), status: 201, list: "/releases" },
  "a publication": {
    path: "/components/com.example.Hello/versions/2.0.0/publish",
    status: 202,
    list: "/components/com.example.Hello/versions",
    made: 0,
  },
};

describe.each(Object.entries(CREATIONS))("the same request again with its key, for %s", (_, creation) => {
  test("gets the first answer again, and there is one effect", async () => {
    const at = (path: string) => (path.startsWith("/v1") ? path : `${ws}${path}`);
    const key = newKey();
    const before = await countOf(at(creation.list));
    const intents = await countOf(`${ws}/intents`);
    const first = await post(at(creation.path), key, creation.body);
    expect(first.status).toBe(creation.status);
    expect(first.headers.get("idempotent-replayed")).toBeNull();
    if (creation.status === 202) await api.ended(String(first.body.id));
    const intentsAfter = await countOf(`${ws}/intents`);
    for (const again of [
      await post(at(creation.path), key, creation.body),
      await post(at(creation.path), key, creation.body),
    ]) {
      expect(said(again)).toEqual(said(first));
      expect(again.headers.get("idempotent-replayed")).toBe("true");
    }
    expect(await countOf(at(creation.list))).toBe(before + (creation.made ?? 1));
    expect(await countOf(`${ws}/intents`)).toBe(intentsAfter);
    expect(intentsAfter - intents).toBe(creation.status === 202 && creation.path.startsWith("/v1") === false ? 1 : 0);
  });
});

test("the upload of a stored answer still takes the file", async () => {
  const bytes = "the binary";
  const key = newKey();
  await post(`${ws}/releases`, key, releaseOf("uploads", bytes));
  const again = await post(`${ws}/releases`, key, releaseOf("uploads", bytes));
  await sendFile(again.body.upload as Parameters<typeof sendFile>[0], bytes);
  const published = await api.done("POST", `${ws}/releases/${again.body.id}/publish`);
  expect(published.status).toBe("succeeded");
});

describe("a key that was used", () => {
  test.each([
    ["with another body", "/releases", releaseOf("other-app", "x")],
    [
      "with the same members in another order",
      "/releases",
      Object.fromEntries(Object.entries(releaseOf("of-a-key", "x")).reverse()),
    ],
    ["on another path", "/node-groups", { name: "of-a-key" }],
  ])("is refused %s, and nothing is made", async (_, path, body) => {
    const key = newKey();
    await expecting(201, post(`${ws}/releases`, key, releaseOf("of-a-key", "x")));
    const before = await cloud.items();
    expect(outcome(await post(`${ws}${path}`, key, body))).toEqual([422, "idempotency-key-reused"]);
    expect(await cloud.items()).toEqual(before);
  });

  test("is another key for another caller", async () => {
    const other = await cloud.client("somebody-else");
    const key = newKey();
    const mine = await post("/v1/workspaces", key, { name: "mine" });
    const theirs = await post("/v1/workspaces", key, { name: "theirs" }, other);
    expect([mine.status, theirs.status]).toEqual([202, 202]);
    expect(theirs.headers.get("idempotent-replayed")).toBeNull();
    expect((theirs.body.subject as { name: string }).name).toBe("theirs");
    const taken = await post("/v1/workspaces", key, { name: "mine" }, other);
    expect(outcome(taken)).toEqual([422, "idempotency-key-reused"]);
    for (const [client, { body }] of [
      [api, mine],
      [other, theirs],
    ] as const) {
      expect((await client.ended(String(body.id))).status).toBe("succeeded");
    }
  });

  test("does nothing for methods other than POST", async () => {
    const headers = { "idempotency-key": newKey(), "if-match": "*" };
    for (const description of ["one", "two"]) {
      const answer = await api.call("PATCH", `${ws}/node-groups/gateways`, { headers, body: { description } });
      expect([answer.status, answer.body.description]).toEqual([200, description]);
    }
  });
});

describe("a request that was refused", () => {
  const taken = { name: "gateways" };
  test.each([
    ["because the name is taken", "/node-groups", taken, [409, "name-taken"], { name: "free-1" }],
    ["because the body is not valid", "/node-groups", { name: "" }, [400, "invalid-request"], { name: "free-2" }],
    ["because the group is unknown", "/nodes", { name: "a", groups: ["no"] }, [400, "invalid-request"], { name: "a" }],
  ])("leaves its key free: %s", async (_, path, bad, refusal, good) => {
    const key = newKey();
    expect(outcome(await post(`${ws}${path}`, key, bad))).toEqual(refusal);
    expect(outcome(await post(`${ws}${path}`, key, bad))).toEqual(refusal);
    const done = await post(`${ws}${path}`, key, good);
    expect(done.status).toBe(202);
    await api.ended(String(done.body.id));
    expect(said(await post(`${ws}${path}`, key, good))).toEqual(said(done));
  });

  test("leaves its key free when the caller may not do this", async () => {
    const stranger = await cloud.client("stranger");
    const key = newKey();
    expect(outcome(await post(`${ws}/node-groups`, key, { name: "x" }, stranger))).toEqual([404, "not-found"]);
    const own = await post("/v1/workspaces", key, { name: "strangers" }, stranger);
    expect(own.status).toBe(202);
    await stranger.ended(String(own.body.id));
  });
});

describe("20 requests at once with the same key", () => {
  test.each([
    ["202", "/node-groups", { name: "at-once" }, 202, "/node-groups"],
    ["201", "/releases", releaseOf("at-once", "x"), 201, "/releases"],
  ])("have one effect, and the others get 409 or the stored answer: a %s", async (_, path, body, status, list) => {
    const key = newKey();
    const before = await countOf(`${ws}${list}`);
    const answers = await Promise.all(range(20).map(() => post(`${ws}${path}`, key, body)));
    const done = answers.filter((answer) => answer.status === status);
    const first = done.filter(({ headers }) => headers.get("idempotent-replayed") === null);
    expect(first).toHaveLength(1);
    expect(new Set(done.map((answer) => JSON.stringify(said(answer)))).size).toBe(1);
    for (const answer of answers.filter((other) => !done.includes(other))) {
      expect(outcome(answer)).toEqual([409, "idempotency-in-progress"]);
    }
    expect(await countOf(`${ws}${list}`)).toBe(before + 1);
    const later = await post(`${ws}${path}`, key, body);
    expect(said(later)).toEqual(said(done[0] as ApiAnswer));
    if (status === 202) expect((await api.ended(String(later.body.id))).status).toBe("succeeded");
  });

  test("and different bodies have one effect, and the others get 422 or 409", async () => {
    const key = newKey();
    const before = await countOf(`${ws}/node-groups`);
    const answers = await Promise.all(
      range(20).map((index) => post(`${ws}/node-groups`, key, { name: `different-${index}` })),
    );
    const [first, ...more] = answers.filter(({ status }) => status === 202);
    expect(more).toEqual([]);
    for (const answer of answers.filter((other) => other !== first)) {
      expect(outcome(answer)).toEqual([422, "idempotency-key-reused"]);
    }
    await api.ended(String(first?.body.id));
    expect(await countOf(`${ws}/node-groups`)).toBe(before + 1);
  });
});
