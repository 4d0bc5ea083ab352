import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiClient, apiClient } from "../../../local/api-client.ts";
import { keys } from "../../../shared/keys.ts";
import { aMember, aWorkspace, expecting, startTestCloud, type TestCloud } from "../support/cloud.ts";
import { machineOf, tokenFrom } from "../support/machines.ts";

interface Listed {
  readonly id: string;
  readonly name: string;
  readonly lastUsedAt?: string;
}

let cloud: TestCloud;
let owner: ApiClient;
let workspace: { id: string; path: string };

beforeAll(async () => {
  cloud = await startTestCloud();
  owner = await cloud.client("olga");
  workspace = await aWorkspace(owner, "acme");
});
afterAll(() => cloud?.remove());

const create = async (of: Record<string, unknown> = {}, client = owner) =>
  client.call<{ id: string; secret: string }>("POST", `${workspace.path}/credentials`, {
    body: { name: "ci", role: "viewer", ...of },
  });
const created = async (of: Record<string, unknown> = {}) => (await expecting(201, create(of))).body;
const list = async () =>
  (await owner.call<{ items: Listed[] }>("GET", `${workspace.path}/credentials?limit=100`)).body.items;
const grant = (client: { id: string; secret: string }, more: Record<string, string> = {}) =>
  tokenFrom(cloud, { grant_type: "client_credentials", client_id: client.id, client_secret: client.secret, ...more });
const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
});

describe("a credential", () => {
  test("is listed without its secret, which no table and no log has", async () => {
    const { id, secret } = await created({ name: "deployer", role: "operator", scopes: ["nodes:write"] });
    expect(secret).toMatch(/^slc_[0-9a-z]{38}$/);
    const listed = (await list()).find((one) => one.id === id);
    expect(listed).toMatchObject({
      id,
      name: "deployer",
      role: "operator",
      scopes: ["nodes:write"],
      createdBy: "olga",
    });
    const got = await expecting(200, owner.call("GET", `${workspace.path}/credentials/${id}`));
    expect(got.body).toEqual(listed);
    expect(JSON.stringify([listed, got.body])).not.toContain("slc_");
    const { body } = await grant({ id, secret });
    const everything = JSON.stringify(await cloud.items());
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(body.access_token);
  });

  test.each(["viewer", "operator", "maintainer"])("is made by no %s with a higher role", async (role) => {
    await aMember(cloud, `the-${role}`, workspace.id, role as "viewer");
    const client = await cloud.client(`the-${role}`);
    const may = role === "maintainer" ? ["viewer", "operator", "maintainer"] : [];
    for (const asked of ["viewer", "operator", "maintainer", "owner"]) {
      expect([asked, (await create({ role: asked }, client)).status]).toEqual([asked, may.includes(asked) ? 201 : 403]);
    }
  });

  test("is revoked by nobody of a lower role", async () => {
    const { id } = await created({ role: "owner" });
    await aMember(cloud, "a-maintainer", workspace.id, "maintainer");
    const maintainer = await cloud.client("a-maintainer");
    const path = `${workspace.path}/credentials/${id}`;
    expect((await maintainer.call("DELETE", path)).status).toBe(403);
    expect((await maintainer.call("GET", path)).body).toMatchObject({ id, role: "owner" });
    expect((await owner.call("DELETE", path)).status).toBe(204);
    expect((await owner.call("GET", path)).status).toBe(404);
    expect((await owner.call("DELETE", path)).status).toBe(404);
  });

  test("has scopes that there are", async () => {
    const { status, body } = await create({ scopes: ["nodes:read", "gold:write"] });
    expect([status, body]).toMatchObject([400, { errors: [{ pointer: "/scopes/1", rule: "unknown-scope" }] }]);
  });

  test("that is revoked works no more, and neither do its access tokens", async () => {
    const machine = await machineOf(owner, cloud, workspace.id, { role: "maintainer" });
    const intent = await machine.client.done("POST", `${workspace.path}/node-groups`, { name: "by-a-machine" });
    const paths = [workspace.path, "/v1/workspaces", `/v1/intents/${intent.id}`, "/v1/ota/signing-keys"];
    for (const path of paths) expect([path, (await machine.client.call("GET", path)).status]).toEqual([path, 200]);
    await expecting(204, owner.call("DELETE", `${workspace.path}/credentials/${machine.id}`));
    for (const path of paths) {
      const answer = await machine.client.call("GET", path);
      expect([path, answer.status, answer.body.code]).toEqual([path, 401, "unauthorized"]);
      expect(answer.headers.get("www-authenticate")).toMatch(/^Bearer /);
    }
    expect((await grant(machine)).body.error).toBe("invalid_client");
  });

  test("that has ended works no more, and neither do its access tokens", async () => {
    const machine = await machineOf(owner, cloud, workspace.id, { role: "viewer", expiresInSeconds: 300 });
    const past = new Date(Date.now() - 1_000).toISOString();
    for (const Key of [
      keys.credential(workspace.id, machine.id),
      keys.membership(`credential:${machine.id}`, workspace.id),
    ]) {
      await cloud.documents.send(
        new UpdateCommand({
          TableName: cloud.tables.control,
          Key,
          UpdateExpression: "SET validUntil = :past",
          ExpressionAttributeValues: { ":past": past },
        }),
      );
    }
    for (const path of [workspace.path, "/v1/workspaces"]) {
      expect([path, (await machine.client.call("GET", path)).status]).toEqual([path, 401]);
    }
    expect(await grant(machine)).toMatchObject({ status: 401, body: { error: "invalid_client" } });
  });

  test("goes with its workspace, and so do invitations", async () => {
    const { id, path } = await aWorkspace(owner, "short-lived");
    const machine = await machineOf(owner, cloud, id, { role: "owner" });
    await expecting(201, owner.call("POST", `${path}/invitations`, { body: { role: "viewer" } }));
    await owner.done("DELETE", path);
    const left = Object.keys(await cloud.items()).filter((key) => key.includes(machine.id) || key.includes(`${id}#`));
    expect(left).toEqual([]);
    expect((await machine.client.call("GET", path)).status).toBe(401);
  });

  test("notes its use once an hour at most", async () => {
    const credential = await created();
    const lastUse = async () => (await list()).find(({ id }) => id === credential.id)?.lastUsedAt;
    expect(await lastUse()).toBeUndefined();
    await grant(credential);
    const first = await lastUse();
    expect(Date.now() - Date.parse(first ?? "")).toBeLessThan(60_000);
    await grant(credential);
    expect(await lastUse()).toBe(first);
    const longAgo = new Date(Date.now() - 3_600_000).toISOString();
    await cloud.documents.send(
      new UpdateCommand({
        TableName: cloud.tables.control,
        Key: keys.credential(workspace.id, credential.id),
        UpdateExpression: "SET lastUsedAt = :then",
        ExpressionAttributeValues: { ":then": longAgo },
      }),
    );
    await grant(credential);
    expect(Date.parse((await lastUse()) ?? "")).toBeGreaterThan(Date.parse(longAgo));
  });
});

