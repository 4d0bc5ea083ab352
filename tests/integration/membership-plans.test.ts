import { afterAll, beforeAll, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import { aPublishedComponent, aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";

/** Changes of memberships are held against the plan of them, as edits of deployments are. */

let cloud: TestCloud;
let api: ApiClient;
let ws: string;
const A = "com.example.A";
const B = "com.example.B";

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path: ws } = await aWorkspace(api, "memberships"));
  for (const name of [A, B]) await aPublishedComponent(api, ws, name);
  const publish = async (component: string, version: string, recipe: object) => {
    const versions = `${ws}/components/${component}/versions`;
    await expecting(201, api.call("POST", versions, { body: { version, recipe } }));
    await api.done("POST", `${versions}/${version}/publish`);
  };
  await publish(A, "2.0.0", { run: "true" });
  await publish(B, "2.0.0", { run: "true", dependencies: { [A]: "^2.0.0" } });
  const wishes: Record<string, Record<string, string>> = {
    one: { [A]: "1.0.0" },
    two: { [A]: "2.0.0" },
    needs: { [B]: "2.0.0" },
    other: { [B]: "1.0.0" },
  };
  for (const [name, components] of Object.entries(wishes)) {
    await api.done("POST", `${ws}/node-groups`, { name });
    await api.done("PATCH", `${ws}/node-groups/${name}/deployment`, {
      components: Object.fromEntries(Object.entries(components).map(([key, version]) => [key, { version }])),
    });
  }
  await api.done("POST", `${ws}/nodes`, { name: "n", groups: ["one"] });
});
afterAll(() => cloud?.remove());

const change = (body: object) => api.call<{ code: string; detail: string }>("PATCH", `${ws}/nodes/n/groups`, { body });
const planOf = async (body: object): Promise<string> =>
  (await expecting(200, api.call<{ hash: string }>("POST", `${ws}/plans`, { body }))).body.hash;

test("a node does not come into groups that disagree, and all of them are named", async () => {
  for (const answer of [
    await change({ add: ["two"] }),
    await api.call<{ code: string; detail: string }>("POST", `${ws}/nodes`, {
      body: { name: "torn", groups: ["one", "two"] },
    }),
  ]) {
    expect([answer.status, answer.body.code]).toEqual([409, "ambiguous"]);
    for (const party of ["node group one", "node group two", A]) expect(answer.body.detail).toContain(party);
  }
  expect((await api.call("GET", `${ws}/nodes/torn`)).status).toBe(404);
  const { body } = await api.call<{ groups: string[] }>("GET", `${ws}/nodes/n`);
  expect(body.groups).toHaveLength(1);
});

test("nor where a dependency is not met; to leave what stands in the way in the same change helps", async () => {
  const refused = await change({ add: ["needs"] });
  expect([refused.status, refused.body.code]).toEqual([422, "unmet-dependency"]);
  for (const party of [A, B, "node group one"]) expect(refused.body.detail).toContain(party);
  await api.done("PATCH", `${ws}/nodes/n/groups`, { add: ["needs"], remove: ["one"] });
  await api.done("PATCH", `${ws}/nodes/n/groups`, { add: ["one"], remove: ["needs"] });
});

test("a change goes ahead as its plan showed, in whichever order it names groups, and not once that is stale", async () => {
  const shown = await planOf({ nodes: { n: { groups: ["other", "one"] } } });
  const forNew = await planOf({ newNodes: [{ name: "new", groups: ["other", "one"], runtime: "nucleus" }] });
  await api.done("PATCH", `${ws}/node-groups/other/deployment`, { priority: 7 });
  const stale = await change({ add: ["other"], plan: shown });
  expect([stale.status, stale.body.code]).toEqual([412, "precondition-failed"]);
  const body = { name: "new", groups: ["one", "other"] };
  const staleNew = await api.call<{ code: string }>("POST", `${ws}/nodes`, { body: { ...body, plan: forNew } });
  expect([staleNew.status, staleNew.body.code]).toEqual([412, "precondition-failed"]);
  const anew = await planOf({ newNodes: [{ name: "new", groups: ["other", "one"], runtime: "nucleus" }] });
  await api.done("POST", `${ws}/nodes`, { ...body, plan: anew });
  const plan = await planOf({ nodes: { n: { groups: ["other", "one"] } } });
  await api.done("PATCH", `${ws}/nodes/n/groups`, { add: ["other"], plan });
});
