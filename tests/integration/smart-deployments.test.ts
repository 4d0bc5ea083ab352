import { AddThingToThingGroupCommand, CreateThingGroupCommand } from "@aws-sdk/client-iot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient, IntentBody } from "../../local/api-client.ts";
import type { Outcome } from "../../local/device/deploy.ts";
import { until } from "../local/until.ts";
import { aPublishedComponent, aWorkspace, expecting, range, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { aNode, devices, greengrassOf, type NewNode, version } from "./support/devices.ts";

/**
 * Deployments as devices get them: the software core device against the embedded cloud. The first part is what
 * docs/SMART-DEPLOYMENTS.md tells.
 */

let cloud: TestCloud;
let api: ApiClient;
let ws: string;
const fleet = devices(() => cloud.endpoints);
const { makeVersion, deployTo, installed } = greengrassOf(() => cloud);

const APP = "com.example.App";
const TOOL = "com.example.Tool";

beforeAll(async () => {
  // Many who wait for their turn ask less often than elsewhere: the machine is for who has it.
  cloud = await startTestCloud(["--test-mode", "--retry-scale", "0.2"]);
  api = await cloud.client();
  ({ path: ws } = await aWorkspace(api, "smart"));
  await aPublishedComponent(api, ws, APP, "1.0.0");
  await publishMore(APP, "2.0.0");
  await aPublishedComponent(api, ws, TOOL, "1.0.0");
});
afterAll(async () => {
  await fleet.remove();
  await cloud?.remove();
});

const publishMore = async (name: string, number: string, recipe: object = { run: "true" }): Promise<void> => {
  const versions = `${ws}/components/${name}/versions`;
  await expecting(201, api.call("POST", versions, { body: { version: number, recipe } }));
  await api.done("POST", `${versions}/${number}/publish`);
};

const aGroup = async (name: string, components: Record<string, string> = {}, beside: object = {}): Promise<void> => {
  await api.done("POST", `${ws}/node-groups`, { name });
  if (Object.keys(components).length > 0) await deploy(`node-groups/${name}`, components, beside);
};

const deploy = (target: string, components: Record<string, string | null>, beside: object = {}) =>
  api.done("PATCH", `${ws}/${target}/deployment`, {
    components: Object.fromEntries(
      Object.entries(components).map(([name, wanted]) => [name, wanted === null ? null : { version: wanted }]),
    ),
    ...beside,
  });

const groupsOf = (node: string, change: { add?: string[]; remove?: string[] }) =>
  api.done("PATCH", `${ws}/nodes/${node}/groups`, change);

/** A node whose device runs, and every end of a deployment that it comes to. */
const aDevice = async (name: string, groups: readonly string[]): Promise<{ node: NewNode; outcomes: Outcome[] }> => {
  const node = await aNode(api, ws, name, { groups });
  const outcomes: Outcome[] = [];
  const device = fleet.start({ token: node.token, onDeployment: (one) => void outcomes.push(one) });
  await device.idle();
  return { node, outcomes };
};

/** Waits until a device has just these components. */
const runs = ({ thing }: NewNode, components: Record<string, string>) =>
  until(
    async () => {
      const found = Object.entries(await installed(thing)).map(([name, one]) => [name, one.split(" ")[0]]);
      return JSON.stringify(found.sort()) === JSON.stringify(Object.entries(components).sort());
    },
    { what: `${thing} to run ${JSON.stringify(components)}`, deadlineMs: 60_000 },
  );

const allWell = (outcomes: readonly Outcome[]) =>
  expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => "SUCCEEDED"));

