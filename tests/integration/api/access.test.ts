import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PutCommand, TransactWriteCommand } from "@aws-sdk/lib-dynamodb";
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiClient, apiClient } from "../../../local/api-client.ts";
import { AUDIENCE } from "../../../local/issuer.ts";
import { SINGLE_UPLOAD_BYTES } from "../../../shared/component/file.ts";
import { keys } from "../../../shared/keys.ts";
import type { Role } from "../../../shared/workspace/access.ts";
import { memberId } from "../../../shared/workspace/member.ts";
import { until } from "../../local/until.ts";
import { aMember, anUploadedRelease, aWorkspace, expecting, startTestCloud, type TestCloud } from "../support/cloud.ts";
import { machineOf } from "../support/machines.ts";
import { importOf } from "../support/node-imports.ts";
import { bodyFor, headersFor, operations, pathOf } from "../support/operations.ts";
import { ACCESS } from "./access.rows.ts";

type Places = Record<string, string>;

/** From least to most, said here anew: each may do what those before it may. */
const ROLES: readonly Role[] = ["viewer", "operator", "maintainer", "owner"];

let cloud: TestCloud;
let owner: ApiClient;
let places: Places;

type Operation = (typeof operations)[number];

/** The role, or `anyone` or `caller`, and the scope that an operation needs, by the table. */
const needs = (name: Operation[0]): { readonly access: string; readonly scope: string } => {
  const [access = "", scope = ""] = (ACCESS[name] ?? "").split(" ");
  return { access, scope };
};
const memberOperations = operations.filter(([name]) => ROLES.includes(needs(name).access as Role));
const withToken = operations.filter(([name]) => needs(name).access !== "anyone");

/** A workspace with one of everything, all by id. */
const furnished = async (name: string): Promise<Places> => {
  const { id, path } = await aWorkspace(owner, name);
  const group = await owner.done("POST", `${path}/node-groups`, { name: "gateways" });
  const node = await owner.done("POST", `${path}/nodes`, { name: "gateway-1" });
  const created = async (at: string, body: unknown) =>
    (await expecting(201, owner.call<{ id: string }>("POST", `${path}${at}`, { body }))).body.id;
  await owner.done("PATCH", `${path}/nodes/gateway-1/deployment`, { priority: 1 });
  const component = await created("/components", { name: `com.example.${name}` });
  const version = await created(`/components/${component}/versions`, { version: "1.0.0", recipe: { run: "true" } });
  // Large enough to be sent in parts: none have come.
  const file = { path: "src/large", size: SINGLE_UPLOAD_BYTES + 1, sha256: "0".repeat(64) };
  await expecting(201, owner.call("POST", `${path}/components/${component}/versions/${version}/files`, { body: file }));
  const release = await anUploadedRelease(owner, path, "scoreboard");
  await addMember("a-colleague", id, "operator");
  const invitation = await created("/invitations", { role: "viewer" });
  const credential = await created("/credentials", { name: "ci", role: "viewer" });
  const nodeImport = await created("/node-imports", importOf("name\ngateway-2\n"));
  const eventRule = await created("/event-rules", bodyFor("createEventRule", name));
  const webhook = await created("/webhooks", bodyFor("createWebhook", name));
  const certificate = "0".repeat(64);
  await cloud.documents.send(
    new PutCommand({
      TableName: cloud.tables.control,
      Item: {
        ...keys.certificate(node.subject.id, certificate),
        type: "certificate",
        id: certificate,
        nodeId: node.subject.id,
        workspaceId: id,
        status: "active",
        keyFingerprint: certificate,
        createdAt: new Date().toISOString(),
      },
    }),
  );
  // Of a kind that nobody puts right.
  const drift = `${node.subject.id}.foreign.elsewhere`;
  const found = { id: drift, kind: "foreign-deployment", subject: { type: "node", id: node.subject.id } };
  await cloud.documents.send(
    new PutCommand({
      TableName: cloud.tables.control,
      Item: {
        ...keys.drift(id, drift),
        type: "drift",
        workspaceId: id,
        ...found,
        detail: "seen",
        since: new Date().toISOString(),
      },
    }),
  );
  return {
    workspace: id,
    drift,
    nodeGroup: group.subject.id,
    node: node.subject.id,
    certificate,
    member: memberId("a-colleague"),
    invitation,
    credential,
    component,
    version,
    from: version,
    path: file.path,
    release,
    nodeImport,
    eventRule,
    webhook,
    type: "slipway.node.offline",
    revision: "1",
    intent: node.id,
  };
};

