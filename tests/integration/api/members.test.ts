import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../../local/api-client.ts";
import { keys } from "../../../shared/keys.ts";
import { makeSecret } from "../../../shared/secrets.ts";
import { aMember, aWorkspace, expecting, startTestCloud, type TestCloud } from "../support/cloud.ts";

interface Member {
  readonly id: string;
  readonly subject: string;
  readonly role: string;
}

let cloud: TestCloud;
let owner: ApiClient;

beforeAll(async () => {
  cloud = await startTestCloud();
  owner = await cloud.client("olga");
});
afterAll(() => cloud?.remove());

const membersOf = async (path: string, client = owner): Promise<Member[]> =>
  (await expecting(200, client.call<{ items: Member[] }>("GET", `${path}/members`))).body.items;
const invite = async (path: string, body: object) =>
  (await expecting(201, owner.call<{ id: string; code: string }>("POST", `${path}/invitations`, { body }))).body;
const accept = async (subject: string, code: string) =>
  (await cloud.client(subject)).call("POST", "/v1/invitations/accept", { body: { code } });

describe("an invitation", () => {
  let path: string;
  let id: string;
  beforeAll(async () => {
    ({ id, path } = await aWorkspace(owner, "inviting"));
  });

  test("makes whoever has its code a member, once", async () => {
    const { id: invitation, code } = await invite(path, { role: "operator" });
    expect(code).toMatch(/^sli_[0-9a-z]{38}$/);
    expect(JSON.stringify(await cloud.items())).not.toContain(code);
    const listed = await owner.call<{ items: { id: string }[] }>("GET", `${path}/invitations`);
    const got = await expecting(200, owner.call("GET", `${path}/invitations/${invitation}`));
    expect(got.body).toMatchObject({ id: invitation, role: "operator", createdBy: "olga" });
    expect(listed.body.items).toContainEqual(got.body);
    expect(JSON.stringify([listed.body, got.body])).not.toContain("sli_");
    const joined = await accept("anna", code);
    expect([joined.status, joined.body]).toEqual([200, { workspace: { id, name: "inviting" }, role: "operator" }]);
    const gone = await owner.call("GET", `${path}/invitations/${invitation}`);
    expect([gone.status, gone.body.detail]).toEqual([404, `there is no invitation ${invitation}`]);
    expect(await membersOf(path, await cloud.client("anna"))).toContainEqual(
      expect.objectContaining({ subject: "anna", role: "operator", invitedBy: "olga" }),
    );
    expect((await accept("bert", code)).status).toBe(404);
    expect((await owner.call<{ items: unknown[] }>("GET", `${path}/invitations`)).body.items).toEqual([]);
  });

  test("to one subject is for that one alone", async () => {
    const { code } = await invite(path, { role: "viewer", subject: "auth0|carl/2" });
    const refused = await accept("dora", code);
    expect([refused.status, refused.body.detail]).toEqual([404, "there is no such invitation"]);
    expect((await accept("auth0|carl/2", code)).status).toBe(200);
  });

  test("that was taken back, or is over, or never was, is as none", async () => {
    const back = await invite(path, { role: "viewer" });
    await expecting(204, owner.call("DELETE", `${path}/invitations/${back.id}`));
    expect((await owner.call("DELETE", `${path}/invitations/${back.id}`)).status).toBe(404);
    const over = await invite(path, { role: "viewer", expiresInSeconds: 300 });
    await cloud.documents.send(
      new UpdateCommand({
        TableName: cloud.tables.control,
        Key: keys.invitation(id, over.id),
        UpdateExpression: "SET validUntil = :past",
        ExpressionAttributeValues: { ":past": new Date(Date.now() - 1_000).toISOString() },
      }),
    );
    const details = new Set<unknown>();
    for (const code of [back.code, over.code, makeSecret("sli_", new Uint8Array(20).fill(7))]) {
      const { status, body } = await accept("emil", code);
      expect([status, body.code]).toEqual([404, "not-found"]);
      details.add(body.detail);
    }
    expect(details.size).toBe(1);
    const mistyped = await accept("emil", `${over.code}x`);
    expect([mistyped.status, mistyped.body.code]).toEqual([400, "invalid-request"]);
  });

  test("changes no role of a member, and stays for someone else", async () => {
    const { code } = await invite(path, { role: "owner" });
    await aMember(cloud, "fred", id, "viewer");
    const refused = await accept("fred", code);
    expect([refused.status, refused.body.code]).toEqual([409, "conflict"]);
    expect(await membersOf(path)).toContainEqual(expect.objectContaining({ subject: "fred", role: "viewer" }));
    expect((await accept("gina", code)).status).toBe(200);
  });

  test("lets nobody in, nor its maker, while that is no owner", async () => {
    await aMember(cloud, "lena", id, "owner");
    const lena = await cloud.client("lena");
    const body = { role: "owner" };
    const { code } = (await expecting(201, lena.call<{ code: string }>("POST", `${path}/invitations`, { body }))).body;
    const unknown = await accept("max", makeSecret("sli_", new Uint8Array(20).fill(8)));
    const role = (to: string) => owner.call("PATCH", `${path}/members/lena`, { body: { role: to } });
    await expecting(200, role("maintainer"));
    const demoted = [await accept("max", code), await accept("lena", code)];
    await expecting(204, owner.call("DELETE", `${path}/members/lena`));
    const removed = [await accept("max", code), await accept("lena", code)];
    for (const answer of [...demoted, ...removed]) {
      expect([answer.status, answer.body]).toEqual([404, unknown.body]);
    }
    expect((await membersOf(path)).filter(({ subject }) => ["lena", "max"].includes(subject))).toEqual([]);
    await aMember(cloud, "lena", id, "owner");
    expect((await accept("max", code)).status).toBe(200);
  });

  test("is accepted once by those who come at the same time", async () => {
    const { code } = await invite(path, { role: "viewer" });
    const answers = await Promise.all(["h1", "h2", "h3", "h4"].map((subject) => accept(subject, code)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404]);
    expect((await membersOf(path)).filter(({ subject }) => /^h\d$/.test(subject))).toHaveLength(1);
  });
});