describe("the token endpoint", () => {
  let client: { id: string; secret: string };
  beforeAll(async () => {
    client = await created({ role: "operator", scopes: ["nodes:write", "releases:read"] });
  });

  test("gives an access token that works, by both ways to authenticate, and keeps it out of caches", async () => {
    for (const told of [
      await grant(client),
      await tokenFrom(cloud, { grant_type: "client_credentials" }, basic(client.id, client.secret)),
    ]) {
      expect(told.status).toBe(200);
      expect(told.headers.get("cache-control")).toBe("no-store");
      expect(told.headers.get("pragma")).toBe("no-cache");
      expect(told.headers.get("content-type")).toBe("application/json");
      expect(told.body).toEqual({
        access_token: expect.stringMatching(/^sla_[0-9a-z]{38}$/),
        token_type: "Bearer",
        expires_in: 900,
        scope: "nodes:write releases:read",
      });
      const machine = apiClient(cloud.endpoints.api, String(told.body.access_token));
      expect((await machine.call("GET", `${workspace.path}/nodes`)).status).toBe(200);
      expect((await machine.call("GET", `${workspace.path}/node-groups`)).status).toBe(403);
    }
  });

  test("gives a token for less when that is asked for, and for no more than the credential has", async () => {
    const { body } = await grant(client, { scope: "nodes:read" });
    expect(body.scope).toBe("nodes:read");
    const machine = apiClient(cloud.endpoints.api, String(body.access_token));
    expect((await machine.call("GET", `${workspace.path}/nodes`)).status).toBe(200);
    const refused = await machine.call("POST", `${workspace.path}/nodes`, { body: { name: "n" } });
    expect([refused.status, refused.body.code]).toEqual([403, "forbidden"]);
    for (const scope of ["releases:write", "nodes:read gold:read", "nodes:read  releases:read"]) {
      expect(await grant(client, { scope })).toMatchObject({ status: 400, body: { error: "invalid_scope" } });
    }
  });

  test("gives a token that ends with its credential", async () => {
    const short = await created({ expiresInSeconds: 300 });
    expect((await grant(short)).body.expires_in).toBeLessThanOrEqual(300);
  });

  const form = (text: string) => () => tokenFrom(cloud, text);
  const other = () => ({ id: `crd_${"0".repeat(20)}`, secret: client.secret });
  const wrong = () => client.secret.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
  const refusals: [what: string, () => ReturnType<typeof tokenFrom>, status: number, error: string][] = [
    ["no form", form(""), 400, "invalid_request"],
    ["no grant type", form("client_id=a"), 400, "invalid_request"],
    ["a grant type without a value", form("grant_type="), 400, "invalid_request"],
    ["another grant type", form("grant_type=password"), 400, "unsupported_grant_type"],
    ["a parameter twice", form("grant_type=client_credentials&grant_type=client_credentials"), 400, "invalid_request"],
    ["no client", form("grant_type=client_credentials"), 401, "invalid_client"],
    ["another client", () => grant(other()), 401, "invalid_client"],
    ["a client id of another form", () => grant({ ...client, id: "ci" }), 401, "invalid_client"],
    ["a wrong secret", () => grant({ ...client, secret: wrong() }), 401, "invalid_client"],
    ["no secret", () => grant({ ...client, secret: "" }), 401, "invalid_client"],
    [
      "a wrong secret by Basic",
      () => tokenFrom(cloud, { grant_type: "client_credentials" }, basic(client.id, wrong())),
      401,
      "invalid_client",
    ],
    [
      "another scheme than Basic",
      () => tokenFrom(cloud, { grant_type: "client_credentials" }, { authorization: `Bearer ${client.secret}` }),
      401,
      "invalid_client",
    ],
    [
      "two ways to authenticate",
      () =>
        tokenFrom(
          cloud,
          { grant_type: "client_credentials", client_id: client.id, client_secret: client.secret },
          basic(client.id, client.secret),
        ),
      400,
      "invalid_request",
    ],
    [
      "two clients",
      () =>
        tokenFrom(cloud, { grant_type: "client_credentials", client_id: other().id }, basic(client.id, client.secret)),
      401,
      "invalid_client",
    ],
    [
      "another media type",
      () => tokenFrom(cloud, "grant_type=client_credentials", { "content-type": "application/json" }),
      415,
      "invalid_request",
    ],
  ];

  test.each(refusals)("refuses %s in the form of RFC 6749", async (_, ask, status, error) => {
    const told = await ask();
    expect([told.status, told.body]).toEqual([status, { error, error_description: expect.any(String) }]);
    expect(told.body.error_description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    expect(told.headers.get("cache-control")).toBe("no-store");
    expect(told.headers.get("content-type")).toBe("application/json");
    expect(told.headers.has("www-authenticate")).toBe(status === 401);
    expect(JSON.stringify(told.body)).not.toContain("slc_");
  });

  test("takes no more than 30 tries a minute of one client, and leaves others alone", async () => {
    const busy = await created();
    const spare = await created();
    const statuses = new Set<number>();
    // A minute may end in between: then another 30 are let in.
    for (let tries = 0; tries < 61 && !statuses.has(429); tries += 1) {
      const { status, headers, body } = await grant(busy);
      statuses.add(status);
      if (status === 429) {
        expect(body.error).toBe("temporarily_unavailable");
        expect(headers.get("retry-after")).toBe("1");
      }
    }
    expect(statuses).toEqual(new Set([200, 429]));
    expect((await grant(spare)).status).toBe(200);
  });

  test.each(["", "sla_", `sla_${"0".repeat(38)}`, "slc_"])("gave nobody the access token %j", async (token) => {
    const answer = await apiClient(cloud.endpoints.api, token).call("GET", "/v1/workspaces");
    expect([answer.status, answer.body.code]).toEqual([401, "unauthorized"]);
  });
});

test("nobody becomes a machine by a token of the issuer with its subject", async () => {
  const { id } = await created({ role: "owner" });
  const answer = await (await cloud.client(`credential:${id}`)).call("GET", workspace.path);
  expect([answer.status, answer.body.code]).toEqual([401, "unauthorized"]);
});