describe("with Greengrass alone", () => {
  test("two groups that disagree fail the device, and a revision that forgets a component uninstalls it", async () => {
    for (const number of ["1.0.0", "2.0.0"]) await makeVersion("plain.App", number, { Manifests: [{}] });
    await makeVersion("plain.Tool", "1.0.0", { Manifests: [{}] });
    const { node } = await aDevice("plain", []);
    for (const thingGroupName of ["plain-a", "plain-b"]) {
      await cloud.iot.send(new CreateThingGroupCommand({ thingGroupName }));
      await cloud.iot.send(new AddThingToThingGroupCommand({ thingName: node.thing, thingGroupName }));
    }
    await deployTo("plain-a", node.thing, { "plain.App": version("1.0.0"), "plain.Tool": version("1.0.0") });
    await runs(node, { "plain.App": "1.0.0", "plain.Tool": "1.0.0" });
    expect(await deployTo("plain-b", node.thing, { "plain.App": version("2.0.0") })).toMatchObject({
      coreDeviceExecutionStatus: "FAILED",
      statusDetails: { errorStack: expect.arrayContaining(["NO_AVAILABLE_COMPONENT_VERSION"]) },
    });
    await deployTo("plain-b", node.thing, {});
    // Someone means to change one component, and says just that.
    await deployTo("plain-a", node.thing, { "plain.App": version("2.0.0") });
    await runs(node, { "plain.App": "2.0.0" });
  });
});

