import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { subjectOfRule } from "../../shared/workspace/access.ts";
import { until } from "../local/until.ts";
import { aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";

interface Outcome {
  readonly type: string;
  readonly data: {
    readonly requestId: string;
    readonly intentId?: string;
    readonly problem?: { readonly code: string; readonly errors?: readonly { readonly pointer?: string }[] };
  };
}

const SOURCE = "com.example.ci";

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
  const body = {
    source: SOURCE,
    operations: ["createNodeGroup", "deleteNodeGroup", "updateNodeGroupDeployment", "createNode"],
  };
  rule = (await expecting(201, api.call<{ id: string }>("POST", `${workspace.path}/event-rules`, { body }))).body.id;
});
afterEach(() => control.disarm());
afterAll(() => cloud?.remove());

/** Puts an event that asks for an intent. @returns EventBridge's id */
const put = async (detail: unknown, Source = SOURCE): Promise<string> => {
  const { events, region, accessKeyId, secretAccessKey, stage } = cloud.endpoints;
  const client = new EventBridgeClient({ region, endpoint: events, credentials: { accessKeyId, secretAccessKey } });
  const DetailType = "slipway.intent.requested";
  const Detail = JSON.stringify(detail);
  const { Entries } = await client.send(
    new PutEventsCommand({ Entries: [{ EventBusName: `${stage}-slipway`, Source, DetailType, Detail }] }),
  );
  client.destroy();
  return Entries?.[0]?.EventId ?? "";
};
const outcomes = async (requestId: string): Promise<Outcome[]> =>
  (await control.events())
    .filter(({ "detail-type": type }) => /^slipway\.intent\.(granted|refused)$/.test(type))
    .map(({ detail }) => detail as Outcome)
    .filter(({ data }) => data.requestId === requestId);
const outcome = (requestId: string): Promise<Outcome> =>
  until(async () => (await outcomes(requestId))[0], { what: `an outcome of ${requestId}` });
const asking = (operation: string, more: object = {}) => ({ workspace: "asked", operation, ...more });
const groups = async () =>
  (
    await expecting(200, api.call<{ items: { name: string }[] }>("GET", `${workspace.path}/node-groups`))
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

test("a token whose subject is a rule's is refused", async () => {
  const forged = await cloud.client(subjectOfRule(rule));
  const { status, body } = await forged.call("GET", workspace.path);
  expect([status, body.code]).toEqual([401, "unauthorized"]);
});
