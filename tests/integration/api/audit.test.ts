import { BatchWriteCommand } from "@aws-sdk/lib-dynamodb";
import { parse } from "csv-parse/sync";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { theMoment } from "../../../functions/moment.ts";
import { type ApiClient, apiClient } from "../../../local/api-client.ts";
import { recordDeed } from "../../../shared/audit/audit.ts";
import { memberId } from "../../../shared/workspace/member.ts";
import { until } from "../../local/until.ts";
import {
  aMember,
  aPublishedComponent,
  aWorkspace,
  expecting,
  startTestCloud,
  type TestCloud,
} from "../support/cloud.ts";
import { machineOf } from "../support/machines.ts";
import { registrationOf } from "../support/registration.ts";

interface Record {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly operation: string;
  readonly object: { readonly type: string; readonly id: string };
  readonly intent?: string;
  readonly source?: { readonly ip: string; readonly userAgent: string };
  readonly changes: readonly { readonly type: string; readonly before?: object; readonly after?: object }[];
}
/** Of an export as CSV. */
interface Row {
  readonly id: string;
  readonly time: string;
  readonly changes: string;
}
type Page = { readonly items: Record[]; readonly nextCursor?: string };

let cloud: TestCloud;
let owner: ApiClient;
let workspace: { id: string; path: string };

beforeAll(async () => {
  cloud = await startTestCloud();
  owner = await cloud.client("olga");
  workspace = await aWorkspace(owner, "acme");
});
afterAll(() => cloud?.remove());

const page = async (query = "", path = workspace.path): Promise<Page> =>
  (await expecting(200, owner.call<Page>("GET", `${path}/audit${query}`))).body;
const records = async (query = ""): Promise<Record[]> => (await page(`?limit=100${query}`)).items;
/** Those of an index, which is told of a record a moment later. */
const recordsOf = async (query: string, enough: (found: Record[]) => boolean): Promise<Record[]> =>
  until(
    async () => {
      const found = await records(query);
      return enough(found) && found;
    },
    { what: `records of ${query}` },
  );

