import { readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { PutCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, type ApiClient, apiClient } from "../../../local/api-client.ts";
import { type Contract, contractOf, type OpenApi } from "../../../local/contract.ts";
import { SINGLE_UPLOAD_BYTES } from "../../../shared/component/file.ts";
import { type Route, type RouteName, routes } from "../../../shared/declared/routes.ts";
import { keys } from "../../../shared/keys.ts";
import { makeSecret } from "../../../shared/secrets.ts";
import { until } from "../../local/until.ts";
import { expecting, releaseOf, sendFile, startTestCloud, type TestCloud, type Upload } from "../support/cloud.ts";
import { type Example, exampleOf, SCHEMAS } from "../support/example.ts";
import { importOf } from "../support/node-imports.ts";
import { bodyFor, headersFor, operations, pathOf } from "../support/operations.ts";
import { registrationOf } from "../support/registration.ts";

let cloud: TestCloud;
let api: ApiClient;
let contract: Contract;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  contract = contractOf((await api.call<OpenApi>("GET", "/v1/openapi.json")).body);
});
afterAll(() => cloud?.remove());

/** Every call of the walk, under the user agent that it named itself. */
const calls: {
  readonly name: RouteName;
  readonly agent: string;
  readonly status: number;
  readonly replayed: boolean;
}[] = [];

/** What the walk has seen, by operation. */
const seen = new Map<RouteName, { statuses: Set<number>; violations: Set<string> }>();

/** What has come by the time that it is asked for differs: that these are as the document says is another test. */
const OF_THE_MOMENT: readonly RouteName[] = ["listWebhookDeliveries", "listEvents", "listIntents", "listAudit"];

/** The first request of each operation that was done, with its answer. */
const recorded = new Map<RouteName, Example>();

const places: Record<string, string> = {};

const call = async <Body = Record<string, unknown>>(
  name: RouteName,
  options: {
    body?: unknown;
    headers?: Record<string, string>;
    client?: ApiClient;
    at?: Record<string, string>;
    query?: string;
  } = {},
): Promise<ApiAnswer<Body>> => {
  const route: Route = routes[name];
  const { body, headers, client = api, at = {}, query = "" } = options;
  const agent = `walk/${calls.length}`;
  const answer = await client.call<Body>(route.method, `${pathOf(route.path, { ...places, ...at })}${query}`, {
    headers: { ...(headers ?? headersFor(route)), "user-agent": agent },
    ...(body !== undefined && { body }),
  });
  calls.push({ name, agent, status: answer.status, replayed: answer.headers.has("idempotent-replayed") });
  const entry = seen.get(name) ?? { statuses: new Set(), violations: new Set() };
  entry.statuses.add(answer.status);
  for (const violation of contract.violations(routes[name], answer)) entry.violations.add(violation);
  seen.set(name, entry);
  const isJson = (route.media ?? "application/json") === "application/json" && !SCHEMAS.has(name);
  if (answer.status === route.status && isJson && !recorded.has(name)) {
    const sent = route.oauth ? Object.fromEntries(new URLSearchParams(String(body))) : body;
    recorded.set(name, exampleOf(`${pathOf(route.path, { ...places, ...at })}${query}`, sent, answer));
  }
  return answer;
};

const done = async (name: RouteName, body?: unknown): Promise<string> => {
  const answer = await expecting(202, call<{ id: string }>(name, { ...(body !== undefined && { body }) }));
  const ended = await api.ended(answer.body.id);
  if (ended.status !== "succeeded") throw new Error(`${name}: ${JSON.stringify(ended.problem)}`);
  return ended.subject.id;
};

const made = async (name: RouteName, body: unknown) =>
  expecting(201, call<{ id: string; upload: Upload }>(name, { body }));

/** An import with faults, and one without, which stays. */
const imports = async (): Promise<void> => {
  for (const text of ["name\na b\n", "name\ncontract\n"]) {
    const { body } = await made("createNodeImport", importOf(text));
    places.nodeImport = body.id;
    await sendFile(body.upload, text);
    const started = await expecting(202, call<{ id: string }>("startNodeImport"));
    await api.ended(started.body.id);
    await call("getNodeImport");
    if (text.includes("a b")) await done("deleteNodeImport");
  }
  await call("startNodeImport"); // one that has succeeded is done
};

