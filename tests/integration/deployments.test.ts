import { GetDeploymentCommand, ListDeploymentsCommand } from "@aws-sdk/client-greengrassv2";
import { DescribeThingGroupCommand, ListThingGroupsForThingCommand } from "@aws-sdk/client-iot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import { cellKey, DEFAULT_RUNTIME } from "../../shared/deployment/cell.ts";
import { aPublishedComponent, aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";

let cloud: TestCloud;
let api: ApiClient;
let path: string;

beforeAll(async () => {
  cloud = await startTestCloud();
  api = await cloud.client();
  ({ path } = await aWorkspace(api, "deploying"));
  await aPublishedComponent(api, path, "com.example.A", "1.0.0");
  await aPublishedComponent(api, path, "com.example.B", "1.0.0");
  for (const name of ["one", "two"]) await api.done("POST", `${path}/node-groups`, { name });
});

afterAll(() => cloud?.remove());

const publishMore = async (name: string, version: string) => {
  const versions = `${path}/components/${name}/versions`;
  await expecting(201, api.call("POST", versions, { body: { version, recipe: { run: "true" } } }));
  await api.done("POST", `${versions}/${version}/publish`);
};

const patch = (group: string, components: object) =>
  api.done("PATCH", `${path}/node-groups/${group}/deployment`, { components });

/** The thing groups of a node that carry a Greengrass deployment, with its revision and versions. */
const reaching = async (node: string) => {
  const { thing } = (await api.call<{ thing: string }>("GET", `${path}/nodes/${node}`)).body;
  const { thingGroups = [] } = await cloud.iot.send(new ListThingGroupsForThingCommand({ thingName: thing }));
  const found: { revision: string | undefined; versions: Record<string, string | undefined> }[] = [];
  for (const { groupName } of thingGroups) {
    const { thingGroupArn } = await cloud.iot.send(new DescribeThingGroupCommand({ thingGroupName: groupName }));
    const { deployments = [] } = await cloud.greengrass.send(new ListDeploymentsCommand({ targetArn: thingGroupArn }));
    for (const { deploymentId } of deployments) {
      const { components = {}, revisionId } = await cloud.greengrass.send(new GetDeploymentCommand({ deploymentId }));
      const versions = Object.entries(components).map(([name, { componentVersion }]) => [name, componentVersion]);
      found.push({ revision: revisionId, versions: Object.fromEntries(versions) });
    }
  }
  return found;
};

describe("a node", () => {
  test("is reached by exactly one Greengrass deployment, whichever groups it is in", async () => {
    await api.done("POST", `${path}/nodes`, { name: "of-none" });
    await api.done("POST", `${path}/nodes`, { name: "of-one", groups: ["one"] });
    await api.done("POST", `${path}/nodes`, { name: "of-both", groups: ["one", "two"] });
    await patch("one", { "com.example.A": { version: "1.0.0" } });
    await patch("two", { "com.example.B": { version: "1.0.0" } });
    expect((await reaching("of-none")).map(({ versions }) => versions)).toEqual([{}]);
    expect((await reaching("of-one")).map(({ versions }) => versions)).toEqual([{ "com.example.A": "1.0.0" }]);
    expect((await reaching("of-both")).map(({ versions }) => versions)).toEqual([
      { "com.example.A": "1.0.0", "com.example.B": "1.0.0" },
    ]);
  });

  test("gets one version where its groups disagree: that of the higher priority", async () => {
    await publishMore("com.example.A", "2.0.0");
    const two = `${path}/node-groups/two/deployment`;
    await api.done("PATCH", two, { components: { "com.example.A": { version: "2.0.0" } }, priority: 5 });
    expect((await reaching("of-both")).map(({ versions }) => versions["com.example.A"])).toEqual(["2.0.0"]);
    await api.done("PATCH", `${path}/node-groups/one/deployment`, { priority: 9 });
    expect((await reaching("of-both")).map(({ versions }) => versions["com.example.A"])).toEqual(["1.0.0"]);
    expect((await reaching("of-one")).map(({ versions }) => versions["com.example.A"])).toEqual(["1.0.0"]);
  });
});

describe("a group that is deleted while it deploys", () => {
  test("leaves no deployment behind, and every intent ends", async () => {
    for (let round = 0; round < 5; round += 1) {
      const group = await api.done("POST", `${path}/node-groups`, { name: `fleeting-${round}` });
      const edits = Array.from({ length: 4 }, (_, priority) =>
        api.call<IntentBody>("PATCH", `${group.subject.href}/deployment`, {
          body: { priority, components: { "com.example.A": { version: priority % 2 === 0 ? "1.0.0" : "2.0.0" } } },
        }),
      );
      await Promise.race(edits);
      const deletion = await api.call<IntentBody>("DELETE", group.subject.href);
      expect(deletion.status).toBe(202);
      for (const { status, body } of await Promise.all(edits)) if (status === 202) await api.ended(body.id);
      expect(await api.ended(deletion.body.id)).toMatchObject({ status: "succeeded" });
      const cell = cellKey([group.subject.id], DEFAULT_RUNTIME);
      const { deployments = [] } = await cloud.greengrass.send(
        new ListDeploymentsCommand({ historyFilter: "ALL", maxResults: 100 }),
      );
      expect(deployments.filter(({ targetArn }) => targetArn?.includes(cell))).toEqual([]);
    }
  });
});

describe("a deployment", () => {
  test("is not moved to a newer version by a publication, a join, or an edit of something else", async () => {
    await api.done("POST", `${path}/node-groups`, { name: "ranged" });
    await patch("ranged", { "com.example.B": { version: "^1.0.0" } });
    await api.done("POST", `${path}/nodes`, { name: "ranged-1", groups: ["ranged"] });
    await publishMore("com.example.B", "1.1.0");
    await api.done("POST", `${path}/nodes`, { name: "ranged-2", groups: ["ranged"] });
    await patch("ranged", { "com.example.A": { version: "1.0.0" } });
    expect((await reaching("ranged-1"))[0]?.versions).toEqual({ "com.example.A": "1.0.0", "com.example.B": "1.0.0" });
    await patch("ranged", { "com.example.B": { version: "^1.0.0" } }); // named again: now it sees 1.1.0
    expect((await reaching("ranged-2"))[0]?.versions).toEqual({ "com.example.A": "1.0.0", "com.example.B": "1.1.0" });
  });

  test("makes no Greengrass revision when what its cells run stays the same", async () => {
    await api.done("POST", `${path}/node-groups`, { name: "still" });
    await api.done("POST", `${path}/nodes`, { name: "still-1", groups: ["still"] });
    await patch("still", { "com.example.A": { version: "1.0.0" } });
    const before = await reaching("still-1");
    await patch("still", { "com.example.A": { version: ">=1.0.0 <1.0.1" } });
    expect(await reaching("still-1")).toEqual(before);
    await patch("still", { "com.example.A": null });
    const [emptied] = await reaching("still-1");
    expect(emptied?.versions).toEqual({});
    await patch("still", { "com.example.A": { version: "1.0.0" } }); // A again, after nothing: delivered again
    const [again] = await reaching("still-1");
    expect(again?.versions).toEqual({ "com.example.A": "1.0.0" });
    expect(Number(again?.revision)).toBe(Number(before[0]?.revision) + 2);
  });
});
