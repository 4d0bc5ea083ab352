import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { hashOfRequest } from "../../shared/event-rule/event-rule.ts";
import { keys } from "../../shared/keys.ts";
import { subjectOfRule } from "../../shared/workspace/access.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import {
  ASKED,
  type AskedOnce,
  aRequest,
  expectOnce,
  letIn,
  type Outcome,
  outcomeOf,
  outcomesOf,
  putRequest,
  SOURCE,
} from "./support/events-in.ts";

let cloud: TestCloud;
let api: ApiClient;
let control: ReturnType<typeof controlOf>;
let workspace: { id: string; path: string };
let rule: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  workspace = await aWorkspace(api, "asked");
  rule = await letIn(api, workspace.path, ["deleteNodeGroup", "createNode"]);
});
afterEach(() => control.disarm());
afterAll(() => cloud?.remove());

const put = (detail: unknown, source?: string): Promise<string> => putRequest(cloud, detail, source);
const outcomes = (requestId: string): Promise<Outcome[]> => outcomesOf(cloud, requestId);
const outcome = (requestId: string): Promise<Outcome> => outcomeOf(cloud, requestId);
const asking = (operation: string, more: object = {}) => ({ workspace: "asked", operation, ...more });
const groups = async () =>
  (
    await expecting(200, api.call<{ items: { name: string }[] }>("GET", `${workspace.path}/node-groups?limit=100`))
  ).body.items.map(({ name }) => name);

describe("an event that a rule lets in", () => {
  test("makes an intent in the rule's name, and tells which", async () => {
    const id = await put(asking("createNodeGroup", { body: { name: "by-event" } }));
    const { type, data } = await outcome(id);
    expect(type).toBe("slipway.intent.granted");
    expect(await api.ended(data.intentId ?? "")).toMatchObject({ status: "succeeded", kind: "node-group.create" });
    expect(await groups()).toContain("by-event");
    const stored = Object.values(await cloud.items()).find((item) => item.id === data.intentId);
    expect(stored?.requestedBy).toBe(subjectOfRule(rule));

    const patch = asking("updateNodeGroupDeployment", { parameters: { nodeGroup: "by-event" }, body: { priority: 7 } });
    await api.ended((await outcome(await put(patch))).data.intentId ?? "");
    const deployment = `${workspace.path}/node-groups/by-event/deployment`;
    expect((await api.call("GET", deployment)).body).toMatchObject({ priority: 7 });
  });

  test("counts once under the id that its sender gave it", async () => {
    const detail = asking("createNodeGroup", { id: "build-1", body: { name: "once" } });
    await put(detail);
    const { data } = await outcome("build-1");
    await put(detail);
    await put({ ...detail, body: { name: "twice" } });
    const id = await put(asking("createNodeGroup", { body: { name: "behind" } }));
    await outcome(id);
    const heard = (await control.events()).find((event) => event.id === id);
    await control.invoke("accept-intent", heard);
    expect(await outcomes("build-1")).toHaveLength(1);
    expect(await outcomes(id)).toHaveLength(1);
    expect(data.intentId).toBeDefined();
    expect(await groups()).not.toContain("twice");
  });

  test("counts once also where it is delivered at the same time", async () => {
    const event = { id: "at-once", source: SOURCE, detail: asking("createNodeGroup", { body: { name: "at-once" } }) };
    await Promise.allSettled(Array.from({ length: 5 }, () => control.invoke("accept-intent", event)));
    expect((await outcome("at-once")).type).toBe("slipway.intent.granted");
    const { items } = (await api.call<{ items: { subject: { name: string } }[] }>("GET", `${workspace.path}/intents`))
      .body;
    expect(items.filter(({ subject }) => subject.name === "at-once")).toHaveLength(1);
  });

  test("shows no secret in any event", async () => {
    const { data } = await outcome(await put(asking("createNode", { body: { name: "secret" } })));
    await api.ended(data.intentId ?? "");
    expect(JSON.stringify(await control.events())).not.toContain("slw_");
    expect(JSON.stringify(await cloud.items())).not.toContain("slw_");
  });

  test("comes again while DynamoDB cannot be reached", async () => {
    await control.arm("dynamodb:TransactWriteItems", "InternalServerError", 500, 3);
    const { type } = await outcome(await put(asking("createNodeGroup", { body: { name: "later" } })));
    expect(type).toBe("slipway.intent.granted");
  });
});