/** All operations in an order that works, from nothing to nothing. */
const walk = async (): Promise<void> => {
  const description = "changed";
  await call("getOpenapi");
  await call("getInstaller");
  await call("getDocs");
  await call("getSigningKeys");
  places.workspace = await done("createWorkspace", { name: "acme", description: "d" });
  await call("updateWorkspace", { body: { description } });
  await people();
  places.nodeGroup = await done("createNodeGroup", { name: "g" });
  await call("updateNodeGroup", { body: { description } });
  places.node = await done("createNode", { name: "n", groups: ["g"] });
  await call("updateNode", { body: { description } });
  await call("updateNodeMemberships", { body: { remove: ["gateways"] } });
  await imports();
  await registration();
  places.component = (await made("createComponent", { name: "com.example.A", publisher: "p" })).body.id;
  await call("updateComponent", { body: { description } });
  await done("importComponent", { name: "aws.greengrass.Cli" });
  const recipe = { run: "true", configuration: { a: [1, null, { b: "c" }] } };
  places.version = (await made("createComponentVersion", { version: "1.0.0", recipe })).body.id;
  await call("getComponentVersion");
  const file = { path: "dist/a", size: 1, sha256: "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" };
  await sendFile((await made("createComponentFile", file)).body.upload, "a");
  await call("applyComponentManifest", { body: { files: [file, { ...file, path: "dist/b" }] } });
  await call("applyComponentManifest", { body: { files: [file], prune: true } });
  places.path = file.path;
  await call("getComponentFile");
  await largeFile();
  const own = {
    RecipeFormatVersion: "2020-01-25",
    ComponentName: "com.example.A",
    ComponentVersion: "1.1.0",
    Manifests: [],
  };
  const text = JSON.stringify({ ...own, Manifests: [{ Lifecycle: { run: "true" } }] });
  const clone = (await made("createComponentVersion", { version: "1.1.0", from: "1.0.0" })).body.id;
  await until(async () => (await call("getComponentVersion", { at: { version: clone } })).body.copying === undefined);
  const recipeText = { format: "json", text };
  const edited = await call("updateComponentVersion", { at: { version: clone }, body: { recipeText } });
  expect(edited.body).toMatchObject({ recipeText, document: JSON.parse(text) });
  await call("getComponentVersionFindings", { at: { version: clone } }); // with warnings
  const refused = { version: "1.2.0", recipeText: { format: "yaml", text: "a: *b" } };
  await call("createComponentVersion", { body: refused }); // with findings
  await call("updateComponentVersion", { at: { version: clone }, body: { recipe: { dependencies: { a: "latest" } } } });
  places.from = clone;
  await done("publishComponentVersion");
  await call("deprecateComponentVersion", { body: { reason: "old" } });
  await call("restoreComponentVersion");
  await call("deprecateComponentVersion", { at: { version: clone }, body: { reason: "a draft" } });
  await call("restoreComponentVersion", { at: { version: clone } });
  await call("listComponentVersionUsage", { query: "?of=nodes" });
  await call("listComponents", { query: "?search=EXAMPLE&prefix=com&publisher=p" });
  await done("updateNodeMemberships", { remove: ["g"] });
  await done("updateNodeMemberships", { add: ["g"] });
  await deployments();
  await drifting();
  await eventsInAndOut();
  const release = await made("createRelease", releaseOf("app", "binary"));
  places.release = release.body.id;
  await sendFile(release.body.upload, "binary");
  await done("publishRelease");
  await call("updateRelease", { body: { rollout: 50, reason: "slowly" } });
  for (const name of ["pauseRelease", "resumeRelease", "withdrawRelease"] as const) {
    await call(name, { body: { reason: "seen" } });
  }
  await done("publishRelease");
  await call("createReport", { body: bodyFor("createReport", "") });
  const promoted = await done("promoteRelease", { environment: "beta" });
  await api.done("DELETE", pathOf(routes.deleteRelease.path, { ...places, release: promoted }));
  const readings = operations.filter(([, { method, access }]) => method === "GET" && access !== "anyone");
  places.intent =
    (await call<{ items: { id: string }[] }>("listIntents", { query: "?limit=1" })).body.items[0]?.id ?? "";
  for (const [name, { query }] of readings.filter(([one]) => one !== "getComponentUpload"))
    await call(name, "limit" in (query?.shape ?? {}) ? { query: "?limit=1" } : {});
  await call("exportAudit", { query: "?format=csv" });
  const failing = await made("createRelease", releaseOf("never-uploaded", "x"));
  const failed = await call<{ id: string }>("publishRelease", { at: { release: failing.body.id } });
  await api.ended(failed.body.id);
  await call("getIntent", { at: { intent: failed.body.id } }); // a failed one, with its problem
  await refusals();
  await call("deleteEventRule");
  await call("deleteWebhook");
  await done("deleteNodeDeployment");
  await done("deleteNodeGroupDeployment");
  await done("revokeNodeCertificate");
  await done("deleteNode");
  await done("deleteNodeImport");
  await api.done("DELETE", pathOf(routes.deleteNode.path, { ...places, node: "contract" }));
  await done("deleteNodeGroup");
  await done("deleteComponentVersion");
  places.version = clone;
  await done("deleteComponentVersion");
  await call("deleteComponent");
  const current = places.release;
  places.release = failing.body.id;
  await done("deleteRelease");
  places.release = current;
  await done("deleteRelease");
  await expecting(204, call("deleteCredential"));
  await expecting(204, call("deleteMember"));
  await done("deleteWorkspace");
};