describe("a change", () => {
  test("is told with who made it, when, from where, with which intent, and what was before and after", async () => {
    const began = Date.now();
    const { body } = await expecting(
      202,
      owner.call<{ id: string; subject: { id: string } }>("POST", `${workspace.path}/node-groups`, {
        body: { name: "gateways", description: "one" },
        headers: { "user-agent": `agent ${"x".repeat(300)}` },
      }),
    );
    await owner.ended(body.id);
    const group = `${workspace.path}/node-groups/gateways`;
    await expecting(200, owner.call("PATCH", group, { body: { description: "two" }, headers: { "if-match": "*" } }));
    const [edited, ended, made] = await records();
    const object = { type: "node-group", id: body.subject.id, name: "gateways" };
    expect(made).toMatchObject({
      actor: "user:olga",
      operation: "createNodeGroup",
      object,
      intent: body.id,
      source: { ip: expect.stringMatching(/127\.0\.0\.1$/), userAgent: `agent ${"x".repeat(122)}` },
    });
    expect(made?.changes).toContainEqual({ ...object, after: expect.objectContaining({ description: "one" }) });
    expect(Date.parse(made?.at ?? "")).toBeGreaterThanOrEqual(began - 1);
    expect(ended).toMatchObject({ actor: "system", operation: "intent.succeeded", intent: body.id });
    expect(edited).toMatchObject({ actor: "user:olga", operation: "updateNodeGroup", object });
    expect(edited?.changes).toEqual([{ ...object, before: { description: "one" }, after: { description: "two" } }]);
    expect(edited).not.toHaveProperty("intent");
  });

  test("of a deployment is told by its components, and one that failed with its problem", async () => {
    await aPublishedComponent(owner, workspace.path, "com.example.Audited");
    const { id } = await owner.done("POST", `${workspace.path}/node-groups`, { name: "deployed" });
    expect(id).toMatch(/^int_/);
    await owner.done("PATCH", `${workspace.path}/node-groups/deployed/deployment`, {
      components: { "com.example.Audited": { version: "^1.0.0", merge: { password: "hunter2" } } },
    });
    const deployed = (await records()).find(({ operation }) => operation === "updateNodeGroupDeployment");
    expect(deployed?.changes).toMatchObject([
      {
        type: "deployment",
        before: { components: {} },
        after: { components: { "com.example.Audited": { version: "^1.0.0", merge: { password: "(hidden)" } } } },
      },
    ]);
    const release = { app: "a", environment: "prod", version: "1", size: 1, sha256: "0".repeat(64) };
    const { body } = await expecting(
      201,
      owner.call<{ id: string }>("POST", `${workspace.path}/releases`, { body: release }),
    );
    const publish = owner.call<{ id: string }>("POST", `${workspace.path}/releases/${body.id}/publish`);
    const failing = (await expecting(202, publish)).body.id;
    await owner.ended(failing);
    const failed = (await records()).find(
      ({ intent, operation }) => intent === failing && operation === "intent.failed",
    );
    expect(failed).toMatchObject({
      actor: "system",
      object: { type: "release", id: body.id },
      changes: [{ after: { status: "failed", problem: "artifact-missing" } }],
    });
  });

  test("that is refused, or fails, or is asked for again with its key, leaves no record of its own", async () => {
    const headers = { "idempotency-key": "once" };
    const ask = () =>
      owner.call("POST", `${workspace.path}/components`, { body: { name: "com.example.Once" }, headers });
    await expecting(201, ask());
    const before = await cloud.audit();
    await expecting(201, ask());
    await expecting(409, owner.call("POST", `${workspace.path}/components`, { body: { name: "com.example.Once" } }));
    await aMember(cloud, "a-viewer", workspace.id, "viewer");
    const viewer = await cloud.client("a-viewer");
    expect((await viewer.call("DELETE", `${workspace.path}/components/com.example.Once`)).status).toBe(403);
    const edit = { body: { description: "d" }, headers: { "if-match": '"99"' } };
    await expecting(412, owner.call("PATCH", `${workspace.path}/components/com.example.Once`, edit));
    expect(await cloud.audit()).toEqual(before);
  });

  test("by a machine, and of members and credentials, is told without secrets", async () => {
    const machine = await machineOf(owner, cloud, workspace.id, { role: "maintainer" });
    await expecting(
      201,
      machine.client.call("POST", `${workspace.path}/components`, { body: { name: "com.example.Machine" } }),
    );
    const invitation = await expecting(
      201,
      owner.call<{ id: string; code: string }>("POST", `${workspace.path}/invitations`, { body: { role: "viewer" } }),
    );
    const { code } = invitation.body;
    const guest = await cloud.client("guest");
    await expecting(200, guest.call("POST", "/v1/invitations/accept", { body: { code } }));
    await expecting(200, owner.call("PATCH", `${workspace.path}/members/guest`, { body: { role: "operator" } }));
    await expecting(204, owner.call("DELETE", `${workspace.path}/members/guest`));
    const [removed, changed, joined, invited, created] = await records();
    expect(created).toMatchObject({ actor: `credential:${machine.id}`, operation: "createComponent" });
    expect(invited).toMatchObject({ operation: "createInvitation", object: { id: invitation.body.id } });
    const member = { type: "member", id: memberId("guest"), name: "guest" };
    expect(joined).toMatchObject({ actor: "user:guest", operation: "acceptInvitation", object: member });
    expect(changed?.changes).toEqual([{ ...member, before: { role: "viewer" }, after: { role: "operator" } }]);
    expect(removed).toMatchObject({ operation: "deleteMember", object: member });
    const everything = JSON.stringify(await cloud.audit());
    for (const secret of [machine.secret, code]) expect(everything).not.toContain(secret);
    for (const item of Object.values(await cloud.items())) {
      for (const hash of [item.secretHash, item.codeHash, item.token]) {
        if (typeof hash === "string") expect(everything).not.toContain(hash);
      }
    }
  });

  test("by a device is told as its own", async () => {
    const device = registrationOf(cloud);
    const { subject } = await owner.done("POST", `${workspace.path}/nodes`, { name: "box" });
    const tokens = `${workspace.path}/nodes/box/registration-tokens`;
    const { token } = (await expecting(201, owner.call<{ token: string }>("POST", tokens, { body: {} }))).body;
    await device.enrol(token);
    const found = await recordsOf(`&actor=device:${subject.id}`, (some) => some.length >= 3);
    expect(found.map(({ operation }) => operation)).toEqual(["device.registered", "device.enrolled", "register"]);
    for (const record of found) expect(record.object).toMatchObject({ type: "node", id: subject.id });
    expect(found[0]?.changes).toContainEqual(
      expect.objectContaining({
        type: "certificate",
        before: { status: "pending" },
        after: expect.objectContaining({ status: "active" }),
      }),
    );
    const issued = (await records()).find(({ operation }) => operation === "createRegistrationToken");
    expect(issued).toMatchObject({ actor: "user:olga", object: { type: "node", id: subject.id } });
    expect(JSON.stringify(await cloud.audit())).not.toContain(token);
  });
});

