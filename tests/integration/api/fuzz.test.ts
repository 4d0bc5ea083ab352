import { PutCommand } from "@aws-sdk/lib-dynamodb";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ApiAnswer, ApiClient } from "../../../local/api-client.ts";
import { type Contract, contractOf, type OpenApi } from "../../../local/contract.ts";
import { parametersIn } from "../../../shared/declared/routes/route.ts";
import { type Route, type RouteName, routes } from "../../../shared/declared/routes.ts";
import { keys } from "../../../shared/keys.ts";
import {
  aPublishedComponent,
  aWorkspace,
  expecting,
  releaseOf,
  startTestCloud,
  type TestCloud,
} from "../support/cloud.ts";
import { importOf } from "../support/node-imports.ts";
import { bodyFor, operations, pathOf } from "../support/operations.ts";
import { anyJson, nastyText, spoilt, valuesOf } from "../support/schema-arbitrary.ts";

/** Requests of each operation; many more in `npm run test:long`. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 8);

let cloud: TestCloud;
let api: ApiClient;
let contract: Contract;
/** What paths lead to something with, where an operation needs another value than others of the same name. */
const OWN_PLACES: Partial<Record<RouteName, Readonly<Record<string, string>>>> = {
  getEventSchema: { type: "slipway.node.offline", version: "1" },
};

/** What paths lead to something with. What requests delete is not there any more, which is an answer like others. */
const places: Record<string, string> = {};

beforeAll(async () => {
  // Webhooks are to be on this machine: nothing is sent elsewhere.
  cloud = await startTestCloud(["--webhooks-here"]);
  api = await cloud.client();
  contract = contractOf((await api.call<OpenApi>("GET", "/v1/openapi.json")).body);
  const { path, id: workspaceId } = await aWorkspace(api, "fuzzed");
  const made = async (where: string, body: unknown) =>
    (await api.call<{ id: string }>("POST", `${path}/${where}`, { body })).body.id;
  places.workspace = "fuzzed";
  places.nodeGroup = (await api.done("POST", `${path}/node-groups`, { name: "g" })).subject.id;
  const intent = await api.done("POST", `${path}/nodes`, { name: "n", groups: ["g"] });
  Object.assign(places, { node: intent.subject.id, intent: intent.id, certificate: "0".repeat(64), revision: "1" });
  await aPublishedComponent(api, path, "com.example.Fuzzed", "1.0.0");
  Object.assign(places, { component: "com.example.Fuzzed", version: "1.0.0", from: "1.0.0", path: "dist/a" });
  places.nodeImport = await made("node-imports", importOf("name\na\n"));
  places.release = await made("releases", releaseOf("app", "binary"));
  places.webhook = await made("webhooks", bodyFor("createWebhook", "fuzz"));
  places.eventRule = await made("event-rules", bodyFor("createEventRule", "fuzz"));
  places.credential = await made("credentials", bodyFor("createCredential", "fuzz"));
  places.invitation = await made("invitations", bodyFor("createInvitation", "fuzz"));
  const { code } = (await api.call<{ code: string }>("POST", `${path}/invitations`, { body: { role: "viewer" } })).body;
  await (await cloud.client("guest")).call("POST", "/v1/invitations/accept", { body: { code } });
  const { items } = (await api.call<{ items: { id: string; subject: string }[] }>("GET", `${path}/members`)).body;
  Object.assign(places, { member: items.find(({ subject }) => subject === "guest")?.id });
  // Of a kind that nobody puts right.
  places.drift = `${places.node}.foreign.elsewhere`;
  const subject = { type: "node", id: places.node, name: "n" };
  const found = {
    id: places.drift,
    kind: "foreign-deployment",
    subject,
    detail: "seen",
    since: new Date().toISOString(),
  };
  const Item = { ...keys.drift(workspaceId, places.drift), type: "drift", workspaceId, ...found };
  await cloud.documents.send(new PutCommand({ TableName: cloud.tables.control, Item }));
  const named = operations.flatMap(([name, { path }]) =>
    parametersIn(path).flatMap((one) => ((OWN_PLACES[name] ?? places)[one.name] === undefined ? [one.name] : [])),
  );
  expect(named).toEqual([]);
  for (const name of ["getDrift", "getEventSchema"] as const) {
    await expecting(200, api.call("GET", pathOf(routes[name].path, OWN_PLACES[name] ?? places)));
  }
});
afterAll(() => cloud?.remove());

interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const schemaOf = (reference: string) =>
  contract.document.components.schemas[reference.split("/").at(-1) ?? ""] as Readonly<Record<string, unknown>>;

/** A segment that a client would send: what cannot be in a URL is escaped; what leads to another path (`.`, `..`) is not sent. */
const segment = (text: string): string => encodeURIComponent(text.toWellFormed()).replace(/^\.{0,2}$/, "%20");

const pathArbitrary = (operation: RouteName, path: string): fc.Arbitrary<string> => {
  const parts = [...path.matchAll(/\{(\w+)\+?\}/g)].map(([braces, name = ""]) => [braces, name] as const);
  const values = parts.map(([, name]) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.constant((OWN_PLACES[operation] ?? places)[name] ?? "no") },
      { weight: 1, arbitrary: nastyText() },
    ),
  );
  return fc
    .tuple(...values)
    .map((all) => parts.reduce((made, [braces], index) => made.replace(braces, () => segment(all[index] ?? "")), path));
};