/** What the audit records have of someone: the operations. */
const recordsBy = async (actor: string): Promise<unknown[]> =>
  (await cloud.audit()).filter((record) => record.actor === actor).map(({ operation }) => operation);

/** The intent in an answer with 202, which may have more beside it. */
const intentIn = (body: Record<string, unknown>): string => String(body.id ?? (body.intent as { id: string }).id);

const addMember = (subject: string, workspaceId: string, role: Role) => aMember(cloud, subject, workspaceId, role);

beforeAll(async () => {
  cloud = await startTestCloud();
  owner = await cloud.client("olga");
  places = await furnished("acme");
});
afterAll(() => cloud?.remove());

describe("a request without a valid token", () => {
  const now = () => Math.floor(Date.now() / 1_000);
  let issuersKey: JWK & { kid: string };

  const sign = async (payload: JWTPayload, key: JWK, header: Record<string, string> = {}): Promise<string> =>
    new SignJWT({ sub: "olga", iss: cloud.endpoints.issuer, aud: AUDIENCE, exp: now() + 600, ...payload })
      .setProtectedHeader({ alg: "RS256", kid: issuersKey.kid, ...header })
      .sign(await importJWK(key, "RS256"));

  const tokens: Record<string, () => Promise<string>> = {
    "no token": async () => "",
    garbage: async () => "garbage",
    "three parts of garbage": async () => "a.b.c",
    "a token of another issuer": () => sign({ iss: "https://issuer.example" }, issuersKey),
    "a token for another audience": () => sign({ aud: "another" }, issuersKey),
    "a token that has expired": () => sign({ exp: now() - 1 }, issuersKey),
    "a token that is not valid yet": () => sign({ nbf: now() + 600 }, issuersKey),
    "a token signed with another key": async () => {
      const { privateKey } = await generateKeyPair("RS256", { extractable: true });
      return sign({}, { ...(await exportJWK(privateKey)), alg: "RS256" });
    },
    "a token of a key that nobody knows": () => sign({}, issuersKey, { kid: "unknown" }),
    "a token that is not signed": async () => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const claims = { sub: "olga", iss: cloud.endpoints.issuer, aud: AUDIENCE, exp: now() + 600 };
      return `${part({ alg: "none" })}.${part(claims)}.`;
    },
    "a token whose subject was changed": async () => {
      const [header, , signature] = (await cloud.token("eve")).split(".");
      const claims = { sub: "olga", iss: cloud.endpoints.issuer, aud: AUDIENCE, exp: now() + 600 };
      return [header, Buffer.from(JSON.stringify(claims)).toString("base64url"), signature].join(".");
    },
  };

  beforeAll(() => {
    const { jwks } = JSON.parse(readFileSync(join(cloud.dir, "issuer.json"), "utf8")) as {
      jwks: { keys: (typeof issuersKey)[] };
    };
    const [key] = jwks.keys;
    if (key === undefined) throw new Error("the issuer has no key");
    issuersKey = key;
  });

  test("would be let in with the same claims, rightly signed", async () => {
    const answer = await apiClient(cloud.endpoints.api, await sign({}, issuersKey)).call("GET", "/v1/workspaces");
    expect(answer.status).toBe(200);
  });

  test.each(Object.keys(tokens))("answers 401 on every operation and changes nothing: %s", async (kind) => {
    const token = (await tokens[kind]?.()) ?? "";
    const client = apiClient(cloud.endpoints.api, token);
    const before = await cloud.items();
    for (const [name, route] of withToken) {
      const body = bodyFor(name, "unwanted");
      const answer = await client.call(route.method, pathOf(route.path, places), {
        headers: { ...headersFor(route), "idempotency-key": "unwanted" },
        ...(body !== undefined && { body }),
      });
      expect([name, answer.status, answer.body.code]).toEqual([name, 401, "unauthorized"]);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
    expect(await cloud.items()).toEqual(before);
  });

  test("answers 401 from the moment its token expires", async () => {
    const client = apiClient(cloud.endpoints.api, await cloud.token("olga", 1));
    const refused = await until(
      async () => {
        const answer = await client.call("GET", "/v1/workspaces");
        return answer.status !== 200 && answer;
      },
      { what: "the token to expire" },
    );
    expect([refused.status, refused.body.code]).toEqual([401, "unauthorized"]);
  });

  test("gets the contract all the same", async () => {
    const open = operations.filter(([, { access }]) => access === "anyone");
    const names = ["createToken", "register", "getInstaller", "createReport", "getOpenapi", "getDocs"];
    names.push("listEventTypes", "getEventSchema");
    expect(open.map(([name]) => name).sort()).toEqual(names.sort());
    const answer = await apiClient(cloud.endpoints.api, "garbage").call("GET", "/v1/openapi.json");
    expect(answer.status).toBe(200);
  });
});

