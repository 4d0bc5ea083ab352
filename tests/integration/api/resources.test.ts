import { GetComponentCommand, ListComponentsCommand, ListDeploymentsCommand } from "@aws-sdk/client-greengrassv2";
import {
  DescribeThingCommand,
  GetPolicyCommand,
  ListPoliciesCommand,
  ListThingGroupsCommand,
  ListThingGroupsForThingCommand,
  ListThingsCommand,
  ListThingTypesCommand,
} from "@aws-sdk/client-iot";
import { HeadObjectCommand, ListBucketsCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../../local/api-client.ts";
import {
  expecting,
  releaseOf,
  sendFile,
  sha256,
  startTestCloud,
  type TestCloud,
  type Upload,
} from "../support/cloud.ts";

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const at = { createdAt: expect.stringMatching(ISO), updatedAt: expect.stringMatching(ISO) };
const idOf = (prefix: string) => expect.stringMatching(new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{20}$`));

let cloud: TestCloud;
let api: ApiClient;
/** What AWS and the tables hold before the first workspace. */
let awsAtFirst: unknown;
let itemsAtFirst: Record<string, unknown>;
let workspace: { id: string; bucket: string };
let ws: string;
const ids: Record<string, string> = {};

/** Everything of AWS that a workspace could leave behind. */
const awsSide = async () => {
  const { s3, iot, greengrass } = cloud;
  const [buckets, objects, things, groups, types, policies, components, deployments] = await Promise.all([
    s3.send(new ListBucketsCommand({})),
    s3.send(new ListObjectsV2Command({ Bucket: cloud.otaBucket })),
    iot.send(new ListThingsCommand({})),
    iot.send(new ListThingGroupsCommand({})),
    iot.send(new ListThingTypesCommand({})),
    iot.send(new ListPoliciesCommand({})),
    greengrass.send(new ListComponentsCommand({ scope: "PRIVATE" })),
    greengrass.send(new ListDeploymentsCommand({ historyFilter: "ALL" })),
  ]);
  return {
    buckets: buckets.Buckets?.map(({ Name }) => Name),
    // Snapshots go by the bucket's lifecycle: devices may be at one that is not the last.
    otaObjects: (objects.Contents ?? []).map(({ Key }) => Key).filter((key) => !key?.startsWith("snapshots/")),
    things: things.things?.map(({ thingName }) => thingName),
    thingGroups: groups.thingGroups?.map(({ groupName }) => groupName),
    thingTypes: types.thingTypes?.map(({ thingTypeName }) => thingTypeName),
    policies: policies.policies?.map(({ policyName }) => policyName),
    components: components.components?.map(({ componentName }) => componentName),
    deployments: deployments.deployments?.map(({ deploymentId }) => deploymentId),
  };
};

/** Items of the stage, which outlive what they were made for: the counter of published versions, whose turn it is, keys. */
const OF_THE_STAGE = /catalogue|turn#|signing-keys/;

/** All items but intents and the stage's own. */
const things = async () =>
  Object.fromEntries(
    Object.entries(await cloud.items()).filter(([key, { type }]) => type !== "intent" && !OF_THE_STAGE.test(key)),
  );

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  [awsAtFirst, itemsAtFirst] = [await awsSide(), await things()];
});
afterAll(() => cloud?.remove());

/** Calls, checks that the wish was accepted as all are, and waits until it has come true. */
const accepted = async (method: string, path: string, kind: string, body?: unknown): Promise<IntentBody> => {
  const answer = await api.call<IntentBody>(method, path, body === undefined ? {} : { body });
  expect([answer.status, answer.body]).toEqual([
    202,
    expect.objectContaining({ id: idOf("int"), kind, status: "requested", attempt: 1, ...at }),
  ]);
  expect(answer.headers.get("location")).toBe(`/v1/intents/${answer.body.id}`);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const ended = await api.ended(answer.body.id);
  expect(ended).toMatchObject({ status: "succeeded", finishedAt: expect.stringMatching(ISO) });
  expect(ended.subject).toEqual(answer.body.subject);
  return ended;
};

const created = async (path: string, body: unknown) => {
  const answer = await expecting(201, api.call("POST", path, { body }));
  expect(answer.headers.get("etag")).toBe('"1"');
  return answer;
};

/** The same thing by each of these paths, with its ETag, and as the only item of its list. @param more not in lists */
const seen = async (list: string, references: readonly string[], view: object, more: object = {}): Promise<void> => {
  for (const reference of references) {
    const { body, headers } = await expecting(200, api.call("GET", `${list}/${reference}`));
    expect(body).toEqual({ ...view, ...more });
    expect(headers.get("etag")).toMatch(/^"\d+"$/);
  }
  expect((await api.call("GET", list)).body).toEqual({ items: [view] });
};

const edited = async (path: string): Promise<void> => {
  const before = await api.call("GET", path);
  const etag = before.headers.get("etag") ?? "";
  const patch = (description: string | null, match: string) =>
    api.call("PATCH", path, { headers: { "if-match": match }, body: { description } });
  const next = await expecting(200, patch("for people", etag));
  expect(next.body).toEqual({ ...before.body, description: "for people", updatedAt: expect.stringMatching(ISO) });
  expect(next.headers.get("etag")).not.toBe(etag);
  expect((await patch("too late", etag)).status).toBe(412);
  const last = await expecting(200, patch(null, next.headers.get("etag") ?? ""));
  expect(last.body).not.toHaveProperty("description");
  const now = await api.call("GET", path);
  expect([now.body, now.headers.get("etag")]).toEqual([last.body, last.headers.get("etag")]);
};

const gone = async (...paths: string[]): Promise<void> => {
  for (const path of paths) {
    const { status, body } = await api.call("GET", path);
    expect([path, status, body.code]).toEqual([path, 404, "not-found"]);
  }
};

describe("a workspace and everything in it", () => {
  test("begins with a workspace, which has a bucket, a thing type and a policy", async () => {
    const { subject } = await accepted("POST", "/v1/workspaces", "workspace.create", {
      name: "acme",
      description: "d",
    });
    expect(subject).toEqual({ type: "workspace", id: idOf("ws"), name: "acme", href: `/v1/workspaces/${subject.id}` });
    const { body } = await api.call<typeof workspace>("GET", "/v1/workspaces/acme");
    workspace = body;
    ws = subject.href;
    const bucket = expect.stringMatching(/^ws-[a-z0-9]{3}-acme-comp-artifacts$/);
    const ota = { isStopped: false, pollSeconds: 3_600 };
    const view = { id: subject.id, name: "acme", description: "d", status: "active", bucket, ota, ...at };
    await seen("/v1/workspaces", ["acme", subject.id], view);
    await edited(ws);
    const aws = await awsSide();
    expect(aws.buckets).toContain(workspace.bucket);
    expect(aws.thingTypes).toEqual([workspace.bucket]);
    const policyName = `local-${subject.id}-device`;
    expect(aws.policies).toEqual([policyName]);
    const { policyDocument } = await cloud.iot.send(new GetPolicyCommand({ policyName }));
    expect(JSON.parse(policyDocument ?? "")).toMatchObject({ Version: "2012-10-17" });
  });

  test("has a node group with an empty deployment", async () => {
    const { subject } = await accepted("POST", `${ws}/node-groups`, "node-group.create", { name: "gateways" });
    ids.group = subject.id;
    const thingGroup = `local-${workspace.id}-${subject.id}`;
    const view = { id: idOf("grp"), name: "gateways", status: "active", thingGroup, ...at };
    await seen(`${ws}/node-groups`, ["gateways", subject.id], view);
    await edited(subject.href);
    const target = { type: "node-group", id: subject.id, name: "gateways" };
    const deployment = { target, revision: 1, priority: 0, catalogue: 0, components: {}, ...at };
    expect((await api.call("GET", `${subject.href}/deployment`)).body).toEqual(deployment);
    expect((await api.call("GET", `${ws}/deployments`)).body).toEqual({ items: [deployment] });
    expect((await awsSide()).thingGroups).toContain(thingGroup);
  });

  test("has a node in the group: a thing in the group and one cell", async () => {
    const wish = {
      name: "gateway-1",
      groups: ["gateways"],
      description: "at the door",
      attributes: { site: "oslo/1" },
    };
    const { subject } = await accepted("POST", `${ws}/nodes`, "node.create", wish);
    ids.node = subject.id;
    const thing = `local-${workspace.id}-${subject.id}`;
    const view = {
      ...wish,
      id: idOf("nod"),
      groups: [ids.group],
      runtime: "nucleus",
      status: "active",
      thing,
      tokenExpiresAt: expect.any(String),
      ...at,
    };
    await seen(`${ws}/nodes`, ["gateway-1", subject.id], view);
    await edited(subject.href);
    const described = await cloud.iot.send(new DescribeThingCommand({ thingName: thing }));
    expect(described.thingTypeName).toBe(workspace.bucket);
    expect(described.attributes).toEqual({ site: "oslo/1", slipwayNode: subject.id });
    const { thingGroups } = await cloud.iot.send(new ListThingGroupsForThingCommand({ thingName: thing }));
    expect(thingGroups).toHaveLength(2);
  });

  test("has a component", async () => {
    const input = { name: "com.example.Hello", publisher: "Example" };
    const { body, headers } = await created(`${ws}/components`, input);
    ids.component = String(body.id);
    expect(body).toEqual({ ...input, id: idOf("cmp"), ...at });
    expect(headers.get("location")).toBe(`${ws}/components/${body.id}`);
    await seen(`${ws}/components`, ["com.example.Hello", ids.component], body);
    await edited(`${ws}/components/${ids.component}`);
  });

  test("has a version of it with a file, which is published", async () => {
    const component = `${ws}/components/com.example.Hello`;
    const input = { version: "1.0.0", recipe: { platform: { os: "linux" }, run: "sh {artifacts:path}/main.sh" } };
    const { body, headers } = await created(`${component}/versions`, input);
    ids.version = String(body.id);
    const componentType = "aws.greengrass.generic";
    const whole = { ...input, id: idOf("ver"), component: "com.example.Hello", componentType, status: "draft", ...at };
    expect(body).toEqual(whole);
    expect(headers.get("location")).toBe(`${ws}/components/${ids.component}/versions/${body.id}`);
    await seen(`${component}/versions`, ["1.0.0", ids.version], body);

    const bytes = "echo hello\n";
    const file = { path: "dist/main.sh", size: bytes.length, sha256: sha256(bytes) };
    const path = `${component}/versions/1.0.0/files`;
    const declared = await expecting(201, api.call<{ upload: Upload }>("POST", path, { body: file }));
    const { createdAt } = at;
    const upload = { method: "PUT", url: expect.any(String), headers: expect.any(Object), expiresAt: createdAt };
    expect(declared.body).toEqual({ ...file, createdAt, upload });
    await sendFile(declared.body.upload, bytes);
    expect((await api.call("GET", path)).body).toEqual({ items: [{ ...file, createdAt }] });

    await accepted("POST", `${component}/versions/1.0.0/publish`, "component-version.publish");
    const published = await api.call<{ arn: string }>("GET", `${component}/versions/${ids.version}`);
    const arn = expect.stringMatching(/:components:com\.example\.Hello:versions:1\.0\.0$/);
    expect(published.body).toEqual({
      ...body,
      ...at,
      status: "published",
      arn,
      artifactBytes: bytes.length,
      catalogueNumber: 1,
    });
    const { recipe } = await cloud.greengrass.send(new GetComponentCommand({ arn: published.body.arn }));
    const uri = `s3://${workspace.bucket}/components/com.example.Hello/1.0.0/dist/main.sh`;
    expect(Buffer.from(recipe ?? []).toString()).toContain(uri);
    for (const refused of [
      api.call("POST", path, { body: file }),
      api.call("POST", `${component}/versions/1.0.0/publish`),
    ]) {
      expect(await refused).toMatchObject({ status: 409, body: { code: "version-immutable" } });
    }
  });

  test("deploys the component to the group and takes it back", async () => {
    const path = `${ws}/node-groups/gateways/deployment`;
    const components = { "com.example.Hello": { version: "^1.0.0", merge: { loud: true }, reset: ["/volume"] } };
    await accepted("PATCH", path, "deployment.apply", { components, priority: 7 });
    const { body, headers } = await api.call("GET", path);
    expect(body).toMatchObject({ components, priority: 7, revision: 2, catalogue: 1 });
    expect(headers.get("etag")).toBe('"2"');
    const used = await api.call("DELETE", `${ws}/components/com.example.Hello/versions/1.0.0`);
    expect([used.status, used.body.code]).toEqual([409, "version-in-use"]);
    expect((await awsSide()).deployments).toHaveLength(2); // of the cell: the empty one, and this
    await accepted("DELETE", path, "deployment.apply");
    expect((await api.call("GET", path)).body).toMatchObject({ components: {}, priority: 0, revision: 3 });
  });

  test("has a release, which is published", async () => {
    const bytes = "the operating system";
    const input = { ...releaseOf("os_armv8", bytes), attributes: ["camera"] };
    const answer = await expecting(
      201,
      api.call<{ id: string; upload: Upload }>("POST", `${ws}/releases`, { body: input }),
    );
    const { upload, ...view } = answer.body;
    ids.release = view.id;
    const terms = { cpuArch: [], hardware: [], rollout: 100, allowDowngrade: false };
    expect(view).toEqual({ ...input, ...terms, id: idOf("rel"), status: "draft", ...at });
    const path = `${ws}/releases/${view.id}`;
    expect(answer.headers.get("location")).toBe(path);
    await sendFile(upload, bytes);
    const reports = { installed: 0, failed: 0, rolledBack: 0 };
    await seen(`${ws}/releases`, [view.id], view, { reports });
    await accepted("POST", `${path}/publish`, "release.publish");
    const md5 = expect.stringMatching(/^[0-9a-f]{32}$/);
    expect((await api.call("GET", path)).body).toEqual({
      ...{ ...view, ...at, status: "published", md5 },
      ...{ availability: "offered", publishedAt: at.updatedAt, reports },
    });
    const got = await fetch(`${cloud.endpoints.ota}/acme/package?cpuArch=armv8&payloadType=metadataOnly`);
    expect(await got.json()).toMatchObject({ os_armv8: { latestVersion: "1.0.0", size: bytes.length } });
  });

  test("tells its intents, newest first", async () => {
    const { items } = (await api.call<{ items: { kind: string }[] }>("GET", `${ws}/intents`)).body;
    expect(items.map(({ kind }) => kind)).toEqual([
      "release.publish",
      "deployment.apply",
      "deployment.apply",
      "component-version.publish",
      "node.create",
      "node-group.create",
      "workspace.create",
    ]);
  });

  test("is not deleted in the wrong order", async () => {
    const refusals = [
      [ws, "workspace-not-empty"],
      [`${ws}/node-groups/gateways`, "node-group-not-empty"],
      [`${ws}/components/com.example.Hello`, "component-not-empty"],
    ];
    const before = await cloud.items();
    for (const [path = "", code] of refusals) {
      const answer = await api.call("DELETE", path);
      expect([path, answer.status, answer.body.code]).toEqual([path, 409, code]);
    }
    expect(await cloud.items()).toEqual(before);
  });
});

