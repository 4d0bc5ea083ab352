import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import type { DomainEvent } from "../../shared/event/event.ts";
import { until } from "../local/until.ts";
import {
  anUploadedRelease,
  aPublishedComponent,
  aWorkspace,
  expecting,
  startTestCloud,
  type TestCloud,
} from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { registrationOf } from "./support/registration.ts";

let cloud: TestCloud;
let api: ApiClient;
let control: ReturnType<typeof controlOf>;
let workspace: { id: string; path: string };

beforeAll(async () => {
  cloud = await startTestCloud();
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  workspace = await aWorkspace(api, "told");
});
afterEach(() => control.disarm());
afterAll(() => cloud?.remove());

/** Every event of the stage so far, as it stood in the detail. */
const told = async (): Promise<DomainEvent[]> =>
  (await control.events()).filter(({ source }) => source === "slipway").map(({ detail }) => detail as DomainEvent);

/** The events about a subject, each once, once there is one of this type. */
const toldOf = async (subject: string, type: string): Promise<DomainEvent[]> => {
  const own = async () => (await told()).filter((event) => event.subject === subject);
  await until(async () => (await own()).some((event) => event.type === type), { what: `${type} of ${subject}` });
  return [...new Map((await own()).map((event) => [event.id, event])).values()];
};

const byTheirOrder = (events: readonly DomainEvent[]): string[] =>
  [...events].sort((a, b) => (a.sequence < b.sequence ? -1 : 1)).map(({ type }) => type.replace("slipway.", ""));

describe("what happens is told", () => {
  test("of an intent and of the workspace that it made", async () => {
    const { id, subject } = await api.done("POST", "/v1/workspaces", { name: "short-lived" });
    const intents = await toldOf(id, "slipway.intent.succeeded");
    expect(byTheirOrder(intents)).toEqual(["intent.accepted", "intent.started", "intent.succeeded"]);
    expect(new Set(intents.map(({ sequence }) => sequence)).size).toBe(3);
    expect(intents[0]).toMatchObject({
      specversion: "1.0",
      source: `/slipway/local/workspaces/${subject.id}`,
      workspaceid: subject.id,
      data: { id, kind: "workspace.create", requestedBy: "developer" },
    });
    await api.done("DELETE", `/v1/workspaces/${subject.id}`);
    const all = await toldOf(subject.id, "slipway.workspace.deleted");
    expect(byTheirOrder(all)).toEqual(["workspace.created", "workspace.deleted"]);
  });

  test("of an intent that failed, with its problem", async () => {
    const body = { app: "never", environment: "prod", version: "1.0.0", size: 1, sha256: "0".repeat(64) };
    const { body: release } = await expecting(
      201,
      api.call<{ id: string }>("POST", `${workspace.path}/releases`, { body }),
    );
    const { body: intent } = await expecting(
      202,
      api.call<{ id: string }>("POST", `${workspace.path}/releases/${release.id}/publish`),
    );
    const failed = (await toldOf(intent.id, "slipway.intent.failed")).find(({ type }) => type.endsWith("failed"));
    expect(failed?.data).toMatchObject({ status: "failed", problem: { code: "artifact-missing" } });
    expect(byTheirOrder(await toldOf(release.id, "slipway.release.failed"))).toEqual(["release.failed"]);
  });

  test("of a node whose device registers, connects and goes, in the order of the sequence", async () => {
    const { subject } = await api.done("POST", `${workspace.path}/nodes`, { name: "box" });
    const device = registrationOf(cloud);
    const issued = await expecting(
      201,
      api.call<{ token: string }>("POST", `${workspace.path}/nodes/box/registration-tokens`, { body: {} }),
    );
    const { certificateId } = await device.enrol(issued.body.token);
    const { thing } = (await expecting(200, api.call<{ thing: string }>("GET", `${workspace.path}/nodes/box`))).body;
    await device.connect(thing, certificateId, "disconnected");
    await toldOf(subject.id, "slipway.node.offline");
    await device.connect(thing, certificateId);
    await until(
      async () =>
        (await toldOf(subject.id, "slipway.node.connected")).filter(({ type }) => /connected$/.test(type)).length === 2,
      { what: "the node to be connected again" },
    );
    const events = await toldOf(subject.id, "slipway.node.connected");
    expect(byTheirOrder(events)).toEqual(["node.registered", "node.connected", "node.offline", "node.connected"]);
    for (const { data } of events) expect(Object.keys(data)).not.toContain("token");
  });

  test("of a component version, a deployment and a release", async () => {
    await aPublishedComponent(api, workspace.path, "com.example.Told");
    const version = `${workspace.path}/components/com.example.Told/versions/1.0.0`;
    const { id } = (await expecting(200, api.call<{ id: string }>("GET", version))).body;
    await expecting(200, api.call("POST", `${version}/deprecation`, { body: { reason: "old" } }));
    await expecting(200, api.call("DELETE", `${version}/deprecation`));
    await api.done("DELETE", version);
    const versions = await toldOf(id, "slipway.component-version.deleted");
    expect(byTheirOrder(versions)).toEqual(
      ["published", "deprecated", "deprecated", "deleted"].map((what) => `component-version.${what}`),
    );

    const group = (await api.done("POST", `${workspace.path}/node-groups`, { name: "told" })).subject.id;
    await api.done("PATCH", `${workspace.path}/node-groups/told/deployment`, { priority: 3, reason: "more" });
    const revised = await toldOf(group, "slipway.deployment.revised");
    expect(revised.at(-1)?.data).toMatchObject({
      target: { type: "node-group", id: group },
      revision: 2,
      priority: 3,
      change: { kind: "patch", reason: "more" },
      requestedBy: "developer",
    });

    const release = await anUploadedRelease(api, workspace.path, "told");
    const path = `${workspace.path}/releases/${release}`;
    await api.done("POST", `${path}/publish`);
    await expecting(200, api.call("POST", `${path}/pause`, { body: {} }));
    await api.done("DELETE", path);
    const releases = await toldOf(release, "slipway.release.deleted");
    expect(byTheirOrder(releases)).toEqual(["release.published", "release.changed", "release.deleted"]);
  });
});

