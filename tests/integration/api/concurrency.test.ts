import { GetDeploymentCommand, ListDeploymentsCommand } from "@aws-sdk/client-greengrassv2";
import { DescribeThingGroupCommand } from "@aws-sdk/client-iot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiAnswer, ApiClient, IntentBody } from "../../../local/api-client.ts";
import { cellKey, DEFAULT_RUNTIME } from "../../../shared/deployment/cell.ts";
import { awsNames } from "../../../shared/names.ts";
import {
  aPublishedComponent,
  aWorkspace,
  expecting,
  inParallel,
  range,
  startTestCloud,
  type TestCloud,
} from "../support/cloud.ts";

const CLIENTS = 32;

let cloud: TestCloud;
let api: ApiClient;
let ws: { id: string; path: string };

beforeAll(async () => {
  cloud = await startTestCloud(["--test-mode", "--retry-scale", "0.1"]);
  api = await cloud.client();
  ws = await aWorkspace(api, "acme");
  await api.done("POST", `${ws.path}/node-groups`, { name: "gateways" });
  await expecting(201, api.call("POST", `${ws.path}/components`, { body: { name: "com.example.Hello" } }));
});
afterAll(() => cloud?.remove());

const namesOf = async (path: string, member = "name"): Promise<unknown[]> =>
  (await expecting(200, api.call<{ items: Record<string, unknown>[] }>("GET", `${path}?limit=100`))).body.items.map(
    (item) => item[member],
  );

/** Every intent's end; all of them must have come to this status. */
const allEnd = async (answers: readonly ApiAnswer[], status = "succeeded", client = api): Promise<void> => {
  const ended = await inParallel(answers, 8, ({ body }) => client.ended(String(body.id)));
  expect(ended.filter((intent) => intent.status !== status)).toEqual([]);
};

