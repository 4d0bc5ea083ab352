import { Ajv2020, type AnySchema, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiAnswer, type ApiClient, apiClient } from "../../../local/api-client.ts";
import { documentedPath } from "../../../shared/api/openapi.ts";
import { SINGLE_UPLOAD_BYTES } from "../../../shared/component/file.ts";
import { type Route, type RouteName, routes } from "../../../shared/declared/routes.ts";
import { until } from "../../local/until.ts";
import { expecting, releaseOf, sendFile, startTestCloud, type TestCloud, type Upload } from "../support/cloud.ts";
import { importOf } from "../support/node-imports.ts";
import { bodyFor, headersFor, operations, pathOf } from "../support/operations.ts";
import { registrationOf } from "../support/registration.ts";

interface Documented {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Record<string, unknown> };
  readonly responses: Record<
    string,
    { readonly headers?: Record<string, { readonly required?: boolean }>; readonly content?: Record<string, unknown> }
  >;
  readonly security?: readonly unknown[];
}

interface OpenApi {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Documented>>;
  readonly components: { readonly schemas: Record<string, AnySchema> };
}

let cloud: TestCloud;
let api: ApiClient;
let document: OpenApi;
let validators: Ajv2020;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  document = (await api.call<OpenApi>("GET", "/v1/openapi.json")).body;
  validators = new Ajv2020({ strict: false, allErrors: true });
  formats.default(validators);
  validators.addSchema({ $id: "document", ...document });
});
afterAll(() => cloud?.remove());

const escaped = (part: string): string => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));
/** @throws Error when the schema there is none, or leads nowhere */
const schemaAt = (...parts: string[]): ValidateFunction => {
  const pointer = `/${parts.map(escaped).join("/")}`;
  try {
    return validators.compile({ $ref: `document#${pointer}` });
  } catch (error) {
    // A schema that is nothing but a reference to itself takes the compiler's whole stack.
    throw new Error(`${pointer} does not compile: ${(error as Error).message}`, { cause: error });
  }
};

const mistakes = (validate: ValidateFunction, value: unknown): string[] =>
  validate(value) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);

const operationOf = (name: RouteName): Documented => {
  const { method, path }: Route = routes[name];
  const operation = document.paths[documentedPath(path)]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`${method} ${path} is not documented`);
  return operation;
};

/** Headers that belong to HTTP and its transport, not to an operation. */
const OF_THE_TRANSPORT = new Set([
  "apigw-requestid",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "date",
  "keep-alive",
  "vary",
]);

/** What in an answer is not as the document says. */
const violations = (name: RouteName, { status, headers, body }: ApiAnswer<unknown>): string[] => {
  const { method, path }: Route = routes[name];
  const documented = operationOf(name).responses[String(status)];
  if (documented === undefined) return [`${status} is not documented`];
  const found: string[] = [];
  const known = new Set(Object.keys(documented.headers ?? {}).map((header) => header.toLowerCase()));
  for (const header of headers.keys()) {
    if (!known.has(header) && !OF_THE_TRANSPORT.has(header)) found.push(`${status}: the header ${header}`);
  }
  for (const [header, { required }] of Object.entries(documented.headers ?? {})) {
    if (required !== false && !headers.has(header)) found.push(`${status}: no header ${header}`);
  }
  const mediaType = headers.get("content-type")?.split(";")[0];
  if (documented.content === undefined) return body === "" ? found : [...found, `${status}: a body`];
  if (mediaType === undefined || !(mediaType in documented.content)) return [...found, `${status}: type ${mediaType}`];
  const place = ["responses", String(status), "content", mediaType, "schema"];
  try {
    const validate = schemaAt("paths", documentedPath(path), method.toLowerCase(), ...place);
    return [...found, ...mistakes(validate, body).map((mistake) => `${status}: ${mistake}`)];
  } catch (error) {
    return [...found, `${status}: ${(error as Error).message}`];
  }
};

/** What the walk has seen, by operation. */
const seen = new Map<RouteName, { statuses: Set<number>; violations: Set<string> }>();

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
  const answer = await client.call<Body>(route.method, `${pathOf(route.path, { ...places, ...at })}${query}`, {
    headers: headers ?? headersFor(route),
    ...(body !== undefined && { body }),
  });
  const entry = seen.get(name) ?? { statuses: new Set(), violations: new Set() };
  entry.statuses.add(answer.status);
  for (const violation of violations(name, answer)) entry.violations.add(violation);
  seen.set(name, entry);
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
  places.workspace = await done("createWorkspace", { name: "acme", description: "d" });
  await call("updateWorkspace", { body: { description } });
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
  const file = { path: "dist/a", size: 1, sha256: "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" };
  await sendFile((await made("createComponentFile", file)).body.upload, "a");
  await call("applyComponentManifest", { body: { files: [file] } });
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
  await done("deleteWorkspace");
};