/** What the function writes; workflows of earlier intents may have transactions at the same time. */
const TRANSACTION = { operation: "dynamodb:TransactWriteItems", caller: "local-accept-intent" };

describe.each(Object.entries(ASKED))("an event that asks by %s makes one intent", (_, operation) => {
  const request = (what: string) => aRequest(api, workspace.path, operation, `${what}-${operation}`.toLowerCase());
  /** @returns the name of the function's error, if it ended with one */
  const deliver = async ({ event }: AskedOnce): Promise<string | undefined> => {
    const ended = (await control.invoke("accept-intent", event)) as { functionError?: { errorType: string } };
    return ended.functionError?.errorType;
  };
  /** With all that has been told of it: an outcome that comes after is told after. */
  const settled = async (asked: AskedOnce) => {
    expect(await deliver(asked)).toBeUndefined();
    const { data } = await outcome(asked.event.id);
    await api.ended(data.intentId ?? "");
    await outcome(await put(asking("createNodeGroup", { body: { name: `behind-${asked.group}` } })));
    await expectOnce(cloud, asked);
  };

  test("though nothing can be written after it, and the event comes again", async () => {
    const asked = await request("cut");
    await control.arm("dynamodb:UpdateItem", "InternalServerError", 500);
    expect(await deliver(asked)).toBeUndefined();
    await control.disarm();
    await settled(asked);
  });

  test("though the answer of its transaction is lost", async () => {
    const asked = await request("lost");
    await control.fault({ ...TRANSACTION, kind: "lost-answer", times: 1 });
    expect(await deliver(asked)).toBeUndefined();
    await settled(asked);
  });

  test("though every answer of its transaction is lost, and the event comes again", async () => {
    const asked = await request("unheard");
    await control.fault({ ...TRANSACTION, kind: "lost-answer" });
    expect(await deliver(asked)).toBe("Unavailable");
    await control.disarm();
    await settled(asked);
  });

  test("though it is delivered five times at once", async () => {
    const asked = await request("five");
    await Promise.all(Array.from({ length: 5 }, () => deliver(asked)));
    await settled(asked);
  });

  test("though another delivery takes it from one that is late", async () => {
    const asked = await request("late");
    // The first one is held up before its transaction; a lease that is over is what the second one finds.
    await control.fault({ ...TRANSACTION, kind: "latency", milliseconds: 3_000, times: 1 });
    const late = deliver(asked);
    await until(async () => (await control.faults()).length === 0, { what: "a transaction that is held up" });
    await cloud.documents.send(
      new UpdateCommand({
        TableName: cloud.tables.control,
        Key: keys.intentRequest(hashOfRequest(SOURCE, asked.event.id)),
        UpdateExpression: "SET leaseUntil = :past",
        ExpressionAttributeValues: { ":past": 0 },
      }),
    );
    expect([await deliver(asked), await late].sort()).toEqual(["Busy", undefined]);
    await settled(asked);
  });
});