test("every event so far is of the schema that it names, and has an id of its own", async () => {
  const schemas = new Map<string, object>();
  const events = await told();
  for (const { dataschema } of events) {
    if (schemas.has(dataschema)) continue;
    const answer = await fetch(dataschema);
    expect(answer.status, dataschema).toBe(200);
    schemas.set(dataschema, (await answer.json()) as object);
  }
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  for (const event of events) {
    const valid = ajv.validate(schemas.get(event.dataschema) ?? false, event);
    expect(valid ? [] : ajv.errors, event.type).toEqual([]);
  }
  const others = new Set(events.map(({ id, subject, sequence, type }) => `${id} ${subject} ${sequence} ${type}`));
  expect(others.size).toBe(new Set(events.map(({ id }) => id)).size);
});

describe("the schemas", () => {
  test("are listed, each at its path", async () => {
    const { items } = (
      await expecting(200, api.call<{ items: { type: string; schema: string }[] }>("GET", "/v1/event-schemas"))
    ).body;
    expect(items.length).toBeGreaterThan(10);
    for (const { type, schema } of items) {
      const { body } = await expecting(200, api.call<{ $id: string }>("GET", schema));
      expect(body.$id).toBe(`${cloud.endpoints.api}/v1/event-schemas/${type}/1`);
    }
  });

  test.each(["slipway.intent.succeeded/2", "slipway.nothing/1", "constructor/1"])(
    "there is none of %s",
    async (path) => {
      await expecting(404, api.call("GET", `/v1/event-schemas/${path}`));
    },
  );
});

describe("an event that EventBridge does not take", () => {
  const madeNow = async (name: string): Promise<string> =>
    (await api.done("POST", `${workspace.path}/node-groups`, { name })).id;

  test("is told later, and none is lost", async () => {
    await control.arm("events:PutEvents", "ThrottlingException", 400, 12);
    const ids = await Promise.all(["a", "b", "c"].map((name) => madeNow(`throttled-${name}`)));
    for (const id of ids) {
      expect(byTheirOrder(await toldOf(id, "slipway.intent.succeeded"))).toEqual([
        "intent.accepted",
        "intent.started",
        "intent.succeeded",
      ]);
    }
  });

  test("ever, is in the dead letters", async () => {
    await control.arm("events:PutEvents", "InternalException", 500);
    await madeNow("never-told");
    await until(async () => (await control.deadLetters()).some(({ queue }) => /publish-events/.test(queue)), {
      what: "a dead letter",
    });
  });
});