describe("with Slipway", () => {
  test("two groups that disagree give the device one version, and an edit leaves alone what it does not name", async () => {
    await aGroup("line", { [APP]: "1.0.0", [TOOL]: "1.0.0" });
    await aGroup("trial", { [APP]: "2.0.0" }, { priority: 5 });
    const { node, outcomes } = await aDevice("press", ["line", "trial"]);
    await runs(node, { [APP]: "2.0.0", [TOOL]: "1.0.0" });
    await deploy("node-groups/trial", {}, { priority: 0 }).catch((refused: Error) => {
      expect(refused.message).toContain("409"); // equal priorities would leave it open which one decides
    });
    await deploy("node-groups/line", {}, { priority: 9 });
    await runs(node, { [APP]: "1.0.0", [TOOL]: "1.0.0" });
    await deploy("node-groups/line", { [APP]: "2.0.0" });
    await runs(node, { [APP]: "2.0.0", [TOOL]: "1.0.0" });
    allWell(outcomes);
  });

  test("a node's own deployment decides over its groups', until it is lifted", async () => {
    await aGroup("plant", { [APP]: "1.0.0", [TOOL]: "1.0.0" });
    const { node, outcomes } = await aDevice("robot", ["plant"]);
    const bystander = await aDevice("bystander", ["plant"]);
    await runs(node, { [APP]: "1.0.0", [TOOL]: "1.0.0" });
    const before = bystander.outcomes.length;
    await deploy("nodes/robot", { [APP]: "2.0.0" });
    await runs(node, { [APP]: "2.0.0", [TOOL]: "1.0.0" });
    await api.done("DELETE", `${ws}/nodes/robot/deployment`);
    await runs(node, { [APP]: "1.0.0", [TOOL]: "1.0.0" });
    await deploy("nodes/robot", { [APP]: "2.0.0" });
    await runs(node, { [APP]: "2.0.0", [TOOL]: "1.0.0" });
    allWell(outcomes);
    expect(bystander.outcomes.length).toBe(before); // and nobody else has heard of it
  });

  test("a node that changes groups gets what its groups say, there and back, and the group can go", async () => {
    await aGroup("east", { [APP]: "1.0.0" });
    await aGroup("west", { [APP]: "2.0.0", [TOOL]: "1.0.0" });
    const { node, outcomes } = await aDevice("rover", ["east"]);
    await runs(node, { [APP]: "1.0.0" });
    await groupsOf("rover", { add: ["west"], remove: ["east"] });
    await runs(node, { [APP]: "2.0.0", [TOOL]: "1.0.0" });
    await groupsOf("rover", { add: ["east"], remove: ["west"] });
    await runs(node, { [APP]: "1.0.0" });
    await groupsOf("rover", { remove: ["east"] });
    await runs(node, {});
    await groupsOf("rover", { add: ["east"] });
    await runs(node, { [APP]: "1.0.0" });
    allWell(outcomes);
    const refused = await api.call<{ code: string }>("DELETE", `${ws}/node-groups/east`);
    expect([refused.status, refused.body.code]).toEqual([409, "node-group-not-empty"]);
    await groupsOf("rover", { remove: ["east"] });
    await api.done("DELETE", `${ws}/node-groups/east`);
    await runs(node, {});
  });

  test("a device that takes another's place gets all of it, though its predecessor has run that", async () => {
    await aGroup("spare", { [APP]: "1.0.0" });
    const { node } = await aDevice("sensor", ["spare"]);
    await runs(node, { [APP]: "1.0.0" });
    const { body } = await expecting(
      201,
      api.call<{ token: string }>("POST", `${node.path}/re-register`, { body: {} }),
    );
    const outcomes: Outcome[] = [];
    fleet.start({ token: body.token, onDeployment: (one) => void outcomes.push(one) });
    await until(() => outcomes.length > 0, { what: "a deployment on the other device", deadlineMs: 60_000 });
    await runs(node, { [APP]: "1.0.0" });
    allWell(outcomes);
  });

  test("what a component depends on comes in one exact version, and what cannot be met leaves all as it is", async () => {
    await aPublishedComponent(api, ws, "com.example.Lib", "1.0.0");
    await publishMore("com.example.Lib", "1.1.0");
    await aPublishedComponent(api, ws, "com.example.Main", "0.1.0");
    const needs = (range: string) => ({ run: "true", dependencies: { "com.example.Lib": range } });
    await publishMore("com.example.Main", "1.0.0", needs("^1.0.0"));
    await aGroup("depending", { "com.example.Main": "1.0.0" });
    const { node } = await aDevice("dependent", ["depending"]);
    await runs(node, { "com.example.Main": "1.0.0", "com.example.Lib": "1.1.0" });
    const used = await api.call<{ code: string }>("DELETE", `${ws}/components/com.example.Lib/versions/1.1.0`);
    expect([used.status, used.body.code]).toEqual([409, "version-in-use"]);
    await publishMore("com.example.Main", "2.0.0", needs("^2.0.0"));
    const unmet = await api.call<{ code: string }>("PATCH", `${ws}/node-groups/depending/deployment`, {
      body: { components: { "com.example.Main": { version: "2.0.0" } } },
    });
    expect(unmet.status).toBe(422);
    await runs(node, { "com.example.Main": "1.0.0", "com.example.Lib": "1.1.0" });
  });

  test("a hundred edits of one group at once all count, and take far fewer revisions", async () => {
    await aGroup("busy");
    const { node, outcomes } = await aDevice("worker", ["busy"]);
    const names = range(20).map((at) => `com.example.Many${at}`);
    for (const name of names) await aPublishedComponent(api, ws, name, "1.0.0");
    const before = outcomes.length;
    const edit = async (name: string, wanted: string): Promise<void> => {
      const body = { components: { [name]: { version: wanted } } };
      const { status, body: answer } = await api.call<IntentBody>("PATCH", `${ws}/node-groups/busy/deployment`, {
        body,
      });
      // On a slow machine the time of the handler, or of its calls, may run out before it gets a word in.
      if (status === 409 || status === 503) return edit(name, wanted);
      expect(status).toBe(202);
      expect(await api.ended(answer.id, 120_000)).toMatchObject({ status: "succeeded" });
    };
    await Promise.all(range(100).map((at) => edit(names[at % names.length] ?? "", at < 60 ? "1.0.0" : "^1.0.0")));
    const { body } = await api.call<{ revision: number }>("GET", `${ws}/node-groups/busy/deployment`);
    expect(body.revision).toBe(101);
    await runs(node, Object.fromEntries(names.map((name) => [name, "1.0.0"])));
    allWell(outcomes);
    expect(outcomes.length - before).toBeLessThanOrEqual(names.length);
  }, 240_000);
});