describe("an event is refused", () => {
  const group = { body: { name: "never" } };
  test.each<[string, unknown, string, string, string | undefined]>([
    ["of another source", asking("createNodeGroup", group), "com.example.other", "forbidden", undefined],
    ["for what no rule names", asking("deleteWorkspace"), SOURCE, "forbidden", undefined],
    [
      "for a workspace that is not there",
      { ...asking("createNodeGroup", group), workspace: "no" },
      SOURCE,
      "forbidden",
      undefined,
    ],
    ["for what makes no intent", asking("listNodes"), SOURCE, "invalid-request", "/operation"],
    [
      "with a body that the API refuses",
      asking("createNodeGroup", { body: { name: "a b" } }),
      SOURCE,
      "invalid-request",
      "/name",
    ],
    ["without a body", asking("createNodeGroup"), SOURCE, "malformed-json", undefined],
    ["without a parameter", asking("deleteNodeGroup"), SOURCE, "invalid-request", "/parameters/nodeGroup"],
    [
      "with a parameter too many",
      asking("createNodeGroup", { ...group, parameters: { a: "b" } }),
      SOURCE,
      "invalid-request",
      "/parameters/a",
    ],
    [
      "for what is not there",
      asking("deleteNodeGroup", { parameters: { nodeGroup: "no" } }),
      SOURCE,
      "not-found",
      undefined,
    ],
    ["with an unknown member", { ...asking("createNodeGroup", group), as: "root" }, SOURCE, "invalid-request", "/as"],
  ])("%s", async (_, detail, source, code, pointer) => {
    const { type, data } = await outcome(await put(detail, source));
    expect([type, data.problem?.code]).toEqual(["slipway.intent.refused", code]);
    if (pointer !== undefined) expect(data.problem?.errors?.[0]?.pointer).toBe(pointer);
    expect(await groups()).not.toContain("never");
  });

  test("once its rule is deleted", async () => {
    const body = { source: "com.example.gone", operations: ["createNodeGroup"] };
    const made = await expecting(201, api.call<{ id: string }>("POST", `${workspace.path}/event-rules`, { body }));
    await expecting(204, api.call("DELETE", `${workspace.path}/event-rules/${made.body.id}`));
    const { data } = await outcome(await put(asking("createNodeGroup", group), "com.example.gone"));
    expect(data.problem?.code).toBe("forbidden");
    expect(JSON.stringify(await cloud.items())).not.toContain(made.body.id);
  });
});