/** Someone who is invited, and a machine. */
const people = async (): Promise<void> => {
  const invitation = async () =>
    (await expecting(201, call<{ id: string; code: string }>("createInvitation", { body: { role: "owner" } }))).body;
  const { code } = await invitation();
  await expecting(200, call("acceptInvitation", { client: await cloud.client("someone"), body: { code } }));
  const { items } = (await call<{ items: { id: string; subject: string }[] }>("listMembers")).body;
  places.member = items.find(({ subject }) => subject === "someone")?.id ?? "";
  await expecting(200, call("updateMember", { body: { role: "viewer" } }));
  const again = await invitation();
  await call("acceptInvitation", { client: await cloud.client("someone"), body: { code: again.code } }); // a member already is none again
  await call("acceptInvitation", { body: { code: makeSecret("sli_", new Uint8Array(20)) } });
  await expecting(204, call("deleteInvitation", { at: { invitation: again.id } }));
  places.invitation = (await invitation()).id;
  const own = items.find(({ subject }) => subject !== "someone")?.id ?? "";
  for (const name of ["updateMember", "deleteMember"] as const) {
    await call(name, { at: { member: own }, ...(name === "updateMember" && { body: { role: "viewer" } }) }); // the last owner
  }
  const created = await made("createCredential", { name: "ci", role: "owner", scopes: ["nodes:read"] });
  places.credential = created.body.id;
  const { id, secret } = created.body as unknown as { id: string; secret: string };
  const form = (more: object) => new URLSearchParams({ grant_type: "client_credentials", client_id: id, ...more });
  const ask = (more: object) => call<{ access_token: string }>("createToken", { body: String(form(more)) });
  const { access_token: token } = (await expecting(200, ask({ client_secret: secret }))).body;
  for (const wrong of [{}, { client_secret: secret, scope: "nodes:write" }, { grant_type: "password" }])
    await ask(wrong);
  const machine = apiClient(cloud.endpoints.api, token);
  for (const name of ["createWorkspace", "updateWorkspace", "acceptInvitation"] as const) {
    await call(name, { client: machine, body: bodyFor(name, "walk") });
  }
};