describe("a workspace that the caller is no member of", () => {
  test.each(memberOperations)("answers as one that does not exist, and does not change: %s", async (name, route) => {
    const eve = await cloud.client("eve");
    const body = bodyFor(name, "unwanted");
    const request = { headers: headersFor(route), ...(body !== undefined && { body }) };
    const before = await cloud.items();
    const call = (workspace: string) => eve.call(route.method, pathOf(route.path, { ...places, workspace }), request);
    for (const workspace of [places.workspace ?? "", "acme"]) {
      const answer = await call(workspace);
      const absent = await call("no-such-workspace");
      expect([answer.status, answer.body.code]).toEqual([404, "not-found"]);
      const told = JSON.stringify(absent.body).replaceAll("no-such-workspace", workspace);
      expect(JSON.stringify(answer.body)).toBe(told);
    }
    expect(await cloud.items()).toEqual(before);
  });

  test("is not in the caller's list, which shows only its own", async () => {
    const eve = await cloud.client("eve-with-her-own");
    const names = async (client: ApiClient) =>
      (await client.call<{ items: { name: string }[] }>("GET", "/v1/workspaces")).body.items.map(({ name }) => name);
    expect(await names(eve)).toEqual([]);
    await aWorkspace(eve, "eves");
    expect(await names(eve)).toEqual(["eves"]);
    expect(await names(owner)).not.toContain("eves");
  });

  test("has intents that the caller cannot see, though it is told their ids", async () => {
    const path = pathOf("/v1/intents/{intent}", places);
    expect((await owner.call("GET", path)).status).toBe(200);
    const answer = await (await cloud.client("eve")).call("GET", path);
    expect([answer.status, answer.body.code]).toEqual([404, "not-found"]);
  });

  test("keeps its things to itself also below a workspace of the caller's own", async () => {
    const eve = await cloud.client("eve-next-door");
    const { id } = await aWorkspace(eve, "next-door");
    const before = await cloud.items();
    for (const [name, route] of memberOperations.filter(([, { path }]) => /\}.*\{/.test(path))) {
      const body = bodyFor(name, "unwanted");
      const answer = await eve.call(route.method, pathOf(route.path, { ...places, workspace: id }), {
        headers: headersFor(route),
        ...(body !== undefined && { body }),
      });
      expect([name, answer.status, answer.body.code]).toEqual([name, 404, "not-found"]);
    }
    const foreignGroup = await eve.call("POST", `/v1/workspaces/${id}/nodes`, {
      body: { name: "n", groups: [places.nodeGroup] },
    });
    expect([foreignGroup.status, foreignGroup.body.code]).toEqual([400, "invalid-request"]);
    expect(await cloud.items()).toEqual(before);
    expect(await recordsBy("user:eve-next-door")).toEqual(["createWorkspace"]);
  });
});