/** A rule for events, and a webhook where nobody listens. */
const eventsInAndOut = async (): Promise<void> => {
  places.type = "slipway.node.offline";
  await call("listEventTypes");
  await call("getEventSchema", { at: { version: "1" } });
  await call("getEventSchema", { at: { version: "2" } });
  places.eventRule = (await made("createEventRule", bodyFor("createEventRule", "contract"))).body.id;
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
    newNodes: [{ name: "planned", groups: ["g"], runtime: "nucleus-lite" }],
  };
  const planned = await expecting(200, call<{ nextCursor?: string }>("planChanges", { body, query: "?limit=1" }));
  const rest = `?limit=1&cursor=${encodeURIComponent(planned.body.nextCursor ?? "")}`;
  await expecting(200, call("planChanges", { body, query: rest }));
  await call("planChanges", { body: {}, query: rest }); // another plan
  await expecting(200, call("planNodes", { body, query: "?group=g" }));
  const refused = { "com.example.None": { version: "1.0.0" } };
  await call("planChanges", { body: { nodeGroups: { g: { deployment: { edit: "patch", components: refused } } } } });
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
        eventRule: "no",
        webhook: "no",
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
  beforeAll(walk);

  test("reach every operation's success, and at least 150 kinds of answers", () => {
    const missed = operations.filter(([name, { status }]) => !seen.get(name)?.statuses.has(status));
    expect(missed.map(([name]) => name)).toEqual([]);
    const kinds = [...seen.values()].reduce((sum, { statuses }) => sum + statuses.size, 0);
    expect(kinds).toBeGreaterThanOrEqual(150);
  });

  test.each(operations.map(([name]) => name))("are as the document says: %s", (name) => {
    expect([...(seen.get(name)?.violations ?? [])].sort()).toEqual([]);
  });
});

describe("the document", () => {
  test("is OpenAPI 3.1 with every declared operation and no other", () => {
    expect(document.openapi).toBe("3.1.0");
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => `${operationId}: ${method.toUpperCase()} ${path}`),
    );
    const declared = operations.map(([name, { method, path }]) => `${name}: ${method} ${documentedPath(path)}`);
    expect(documented.sort()).toEqual(declared.sort());
  });

  test("has only references that lead somewhere, and schemas that compile", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    expect(references.length).toBeGreaterThan(50);
    for (const name of new Set(references)) expect(document.components.schemas).toHaveProperty([name ?? ""]);
    for (const name of Object.keys(document.components.schemas)) {
      expect(schemaAt("components", "schemas", name)).toBeTypeOf("function");
    }
  });

  test.each(operations.filter(([, { body }]) => body !== undefined))(
    "has a schema that takes what the operation takes: %s",
    (name, { method, path }) => {
      const [type = ""] = Object.keys(operationOf(name).requestBody?.content ?? {});
      const validate = schemaAt(
        "paths",
        documentedPath(path),
        method.toLowerCase(),
        "requestBody",
        "content",
        type,
        "schema",
      );
      expect(mistakes(validate, bodyFor(name, "x"))).toEqual([]);
      expect(mistakes(validate, { unknown: "member" })).not.toEqual([]);
    },
  );

  test.each(operations)("names the parameters of the path, the query and the headers: %s", (name, route) => {
    const { parameters = [] } = operationOf(name);
    const of = (place: string) =>
      parameters.filter((parameter) => parameter.in === place).map((parameter) => parameter.name);
    expect(of("path")).toEqual([...route.path.matchAll(/\{(\w+)\+?\}/g)].map(([, parameter]) => parameter));
    expect(of("query")).toEqual(Object.keys(route.query?.shape ?? {}));
    const headers = [
      ...(route.method === "POST" && !route.repeatable ? ["Idempotency-Key"] : []),
      ...(route.ifMatch === undefined ? [] : ["If-Match"]),
    ];
    expect(of("header")).toEqual(headers);
    expect(Object.keys(operationOf(name).requestBody?.content ?? {}).includes("application/json")).toBe(
      route.body !== undefined,
    );
  });
});