/** A rule for events, and a webhook where nobody listens. */
const eventsInAndOut = async (): Promise<void> => {
  const { resume } = (await call<{ resume: string }>("listEvents", { query: "?type=slipway.intent.*&limit=2" })).body;
  await call("listEvents", { query: `?cursor=${resume}` });
  for (const wrong of ["type=slipway.intent", "cursor=x"]) await call("listEvents", { query: `?${wrong}` });
  places.type = "slipway.node.offline";
  await call("listEventTypes");
  await call("getEventSchema", { at: { version: "1" } });
  await call("getEventSchema", { at: { version: "2" } });
  places.eventRule = (await made("createEventRule", bodyFor("createEventRule", "contract"))).body.id;
  const operations = ["createNode", "deleteNodeGroup"];
  await expecting(200, call("updateEventRule", { body: { operations, description: "d" } }));
  await call("updateEventRule", { body: { operations: ["listNodes"] } });
  const webhook = { url: "http://127.0.0.1:9/", events: ["slipway.node.*", "slipway.release.published"] };
  places.webhook = (await made("createWebhook", webhook)).body.id;
  await call("createWebhook", { body: { url: "https://10.0.0.1/" } });
  await call("updateWebhook", { body: { description: "d", enabled: false } });
  await call("replayWebhook", { body: bodyFor("replayWebhook", "") }); // disabled
  await call("updateWebhook", { body: { enabled: true } });
  await call("rotateWebhookSecret");
  await call("testWebhook");
  await call("replayWebhook", { body: bodyFor("replayWebhook", "") });
  await call("replayWebhook", { body: { delivery: "evt_none" } });
};

/** The deployments of a group and of a node, edited in every way. */
const deployments = async (): Promise<void> => {
  const components = {
    "com.example.A": {
      version: "^1.0.0",
      merge: { a: 1 },
      reset: ["/b"],
      runWith: { posixUser: "ggc_user", systemResourceLimits: { memory: 1_024, cpus: 0.5 } },
    },
  };
  const settings = {
    policies: { failureHandling: "do-nothing", componentUpdate: { action: "notify" }, validationSeconds: 9 },
    rollout: {
      exponential: { baseRatePerMinute: 5, incrementFactor: 1.5, increaseAfter: { notified: 3 } },
      abort: [{ failure: "all", thresholdPercentage: 12.5, minimumExecuted: 4 }],
      timeoutMinutes: 30,
    },
  };
  places.revision = "2";
  for (const target of ["NodeGroup", "Node"] as const) {
    await done(`update${target}Deployment`, { components, priority: 3, reason: "first" });
    await done(`update${target}Deployment`, { ...settings, autoUpdate: true });
    const place = target === "Node" ? { nodes: { n: {} } } : { nodeGroups: { g: {} } };
    const [list, name] = Object.entries(place).map(([key, value]) => [key, Object.keys(value)[0]] as const)[0] ?? [];
    const replacement = { components, priority: 4, ...settings };
    const asked = { [list ?? ""]: { [name ?? ""]: { deployment: { edit: "replace", ...replacement } } } };
    const { body } = await expecting(200, call<{ hash: string }>("planChanges", { body: asked }));
    await done(`replace${target}Deployment`, { ...replacement, plan: body.hash });
    await done(`refresh${target}Deployment`, { components: ["com.example.A"] });
    await done(`rollBack${target}Deployment`, { revision: 1, reason: "as before" });
  }
  const body = {
    nodeGroups: { g: { deployment: { edit: "patch", components: { "com.example.A": null } } } },
    nodes: { n: { deployment: null } },
    newNodeGroups: [
      { name: "trial", deployment: { edit: "patch", components: { "com.example.A": { version: "*" } }, priority: 9 } },
    ],
    newNodes: [{ name: "planned", groups: ["g", "trial"], runtime: "nucleus-lite" }],
  };
  const planned = await expecting(200, call<{ nextCursor?: string }>("planChanges", { body, query: "?limit=1" }));
  const rest = `?limit=1&cursor=${encodeURIComponent(planned.body.nextCursor ?? "")}`;
  await expecting(200, call("planChanges", { body, query: rest }));
  await call("planChanges", { body: {}, query: rest }); // another plan
  await expecting(200, call("planNodes", { body, query: "?group=g" }));
  const refused = { "com.example.None": { version: "1.0.0" } };
  await call("planChanges", { body: { nodeGroups: { g: { deployment: { edit: "patch", components: refused } } } } });
};