const NEEDS_MORE = new Set<string>([
  ...["reRegisterNode", "completeComponentUpload", "deprecateComponentVersion"],
  ...["pauseRelease", "resumeRelease", "withdrawRelease", "promoteRelease", "repairDrift", "adoptDrift"],
]);

describe.each(ROLES)("a member with the role %s", (role) => {
  const may = (access: string): boolean => ROLES.indexOf(role) >= ROLES.indexOf(access as Role);
  const refused = memberOperations.filter(([name]) => !may(needs(name).access));
  const allowed = memberOperations.filter(([name]) => may(needs(name).access));
  let client: ApiClient;
  let here: Places;

  const call = async ([name, route]: (typeof operations)[number]) => {
    const body = bodyFor(name, `by-${role}`);
    return client.call(route.method, pathOf(route.path, here), {
      headers: headersFor(route),
      ...(body !== undefined && { body }),
    });
  };

  beforeAll(async () => {
    here = await furnished(`for-${role}`);
    const subject = `the-${role}`;
    await addMember(subject, here.workspace ?? "", role);
    client = await cloud.client(subject);
  });

  test("is refused what needs more, and changes nothing", async () => {
    const before = await cloud.items();
    for (const operation of refused) {
      const { status, body } = await call(operation);
      expect([operation[0], status, body.code]).toEqual([operation[0], 403, "forbidden"]);
    }
    expect(await cloud.items()).toEqual(before);
    expect(await recordsBy(`user:the-${role}`)).toEqual([]);
  });

  test("does everything else", async () => {
    const deletionsLast = [...allowed].sort(([, a], [, b]) => {
      const rank = ({ method, path }: typeof a) => (method === "DELETE" ? 1_000 - path.length : 0);
      return rank(a) - rank(b);
    });
    const accepted: string[] = [];
    const changed: string[] = [];
    for (const operation of deletionsLast) {
      const [name, route] = operation;
      const { status, body } = await call(operation);
      if (status === 202) accepted.push(intentIn(body));
      if (status < 300 && route.method !== "GET" && !route.readOnly) changed.push(name);
      // What was made above stands in the way of some deletions, no device is registered, no part has come, and the release
      // is not published: refused for that, not for the role.
      const inTheWay = status === 409 && (route.method === "DELETE" || NEEDS_MORE.has(name));
      // No plan has shown what is replaced.
      const unplanned = status === 412 && name.startsWith("replace");
      const settled = inTheWay || unplanned ? route.status : status;
      expect([name, settled, status === 409 ? body.code !== "forbidden" : true]).toEqual([name, route.status, true]);
    }
    // What comes next looks at everything that there is.
    for (const id of accepted) await owner.ended(id);
    const told = await recordsBy(`user:the-${role}`);
    expect([...told].sort()).toEqual([...changed].sort());
  });

  test("sees the workspace in its list, and its intents", async () => {
    const { items } = (await client.call<{ items: { id: string }[] }>("GET", "/v1/workspaces")).body;
    expect(items.map(({ id }) => id)).toContain(here.workspace);
    expect((await client.call("GET", pathOf("/v1/intents/{intent}", here))).status).toBe(200);
  });
});

test("the table has a row for each operation, and says of it what is declared", () => {
  expect(operations.map(([name]) => name).filter((name) => !(name in ACCESS))).toEqual([]);
  expect(operations.map(([name, { access }]) => [name, access])).toEqual(
    operations.map(([name]) => [name, needs(name).access]),
  );
});

const SCOPES = [...new Set(withToken.map(([name]) => needs(name).scope))].filter((scope) => scope !== "people");

interface Credential {
  readonly role: Role;
  readonly scopes?: readonly string[];
}
const OF_ROLES: readonly Credential[] = ROLES.map((role) => ({ role }));
const WITH_SCOPES: Credential = { role: "operator", scopes: ["nodes:write", "components:write", "releases:read"] };