describe("a rule", () => {
  const SOURCE = "com.example.edited";
  let path: string;
  let id: string;
  const edit = (body: object, etag = "*") => api.call("PATCH", path, { body, headers: { "if-match": etag } });
  const ask = async (name: string) => {
    const { data } = await outcome(await put(asking("createNodeGroup", { body: { name } }), SOURCE));
    if (data.intentId !== undefined) expect(await api.ended(data.intentId)).toMatchObject({ status: "succeeded" });
    return data.problem?.code ?? "granted";
  };
  /** The rule's role, which no answer shows. */
  const role = async () => {
    const { pk, sk } = keys.membership(subjectOfRule(id), workspace.id);
    return Object.values(await cloud.items()).find((item) => item.pk === pk && item.sk === sk)?.role;
  };

  beforeAll(async () => {
    const body = { source: SOURCE, operations: ["deleteNode"], description: "by hand" };
    const made = await expecting(201, api.call<{ id: string }>("POST", `${workspace.path}/event-rules`, { body }));
    ({ id } = made.body);
    path = `${workspace.path}/event-rules/${id}`;
    const got = await expecting(200, api.call("GET", path));
    expect(got.body).toEqual(made.body);
    expect([made.headers.get("etag"), got.headers.get("etag")]).toEqual(['"1"', '"1"']);
  });

  test("lets in what it is changed to let in, with the role that this needs, and no more what it was", async () => {
    expect([await role(), await ask("edited-before")]).toEqual(["operator", "forbidden"]);
    const { body, headers } = await expecting(200, edit({ operations: ["createNodeGroup", "deleteNode"] }, '"1"'));
    expect(body).toMatchObject({
      source: SOURCE,
      operations: ["createNodeGroup", "deleteNode"],
      description: "by hand",
    });
    expect([headers.get("etag"), (await expecting(200, api.call("GET", path))).body]).toEqual(['"2"', body]);
    expect([await role(), await ask("edited-then")]).toEqual(["maintainer", "granted"]);
    await expecting(200, edit({ operations: ["deleteNode"] }));
    expect([await role(), await ask("edited-after")]).toEqual(["operator", "forbidden"]);
    expect((await groups()).filter((name) => name.startsWith("edited"))).toEqual(["edited-then"]);
  });

  test("changes under the revision that was seen alone, and keeps its role with its operations", async () => {
    const etag = (await expecting(200, api.call("GET", path))).headers.get("etag") ?? "";
    const { body } = await expecting(200, edit({ description: null }, etag));
    expect(body).not.toHaveProperty("description");
    const stale = await edit({ operations: ["createNodeGroup"] }, etag);
    expect([stale.status, stale.body.code, await role()]).toEqual([412, "precondition-failed", "operator"]);
    const both = await Promise.all(["createNodeGroup", "deleteWorkspace"].map((one) => edit({ operations: [one] })));
    expect(both.map(({ status }) => status).filter((status) => status !== 200 && status !== 412)).toEqual([]);
    const kept = (await expecting(200, api.call<{ operations: string[] }>("GET", path))).body.operations;
    expect(await role()).toBe(kept.includes("deleteWorkspace") ? "owner" : "maintainer");
  });

  test.each<[object, string | undefined]>([
    [{}, undefined],
    [{ operations: [] }, "/operations"],
    [{ operations: ["listNodes"] }, "/operations/0"],
    [{ source: "com.example.other", description: "d" }, "/source"],
  ])("is not changed by %j", async (body, pointer) => {
    const before = (await api.call("GET", path)).body;
    const answer = await edit(body);
    expect([answer.status, answer.body.code]).toEqual([400, "invalid-request"]);
    if (pointer !== undefined) expect(answer.body).toMatchObject({ errors: [{ pointer }] });
    expect((await api.call("GET", path)).body).toEqual(before);
  });

  test("leaves the record of its changes, and is none once it is deleted", async () => {
    const changes = async () =>
      (await cloud.audit())
        .filter(({ operation, object }) => operation === "updateEventRule" && (object as { id: string }).id === id)
        .flatMap(({ changes }) => JSON.parse(String(changes)));
    expect(await changes()).toContainEqual({
      ...{ type: "event-rule", id },
      before: { operations: ["deleteNode"] },
      after: { operations: ["createNodeGroup", "deleteNode"] },
    });
    await expecting(204, api.call("DELETE", path));
    for (const answer of [await api.call("GET", path), await edit({ description: "d" })]) {
      expect([answer.status, answer.body.detail]).toEqual([404, `there is no event rule ${id}`]);
    }
    expect(await role()).toBeUndefined();
  });
});

test("a token whose subject is a rule's is refused", async () => {
  const forged = await cloud.client(subjectOfRule(rule));
  const { status, body } = await forged.call("GET", workspace.path);
  expect([status, body.code]).toEqual([401, "unauthorized"]);
});

test("no request from outside has anything written beside its intent", async () => {
  const name = "from-outside";
  const mine = keys.intentRequest(hashOfRequest("com.example.outside", "1"));
  const write = { do: "update", key: mine, set: { outcome: {} } };
  const told = await control.invoke("api-create-node-group", {
    routeKey: "POST /v1/workspaces/{workspace}/node-groups",
    rawPath: `${workspace.path}/node-groups`,
    headers: { "content-type": "application/json" },
    pathParameters: { workspace: workspace.id },
    requestContext: {
      http: { method: "POST", sourceIp: "127.0.0.1", userAgent: "" },
      authorizer: { lambda: { subject: "developer", until: Math.ceil(Date.now() / 1_000) + 60 } },
    },
    body: JSON.stringify({ name }),
    ...Object.fromEntries(["beside-intent", "Symbol(beside-intent)", "BESIDE_INTENT"].map((name) => [name, write])),
  });
  expect(told).toMatchObject({ payload: { statusCode: 202 } });
  await expecting(200, api.call("GET", `${workspace.path}/node-groups/${name}`));
  expect(Object.values(await cloud.items()).map(({ pk }) => pk)).not.toContain(mine.pk);
});