/** What was changed behind Slipway's back, as a sweep would have found it. */
const drifting = async (): Promise<void> => {
  const { workspace = "", node = "", nodeGroup = "" } = places;
  const write = async (rest: string, drift: object): Promise<void> => {
    places.drift = `${node}.${rest}`;
    const item = {
      ...keys.drift(workspace, places.drift),
      type: "drift",
      workspaceId: workspace,
      id: places.drift,
      subject: { type: "node", id: node, name: "n" },
      detail: "seen",
      since: new Date().toISOString(),
      ...drift,
    };
    await cloud.documents.send(new PutCommand({ TableName: cloud.tables.control, Item: item }));
  };
  await write("foreign.x", { kind: "foreign-deployment" });
  await call("repairDrift");
  await call("adoptDrift");
  await write(`group.${nodeGroup}`, { kind: "group-membership", groupId: nodeGroup, change: "added" });
  await call("listDrift", { query: "?limit=1" });
  await call("getNodeDeploymentStatus");
  await done("adoptDrift");
  await write(`group.${nodeGroup}`, { kind: "group-membership", groupId: nodeGroup, change: "added" });
  await done("repairDrift");
  await write("foreign.x", { kind: "foreign-deployment" });
};

/** A device that becomes the node, and the token for another one. */
const registration = async (): Promise<void> => {
  const tokenBy = async (name: "createRegistrationToken" | "reRegisterNode") =>
    (await expecting(201, call<{ token: string }>(name, { body: {} }))).body.token;
  await tokenBy("createRegistrationToken");
  await expecting(204, call("revokeRegistrationToken"));
  const token = await tokenBy("createRegistrationToken");
  await expecting(200, call("register", { body: { token } }));
  const device = registrationOf(cloud);
  places.certificate = (await device.enrol(token)).certificateId;
  // Nobody waits for a device that is not connected, and this one will not do what it is told.
  const { body } = await expecting(200, call<{ thing: string }>("getNode"));
  await device.connect(body.thing, places.certificate, "disconnected");
  await tokenBy("reRegisterNode");
};

/** A file of two parts that is uploaded and deleted again. */
const largeFile = async (): Promise<void> => {
  const at = { path: "src/large" };
  const size = SINGLE_UPLOAD_BYTES + 1;
  await made("createComponentFile", { path: at.path, size, sha256: "0".repeat(64) });
  await call("completeComponentUpload", { at }); // nothing has come
  const { items } = (await call<{ items: (Upload & { size: number; upload: Upload })[] }>("getComponentUpload", { at }))
    .body;
  for (const part of items) await sendFile(part.upload, Buffer.alloc(part.size));
  await call("getComponentUpload", { at, query: "?limit=1" });
  await call("getComponentUpload", { at, query: "?cursor=x" });
  await call("completeComponentUpload", { at });
  await call("deleteComponentFile", { at });
  await call("deleteComponentFile", { at });
};

/** What each kind of operation refuses. */
const refusals = async (): Promise<void> => {
  const stranger = await cloud.client("stranger");
  const nobody = apiClient(cloud.endpoints.api, "garbage");
  for (const [name, route] of operations) {
    const { access, body, method, ifMatch } = route;
    await call(name, { query: "?unknown=1" });
    if (access === "anyone") continue;
    await call(name, { client: nobody });
    if (route.path.includes("{")) {
      const valid = body === undefined ? {} : { body: bodyFor(name, "walk") };
      await call(name, { client: stranger, ...valid });
      const no = {
        nodeGroup: "no",
        node: "no",
        nodeImport: "no",
        component: "no",
        release: "no",
        member: "no",
        invitation: "no",
        credential: "no",
        eventRule: "no",
        webhook: "no",
        drift: "no",
      };
      if (/\}.*\{/.test(route.path)) await call(name, { at: no, ...valid });
    }
    if (body !== undefined) {
      await call(name, { body: "{" });
      await call(name, { body: {} });
      await call(name, { body: "x".repeat(300_000) });
      await call(name, { body: "x", headers: { ...headersFor(route), "content-type": "text/plain" } });
    }
    if (ifMatch !== undefined) {
      const sent = body === undefined ? {} : { body: bodyFor(name, "walk") };
      await call(name, { ...sent, headers: { "if-match": '"999"' } });
      if (ifMatch === "required") await call(name, { ...sent, headers: {} });
    }
    if (method === "POST" && body === undefined) await call(name, { headers: { "idempotency-key": "a b" } });
  }
  const keyed = { headers: { "idempotency-key": "walk" } };
  for (const app of ["keyed", "keyed", "another"]) await call("createRelease", { ...keyed, body: releaseOf(app, "x") });
  await call("createNodeGroup", { body: { name: "g" } });
  await call("createNode", { body: { name: "n" } });
  await call("createWorkspace", { body: { name: "acme" } });
  await call("createComponent", { body: { name: "com.example.A" } });
  for (const name of ["deleteWorkspace", "deleteNodeGroup", "deleteComponent", "deleteComponentVersion"] as const) {
    await call(name);
  }
  await call("publishRelease");
  await call("publishComponentVersion");
  await call("updateNodeGroupDeployment", { body: { components: { no: { version: "1.0.0" } } } });
  await call("listNodes", { query: "?cursor=x" });
  const { items } = (await call<{ items: { id: string; app: string }[] }>("listReleases", { query: "?limit=100" }))
    .body;
  for (const { id, app } of items)
    if (app === "keyed") await api.done("DELETE", pathOf(routes.getRelease.path, { ...places, release: id }));
};