describe("the deletion of everything in the safe order", () => {
  test("deletes the node, by its name", async () => {
    await accepted("DELETE", `${ws}/nodes/gateway-1`, "node.delete");
    await gone(`${ws}/nodes/gateway-1`, `${ws}/nodes/${ids.node}`);
    expect((await awsSide()).things).toEqual([]);
  });

  test("deletes the node group, by its id", async () => {
    await accepted("DELETE", `${ws}/node-groups/${ids.group}`, "node-group.delete");
    await gone(`${ws}/node-groups/gateways`, `${ws}/node-groups/${ids.group}/deployment`);
    expect((await api.call("GET", `${ws}/deployments`)).body).toEqual({ items: [] });
  });

  test("deletes the version, with its file, and then the component", async () => {
    const component = `${ws}/components/com.example.Hello`;
    await accepted("DELETE", `${component}/versions/1.0.0`, "component-version.delete");
    await gone(`${component}/versions/1.0.0`, `${component}/versions/${ids.version}/files`);
    const Key = "components/com.example.Hello/1.0.0/dist/main.sh";
    await expect(cloud.s3.send(new HeadObjectCommand({ Bucket: workspace.bucket, Key }))).rejects.toThrow();
    const answer = await api.call("DELETE", component);
    expect([answer.status, answer.body, answer.headers.get("content-type")]).toEqual([204, "", null]);
    await gone(component, `${ws}/components/${ids.component}`);
    expect((await awsSide()).components).toEqual([]);
  });

  test("deletes the release: devices no longer get it", async () => {
    await accepted("DELETE", `${ws}/releases/${ids.release}`, "release.delete");
    await gone(`${ws}/releases/${ids.release}`);
    expect((await awsSide()).otaObjects).toEqual([]);
  });

  test("deletes the workspace, of which AWS and the tables then hold nothing but its intents", async () => {
    const { id } = await accepted("DELETE", "/v1/workspaces/acme", "workspace.delete");
    await gone("/v1/workspaces/acme", ws, `${ws}/intents`);
    expect((await api.call("GET", "/v1/workspaces")).body).toEqual({ items: [] });
    expect(await awsSide()).toEqual(awsAtFirst);
    expect(await things()).toEqual(itemsAtFirst);
    expect((await api.call("GET", `/v1/intents/${id}`)).body).toMatchObject({ kind: "workspace.delete" });
    const open = Object.values(await cloud.items()).filter((item) => "open" in item);
    expect(open).toEqual([]);
  });

  test("frees every name for the next", async () => {
    await accepted("POST", "/v1/workspaces", "workspace.create", { name: "acme" });
    await created("/v1/workspaces/acme/components", { name: "com.example.Hello" });
    expect((await api.call<typeof workspace>("GET", "/v1/workspaces/acme")).body.id).not.toBe(workspace.id);
  });
});