describe("32 clients that create the same name at once", () => {
  const recipe = { run: "true" };
  const versions = "/components/com.example.Hello/versions";
  test.each<[string, string, Record<string, unknown>, number, string]>([
    ["workspace", "/v1/workspaces", { name: "wanted" }, 202, "name"],
    ["node group", "/node-groups", { name: "wanted" }, 202, "name"],
    ["node", "/nodes", { name: "wanted", groups: ["gateways"] }, 202, "name"],
    ["component", "/components", { name: "com.example.Wanted" }, 201, "name"],
    ["version", versions, { version: "1.0.0", recipe }, 201, "version"],
  ])("make one %s, and the others are told that the name is taken", async (_, path, body, status, member) => {
    const at = path.startsWith("/v1") ? path : `${ws.path}${path}`;
    const answers = await Promise.all(range(CLIENTS).map(() => api.call("POST", at, { body })));
    const made = answers.filter((answer) => answer.status === status);
    const refused = answers.filter((answer) => answer.status === 409).map((answer) => answer.body.code);
    expect([made.length, refused.length]).toEqual([1, CLIENTS - 1]);
    expect(new Set(refused)).toEqual(new Set(["name-taken"]));
    if (status === 202) await allEnd(made);
    expect((await namesOf(at, member)).filter((name) => name === body[member])).toHaveLength(1);
  });

  test("make one component of the account where each has a workspace of its own", async () => {
    const spaces = await inParallel(range(8), 4, (index) => aWorkspace(api, `rival-${index}`));
    const answers = await Promise.all(
      spaces.map(({ path }) => api.call("POST", `${path}/components`, { body: { name: "com.example.Contested" } })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(409)]);
  });

  test("make as many nodes of different names in one group, and count them all", async () => {
    const answers = await Promise.all(
      range(CLIENTS).map((index) =>
        api.call("POST", `${ws.path}/nodes`, { body: { name: `many-${index}`, groups: ["gateways"] } }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(CLIENTS).fill(202));
    await allEnd(answers);
    const group = (await api.call<{ id: string }>("GET", `${ws.path}/node-groups/gateways`)).body.id;
    const cell = Object.values(await cloud.items()).find(
      ({ type, key }) => type === "cell" && key === cellKey([group], DEFAULT_RUNTIME),
    );
    expect(cell?.nodes).toBe(CLIENTS + 1); // and the one of the test above
  });
});

describe("edits of one thing at once", () => {
  test("with the same If-Match let one through, and the others get 412", async () => {
    const path = `${ws.path}/node-groups/gateways`;
    for (const round of range(10)) {
      const etag = (await api.call("GET", path)).headers.get("etag") ?? "";
      const answers = await Promise.all(
        range(CLIENTS).map((index) =>
          api.call("PATCH", path, { headers: { "if-match": etag }, body: { description: `edit ${round} ${index}` } }),
        ),
      );
      const done = answers.filter(({ status }) => status === 200);
      expect(done).toHaveLength(1);
      expect(answers.filter(({ body }) => body.code === "precondition-failed")).toHaveLength(CLIENTS - 1);
      const now = await api.call("GET", path);
      expect(now.body.description).toBe(done[0]?.body.description);
      expect(now.headers.get("etag")).toBe(done[0]?.headers.get("etag"));
    }
  });

  test("of a deployment without If-Match all survive, all succeed, and reach Greengrass together", async () => {
    const components = range(50).map((index) => `com.example.many.C${index}`);
    await inParallel(components, 8, (name) => aPublishedComponent(api, ws.path, name));
    const group = await api.done("POST", `${ws.path}/node-groups`, { name: "busy" });
    const path = `${group.subject.href}/deployment`;
    const answers = await Promise.all(
      components.map((name) =>
        api.call("PATCH", path, { body: { components: { [name]: { version: "1.0.0", merge: { name } } } } }),
      ),
    );
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual(components.map(() => [202, undefined]));
    await allEnd(answers);
    const wanted = Object.fromEntries(components.map((name) => [name, { version: "1.0.0", merge: { name } }]));
    const stored = await api.call("GET", path);
    expect(stored.body.revision).toBe(51);
    expect(Object.keys(stored.body.components ?? {}).sort()).toEqual([...components].sort());
    expect(stored.body.components).toMatchObject(wanted);

    const cell = awsNames.cell(cloud.endpoints.stage, ws.id, cellKey([group.subject.id], DEFAULT_RUNTIME), 1);
    const { thingGroupArn } = await cloud.iot.send(new DescribeThingGroupCommand({ thingGroupName: cell }));
    const { deployments = [] } = await cloud.greengrass.send(new ListDeploymentsCommand({ targetArn: thingGroupArn }));
    expect(deployments).toHaveLength(1);
    const delivered = await cloud.greengrass.send(
      new GetDeploymentCommand({ deploymentId: deployments[0]?.deploymentId }),
    );
    expect(delivered.components).toEqual(
      Object.fromEntries(
        components.map((name) => [
          name,
          { componentVersion: "1.0.0", configurationUpdate: { merge: JSON.stringify({ name }) } },
        ]),
      ),
    );
  });

  test("of a deployment with the same If-Match let one through", async () => {
    const path = `${ws.path}/node-groups/gateways/deployment`;
    const etag = (await api.call("GET", path)).headers.get("etag") ?? "";
    const answers = await Promise.all(
      range(CLIENTS).map((index) =>
        api.call<IntentBody & { code?: string }>("PATCH", path, {
          headers: { "if-match": etag },
          body: { priority: index + 1 },
        }),
      ),
    );
    const done = answers.filter(({ status }) => status === 202);
    expect(done).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(CLIENTS - 1);
    expect((await api.ended(done[0]?.body.id ?? "")).status).toBe("succeeded");
  });
});

describe("a deletion that races", () => {
  test("with the creation of a node group in the workspace: either wins, never both", async () => {
    const wins = await inParallel(range(12), 4, async (index): Promise<string> => {
      const { path } = await aWorkspace(api, `race-${index}`);
      const create = () => api.call<IntentBody>("POST", `${path}/node-groups`, { body: { name: "g" } });
      const remove = () => api.call<IntentBody>("DELETE", path);
      const [created, deleted] =
        index % 2 === 0
          ? await Promise.all([create(), remove()])
          : (await Promise.all([remove(), create()])).toReversed();
      if (created === undefined || deleted === undefined) throw new Error("no answers");
      const creation = created.status === 202 ? (await api.ended(created.body.id)).status : created.status;
      const deletion = deleted.status === 202 ? (await api.ended(deleted.body.id)).status : deleted.status;
      const left = await api.call<{ status: string }>("GET", path);
      const groups = await api.call<{ items: { status: string }[] }>("GET", `${path}/node-groups`);
      if (creation === "succeeded") {
        expect([409, "failed"]).toContain(deletion);
        expect([left.status, left.body.status]).toEqual([200, "active"]);
        expect(groups.body.items.map(({ status }) => status)).toEqual(["active"]);
        await api.done("DELETE", `${path}/node-groups/g`);
        await api.done("DELETE", path);
        return "creation";
      }
      expect([404, 409]).toContain(creation);
      expect(deletion).toBe("succeeded");
      expect([left.status, groups.status]).toEqual([404, 404]);
      return "deletion";
    });
    expect(wins).toHaveLength(12);
  });

  test("with the same deletion: one is accepted", async () => {
    const { path } = await aWorkspace(api, "going");
    const answers = await Promise.all(range(CLIENTS).map(() => api.call<IntentBody>("DELETE", path)));
    const accepted = answers.filter(({ status }) => status === 202);
    expect(accepted).toHaveLength(1);
    expect(answers.every(({ status }) => [202, 404, 409].includes(status))).toBe(true);
    expect((await api.ended(accepted[0]?.body.id ?? "")).status).toBe("succeeded");
  });

  test("with a node that joins the group: either wins, never both", async () => {
    await inParallel(range(8), 4, async (index) => {
      const group = await api.done("POST", `${ws.path}/node-groups`, { name: `joined-${index}` });
      const [joined, deleted] = await Promise.all([
        api.call<IntentBody>("POST", `${ws.path}/nodes`, {
          body: { name: `joins-${index}`, groups: [group.subject.id] },
        }),
        api.call<IntentBody>("DELETE", group.subject.href),
      ]);
      const node = joined.status === 202 ? (await api.ended(joined.body.id)).status : joined.status;
      const gone = deleted.status === 202 ? (await api.ended(deleted.body.id)).status : deleted.status;
      const left = await api.call("GET", group.subject.href);
      if (node === "succeeded") {
        expect([409, "failed"]).toContain(gone);
        expect([left.status, left.body.status]).toEqual([200, "active"]);
      } else {
        expect([400, 409]).toContain(node);
        expect([gone, left.status]).toEqual(["succeeded", 404]);
      }
    });
  });
});

test("a workspace with things in it is not deleted, and the answer names what is left", async () => {
  const { path } = await aWorkspace(api, "full");
  const refusal = async () => {
    const { status, body } = await api.call("DELETE", path);
    return [status, body.code, body.detail];
  };
  await api.done("POST", `${path}/nodes`, { name: "n" });
  expect(await refusal()).toEqual([409, "workspace-not-empty", expect.stringMatching(/ has nodes: /)]);
  await api.done("POST", `${path}/node-groups`, { name: "g" });
  await expecting(201, api.call("POST", `${path}/components`, { body: { name: "com.example.Full" } }));
  expect(await refusal()).toEqual([
    409,
    "workspace-not-empty",
    expect.stringMatching(/ has nodes, node groups, components: /),
  ]);
  expect((await api.call("GET", path)).body.status).toBe("active");
});