describe("the answers of a walk through all operations", () => {
  beforeAll(walk, 300_000);

  test("reach every operation's success, and at least 150 kinds of answers", () => {
    const missed = operations.filter(([name, { status }]) => !seen.get(name)?.statuses.has(status));
    expect(missed.map(([name]) => name)).toEqual([]);
    const kinds = [...seen.values()].reduce((sum, { statuses }) => sum + statuses.size, 0);
    expect(kinds).toBeGreaterThanOrEqual(150);
  });

  test("leave each one audit record where they changed something, and none where they did not", async () => {
    const records = (await cloud.audit()) as unknown as {
      operation: string;
      source?: { ip: string; userAgent: string };
    }[];
    const told = (agent: string) => records.filter(({ source }) => source?.userAgent === agent);
    const isWriting = ({ method, readOnly, oauth }: Route) => method !== "GET" && !readOnly && !oauth;
    const recorded = new Set(operations.filter(([, route]) => isWriting(route)).map(([name]) => name));
    recorded.delete("createReport"); // it is counted, and what it leads to has a record: ota-reports.test.ts
    const wrong = calls.filter(({ name, agent, status, replayed }) => {
      const operations = told(agent).map(({ operation }) => operation);
      return operations.join() !== (recorded.has(name) && status < 300 && !replayed ? name : "");
    });
    expect(wrong).toEqual([]);
    for (const done of [true, false]) {
      const tried = new Set(calls.filter(({ status }) => status < 300 === done).map(({ name }) => name));
      expect([...recorded].filter((name) => !tried.has(name))).toEqual([]);
    }
    for (const { source } of records) if (source !== undefined) expect(source.ip).toMatch(/127\.0\.0\.1$/);
  });

  test("are the examples of the document", () => {
    const found = Object.fromEntries(
      operations.flatMap(([name]) => (recorded.has(name) ? [[name, recorded.get(name)]] : [])),
    );
    const file = new URL("../../../shared/api/examples.json", import.meta.url);
    const read = () => JSON.parse(readFileSync(file, "utf8")) as Record<string, Example>;
    if (process.env.WRITE_EXAMPLES) {
      const before = read();
      // What says the same stays as it is: a table has no order of its own among the members of an object.
      const kept = operations.flatMap(([name]) =>
        found[name] === undefined
          ? []
          : [[name, isDeepStrictEqual(found[name], before[name]) ? before[name] : found[name]]],
      );
      writeFileSync(file, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`);
    }
    const told = read();
    expect(Object.keys(told)).toEqual(Object.keys(found));
    const lasting = ({ ...all }: Record<string, Example | undefined>) => {
      for (const name of OF_THE_MOMENT) delete all[name];
      return all;
    };
    expect(lasting(told)).toEqual(lasting(found));
  });

  test.each(operations.map(([name]) => name))("are as the document says: %s", (name) => {
    expect([...(seen.get(name)?.violations ?? [])].sort()).toEqual([]);
  });
});