const queryArbitrary = (name: RouteName): fc.Arbitrary<string> => {
  const known = (contract.operationOf(name).parameters ?? []).filter((parameter) => parameter.in === "query");
  const pairs = known.map((parameter) =>
    fc.tuple(fc.constant(parameter.name), fc.oneof(valuesOf(parameter.schema, schemaOf).map(String), nastyText())),
  );
  const unknown = fc.tuple(fc.constantFrom("unknown", "limit", "cursor"), nastyText());
  return fc
    .oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(fc.oneof(...pairs, unknown), { maxLength: 3 }))
    .map((all) => all.map(([key, value]) => `${segment(key)}=${encodeURIComponent(value.toWellFormed())}`).join("&"));
};

/** Texts that HTTP lets into a header. */
const headerText = (): fc.Arbitrary<string> =>
  fc.oneof(fc.constantFrom("*", '"1"', 'W/"1"', '"1", "2"', "", "a b"), fc.stringMatching(/^[!-~]{1,40}$/));

const headersArbitrary = (route: Route): fc.Arbitrary<Record<string, string>> =>
  fc.record(
    {
      "if-match":
        route.ifMatch === undefined ? headerText() : fc.oneof({ weight: 4, arbitrary: fc.constant("*") }, headerText()),
      "idempotency-key": headerText(),
      "content-type": fc.constantFrom("application/json", "application/json; charset=utf-8", "text/plain", "x"),
      accept: headerText(),
    },
    { requiredKeys: route.ifMatch === undefined ? [] : ["if-match"] },
  );

/** Bodies by the document, bodies known to be good, both with something wrong in them, and what is no body at all. */
const bodyArbitrary = (name: RouteName): fc.Arbitrary<unknown> => {
  const content = Object.values(contract.operationOf(name).requestBody?.content ?? {})[0];
  if (content === undefined) return fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, anyJson());
  const valid = fc.oneof(
    valuesOf(content.schema, schemaOf),
    fc.stringMatching(/^[a-z]{6}$/).map((suffix) => bodyFor(name, suffix)),
  );
  return fc.oneof(
    { weight: 4, arbitrary: valid },
    { weight: 4, arbitrary: valid.chain(spoilt) },
    { weight: 1, arbitrary: anyJson() },
    { weight: 1, arbitrary: fc.constantFrom("{", "", "nul", '{"a":1}{', "\ufeff{}", '{"a":1e999}', "[".repeat(9_000)) },
  );
};

const requestOf = (name: RouteName): fc.Arbitrary<Request> => {
  const route: Route = routes[name];
  return fc
    .tuple(pathArbitrary(name, route.path), queryArbitrary(name), headersArbitrary(route), bodyArbitrary(name))
    .map(([path, query, headers, body]) => ({ path: query === "" ? path : `${path}?${query}`, headers, body }))
    .map((request) => (route.oauth ? asForm(request) : request));
};

/** The token endpoint takes forms. */
const asForm = ({ body, headers, ...rest }: Request): Request => {
  const members = typeof body === "object" && body !== null ? Object.entries(body) : [];
  const form = new URLSearchParams(members.map(([name, value]): [string, string] => [name, String(value)]));
  const type = headers["content-type"] ?? "application/x-www-form-urlencoded";
  return {
    ...rest,
    headers: { ...headers, "content-type": type },
    body: typeof body === "string" ? body : String(form),
  };
};

/** What in the answer to a request is wrong by the document, or at all. */
const faultsOf = (name: RouteName, { body, headers }: Request, answer: ApiAnswer<unknown>): string[] => {
  const faults = [...contract.violations(routes[name], answer)];
  if (answer.status >= 500) faults.push(`${answer.status} ${JSON.stringify(answer.body)}`);
  const isJson = (headers["content-type"] ?? "application/json").startsWith("application/json");
  const { body: takes }: Route = routes[name];
  if (answer.status < 300 && takes !== undefined && isJson && body !== undefined) {
    // A byte order mark is passed over, as RFC 8259 lets parsers do.
    const told: unknown = typeof body === "string" ? JSON.parse(body.replace(/^\ufeff/, "")) : body;
    if (!contract.bodySchema(name)(told)) faults.push(`${answer.status} to a body that the document does not take`);
  }
  return faults;
};

// What takes away what others need comes last.
const inOrder = [...operations].sort(([, a], [, b]) => Number(a.method === "DELETE") - Number(b.method === "DELETE"));

test.each(inOrder)("%s answers as the document says, whatever it is sent", async (name, { method }) => {
  await fc.assert(
    fc.asyncProperty(requestOf(name), async (request) => {
      const { path, headers, body } = request;
      const answer = await api.call<unknown>(method, path, {
        headers,
        ...(body !== undefined && method !== "GET" && { body }),
      });
      expect(faultsOf(name, request, answer)).toEqual([]);
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 120_000 },
  );
});