describe("records", () => {
  test("are found by time, by actor and by object, page by page, newest first", async () => {
    const { path } = await aWorkspace(owner, "queried");
    const ann = await cloud.client("ann");
    const { id } = (await expecting(200, owner.call<{ id: string }>("GET", path))).body;
    await aMember(cloud, "ann", id, "maintainer");
    const components: string[] = [];
    const times: string[] = [];
    for (let index = 0; index < 6; index += 1) {
      const client = index % 2 === 0 ? owner : ann;
      const body = { name: `com.example.Q${index}` };
      const made = await expecting(201, client.call<{ id: string }>("POST", `${path}/components`, { body }));
      components.push(made.body.id);
      const [newest] = (await page("?limit=1", path)).items;
      times.push(newest?.at ?? "");
    }
    const all = (await page("?limit=100", path)).items;
    expect(all.map((record) => record.id)).toEqual(
      all
        .map((record) => record.id)
        .sort()
        .reverse(),
    );
    const walked: string[] = [];
    let cursor: string | undefined = "";
    while (cursor !== undefined) {
      const told: Page = await page(`?limit=3${cursor && `&cursor=${cursor}`}`, path);
      expect(told.items.length).toBeGreaterThan(0);
      walked.push(...told.items.map((record) => record.id));
      cursor = told.nextCursor;
    }
    expect(walked).toEqual(all.map((record) => record.id));

    const between = await page(`?from=${times[1]}&to=${times[4]}`, path);
    const made = (found: Page) => found.items.map(({ object }) => components.indexOf(object.id));
    expect(new Set(made(between))).toEqual(
      new Set(
        all.flatMap(({ at, object }) =>
          at >= (times[1] ?? "") && at < (times[4] ?? "") ? [components.indexOf(object.id)] : [],
        ),
      ),
    );
    const settled = await until(
      async () => {
        const found = await page("?actor=user:ann", path);
        return found.items.length === 3 && found;
      },
      { what: "the index of actors" },
    );
    expect(made(settled)).toEqual([5, 3, 1]);
    const paged = await page("?actor=user:ann&limit=2", path);
    expect(made(paged)).toEqual([5, 3]);
    expect(made(await page(`?actor=user:ann&limit=2&cursor=${paged.nextCursor}`, path))).toEqual([1]);
    const object = `?object=${components[3]}`;
    await until(async () => (await page(object, path)).items.length === 1, { what: "the index of objects" });
    expect(made(await page(`${object}&actor=user:ann`, path))).toEqual([3]);
    expect(made(await page(`${object}&actor=user:olga`, path))).toEqual([]);
    expect(made(await page(`${object}&to=${times[0]}`, path))).toEqual([]);
  });

  test.each([
    ["?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "invalid-request"],
    ["?from=yesterday", "invalid-request"],
    ["?cursor=x", "invalid-cursor"],
  ])("are refused for %s", async (query, code) => {
    const { status, body } = await owner.call("GET", `${workspace.path}/audit${query}`);
    expect([status, body.code]).toEqual([400, code]);
  });

  test("are refused for what is no time with one that is", async () => {
    for (const time of ["yesterday", "2026-01-31", "2026-01-31T12:00:00"]) {
      const { body } = await owner.call("GET", `${workspace.path}/audit?from=${time}`);
      const detail = "must be a time such as 2026-01-31T12:00:00Z";
      expect(body).toMatchObject({ detail: `the query is not valid: from: ${detail}`, errors: [{ detail }] });
    }
  });

  test("take no cursor of another list, nor one beyond its times", async () => {
    const { nextCursor } = await page("?limit=1");
    for (const query of ["actor=user:olga", "to=2026-01-01T00:00:00Z"]) {
      const { status, body } = await owner.call("GET", `${workspace.path}/audit?${query}&cursor=${nextCursor}`);
      expect([status, body.code]).toEqual([400, "invalid-cursor"]);
    }
  });

  test("are exported a line each, all of them", async () => {
    const { path } = await aWorkspace(owner, "exported");
    for (const name of ["com.example.E1", "com.example.E2"]) {
      await expecting(201, owner.call("POST", `${path}/components`, { body: { name } }));
    }
    const answer = await owner.call<string>("GET", `${path}/audit/export`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
    expect(answer.headers.get("link")).toBeNull();
    const lines = answer.body
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record);
    expect(lines).toEqual((await page("?limit=100", path)).items);
  });

  test("are exported as CSV, which has all of them and nothing to run", async () => {
    const { path } = await aWorkspace(owner, "exported-rows");
    const headers = { "user-agent": "=HYPERLINK(1)" };
    const body = { name: "com.example.R", description: '@SUM(1), "quoted"\r\nü' };
    await expecting(201, owner.call("POST", `${path}/components`, { body, headers }));
    const answer = await owner.call<string>("GET", `${path}/audit/export?format=csv`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/csv; charset=utf-8"]);
    const rows: Row[] = parse(answer.body, { columns: true, record_delimiter: "\r\n" });
    const { items } = await page("?limit=100", path);
    expect(rows.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
    expect(rows[0]).toMatchObject({
      ...{ time: items[0]?.at, actor_kind: "user", actor_id: "olga", operation: "createComponent" },
      ...{ object_type: "component", object_name: "com.example.R", intent: "", user_agent: "'=HYPERLINK(1)" },
    });
    expect(JSON.parse(rows[0]?.changes ?? "")).toEqual(items[0]?.changes);
    expect(rows[0]?.changes).toContain("@SUM(1)");
  });

  test("are exported in no other format", async () => {
    const { status, body } = await owner.call("GET", `${workspace.path}/audit/export?format=xlsx`);
    expect([status, body.code, body.errors]).toMatchObject([400, "invalid-request", [{ parameter: "format" }]]);
  });

  /** Puts so many records of these changes into a workspace. */
  const fill = async (workspaceId: string, made: number, changes: Parameters<typeof recordDeed>[1] = []) => {
    const deed = { workspaceId, actor: "user:many", operation: "updateNode", object: { type: "node", id: "n" } };
    const items = Array.from({ length: made }, () => {
      const write = recordDeed(deed, changes, 1, theMoment());
      return { PutRequest: { Item: "item" in write ? write.item : {} } };
    });
    for (let at = 0; at < made; at += 25) {
      const RequestItems = { [cloud.tables.control]: items.slice(at, at + 25) };
      await cloud.documents.send(new BatchWriteCommand({ RequestItems }));
    }
  };
  /** Every page of an export. */
  const pagesOf = async (path: string, format: string): Promise<string[]> => {
    const pages: string[] = [];
    let next: string | undefined = `${cloud.endpoints.api}${path}/audit/export?format=${format}`;
    while (next !== undefined) {
      const url: URL = new URL(next);
      const client = apiClient(url.origin, await cloud.token("olga"));
      const told = await expecting(200, client.call<string>("GET", `${url.pathname}${url.search}`));
      pages.push(told.body);
      next = /^<(.+)>; rel="next"$/.exec(told.headers.get("link") ?? "")?.[1];
    }
    return pages;
  };
  const IDS: Readonly<{ [format: string]: (file: string) => string[] }> = {
    jsonl: (file) =>
      file
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as Record).id),
    csv: (file) => parse<Row>(file, { columns: true }).map(({ id }) => id),
  };

  test.each(Object.entries(IDS))(
    "go on in an export behind its Link: its pages are one file of %s",
    async (format, of) => {
      const { path, id } = await aWorkspace(owner, `much-exported-${format}`);
      const made = 1_005;
      await fill(id, made);
      const pages = await pagesOf(path, format);
      const ids = of(pages.join(""));
      expect([pages.length, ids.length, new Set(ids).size]).toEqual([2, made + 2, made + 2]); // and the workspace's own two
    },
  );

  test.each(Object.entries(IDS))(
    "fit into what a function answers, however much of them is quotes: %s",
    async (format, of) => {
      const { path, id } = await aWorkspace(owner, `quoted-${format}`);
      const made = 200;
      await fill(id, made, [{ type: "node", id: "n", after: { description: '"'.repeat(15_000) } }]);
      const pages = await pagesOf(path, format);
      expect(of(pages.join(""))).toHaveLength(made + 2);
      for (const page of pages) expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(6_000_000);
    },
  );

  test("stay for their time when a workspace is gone, and then nobody is told", async () => {
    const { path, id } = await aWorkspace(owner, "gone");
    await owner.done("DELETE", path);
    expect((await owner.call("GET", `${path}/audit`)).status).toBe(404);
    const left = (await cloud.audit()).filter(({ pk }) => pk === `${id}#audit`);
    expect(left.map(({ operation }) => operation)).toEqual([
      "createWorkspace",
      "intent.succeeded",
      "deleteWorkspace",
      "intent.succeeded",
    ]);
    for (const { expiresAt } of left) {
      expect(Math.abs(Number(expiresAt) - Date.now() / 1_000 - 400 * 86_400)).toBeLessThan(600);
    }
  });
});