describe.each<Credential>([
  ...OF_ROLES,
  ...SCOPES.map((scope): Credential => ({ role: "owner", scopes: [scope] })),
  WITH_SCOPES,
])("a machine credential with the role $role and the scopes $scopes", ({ role, scopes }) => {
  /** Said here anew: writing takes reading in, and intents are for all. */
  const inScope = (scope: string): boolean =>
    scopes === undefined ||
    scopes.some((one) => one === scope || one === scope.replace(":read", ":write")) ||
    scope === "intents:read";
  const may = (name: Operation[0]): boolean => {
    const { access, scope } = needs(name);
    const hasRole = access === "caller" || ROLES.indexOf(role) >= ROLES.indexOf(access as Role);
    return scope !== "people" && hasRole && inScope(scope);
  };

  test("may do what the table says, and is refused the rest with nothing changed", async () => {
    const { workspace = "", intent = "" } = places;
    const machine = await machineOf(owner, cloud, workspace, { role, ...(scopes && { scopes }) });
    // Nothing below the workspace is there, so that what is allowed finds nothing, or makes something new.
    const at = Object.fromEntries(Object.keys(places).map((name) => [name, "absent"]));
    const call = async ([name, route]: Operation) => {
      const body = bodyFor(name, `n${randomUUID().slice(0, 8)}`);
      return machine.client.call(route.method, pathOf(route.path, { ...at, workspace, intent }), {
        headers: headersFor(route),
        ...(body !== undefined && { body }),
      });
    };
    const before = await cloud.items();
    for (const operation of withToken.filter(([name]) => !may(name))) {
      const { status, body } = await call(operation);
      expect([operation[0], status, body.code]).toEqual([operation[0], 403, "forbidden"]);
    }
    expect(await cloud.items()).toEqual(before);
    expect(await recordsBy(`credential:${machine.id}`)).toEqual([]);
    for (const operation of withToken.filter(([name]) => may(name))) {
      const { status, body } = await call(operation);
      // Past the authorisation: done, or in the way of that is that nothing is there, or that the workspace is not empty.
      expect([operation[0], [200, 202, 201, 204, 404, 409].includes(status), body]).toEqual([operation[0], true, body]);
      if (status === 202) await owner.ended(intentIn(body));
    }
  });
});

// Whoever is no member is told so before any scope is looked at: each role, and one credential with scopes, show it.
test.each<Credential>([...OF_ROLES, WITH_SCOPES])(
  "a machine credential with the role $role and the scopes $scopes finds no other workspace, as if there were none",
  async ({ role, scopes }) => {
    const { workspace = "" } = places;
    const stranger = await cloud.client("a-neighbour");
    const own = await aWorkspace(stranger, `own-${randomUUID().slice(0, 8)}`);
    const machine = await machineOf(owner, cloud, workspace, { role, ...(scopes && { scopes }) });
    for (const [name, route] of memberOperations) {
      const body = bodyFor(name, "unwanted");
      const answer = await machine.client.call(route.method, pathOf(route.path, { ...places, workspace: own.id }), {
        headers: headersFor(route),
        ...(body !== undefined && { body }),
      });
      expect([name, answer.status, answer.body.code]).toEqual([name, 404, "not-found"]);
    }
  },
);

test("every role is needed by some operation, so that each of them was told from the one before it", () => {
  expect(new Set(memberOperations.map(([name]) => needs(name).access))).toEqual(new Set(ROLES));
});

test("a member that is removed is a stranger from the next request on", async () => {
  const subject = "a-guest";
  const { workspace = "" } = places;
  await addMember(subject, workspace, "owner");
  const guest = await cloud.client(subject);
  expect((await guest.call("GET", `/v1/workspaces/${workspace}`)).status).toBe(200);
  await cloud.documents.send(
    new TransactWriteCommand({
      TransactItems: [keys.membership(subject, workspace), keys.member(workspace, subject)].map((Key) => ({
        Delete: { TableName: cloud.tables.control, Key },
      })),
    }),
  );
  expect((await guest.call("GET", `/v1/workspaces/${workspace}`)).status).toBe(404);
});