describe("members", () => {
  const edit = (client: ApiClient, path: string, member: string, role: string) =>
    client.call("PATCH", `${path}/members/${encodeURIComponent(member)}`, { body: { role } });
  const remove = (client: ApiClient, path: string, member: string) =>
    client.call("DELETE", `${path}/members/${encodeURIComponent(member)}`);

  test("are read one by one, by subject or by id, in their own workspace alone", async () => {
    const { id, path } = await aWorkspace(owner, "reading");
    const elsewhere = await aWorkspace(owner, "reading-elsewhere");
    const subject = "https://issuer.example/kim";
    await aMember(cloud, subject, id, "viewer");
    const kim = (await membersOf(path)).find((one) => one.subject === subject);
    const client = await cloud.client(subject);
    for (const reference of [String(kim?.id), subject]) {
      const one = `members/${encodeURIComponent(reference)}`;
      expect((await expecting(200, client.call("GET", `${path}/${one}`))).body).toEqual(kim);
      const other = await owner.call("GET", `${elsewhere.path}/${one}`);
      expect([other.status, other.body.detail]).toEqual([404, `there is no member ${reference}`]);
    }
  });

  test("get other roles and are removed, by subject or by id", async () => {
    const { id, path } = await aWorkspace(owner, "changing");
    await aMember(cloud, "https://issuer.example/anna", id, "viewer");
    const anna = (await membersOf(path)).find(({ subject }) => subject.endsWith("anna"));
    const changed = await edit(owner, path, anna?.id ?? "", "maintainer");
    expect([changed.status, changed.body]).toMatchObject([200, { ...anna, role: "maintainer" }]);
    const client = await cloud.client("https://issuer.example/anna");
    await expecting(202, client.call("POST", `${path}/node-groups`, { body: { name: "g" } }));
    expect((await remove(owner, path, "https://issuer.example/anna")).status).toBe(204);
    expect((await client.call("GET", path)).status).toBe(404);
    expect((await remove(owner, path, anna?.id ?? "")).status).toBe(404);
  });

  test("never lose their last owner", async () => {
    const { id, path } = await aWorkspace(owner, "owned");
    await aMember(cloud, "ina", id, "maintainer");
    for (const answer of [await edit(owner, path, "olga", "viewer"), await remove(owner, path, "olga")]) {
      expect([answer.status, answer.body.code]).toEqual([409, "last-owner"]);
    }
    await expecting(200, edit(owner, path, "olga", "owner"));
    await expecting(200, edit(owner, path, "ina", "owner"));
    expect((await remove(owner, path, "olga")).status).toBe(204);
    expect(await membersOf(path, await cloud.client("ina"))).toMatchObject([{ subject: "ina", role: "owner" }]);
  });

  test("never lose their last owner to owners who remove each other at the same time", async () => {
    for (let round = 0; round < 8; round += 1) {
      const { id, path } = await aWorkspace(owner, `duel-${round}`);
      await aMember(cloud, "jack", id, "owner");
      const jack = await cloud.client("jack");
      const answers = await Promise.all([remove(owner, path, "jack"), edit(jack, path, "olga", "viewer")]);
      const kept = Object.values(await cloud.items()).filter(
        ({ pk, role }) => pk === `${id}#member` && role === "owner",
      );
      expect([kept.length, answers.map(({ status }) => status)]).toEqual([1, expect.anything()]);
    }
  });
});
