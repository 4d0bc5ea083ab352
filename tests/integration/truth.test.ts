import { CancelDeploymentCommand, DeleteDeploymentCommand } from "@aws-sdk/client-greengrassv2";
import {
  AddThingToThingGroupCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DeleteThingGroupCommand,
  RemoveThingFromThingGroupCommand,
} from "@aws-sdk/client-iot";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ApiClient } from "../../local/api-client.ts";
import type { Drift } from "../../shared/deployment/drift.ts";
import type { DeploymentStatus, NodeDeploymentStatus, StatusOfNode } from "../../shared/deployment/truth-answer.ts";
import { until } from "../local/until.ts";
import { aPublishedComponent, aWorkspace, expecting, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";
import { aNode, devices, greengrassOf, type NewNode } from "./support/devices.ts";
import { driftsOf } from "./support/drifts.ts";

/** What became of deployments, and what was changed behind Slipway's back, with the software core device at the other end. */

let cloud: TestCloud;
let api: ApiClient;
let ws: string;
let control: ReturnType<typeof controlOf>;
const fleet = devices(() => cloud.endpoints);
const { groupArn, makeVersion } = greengrassOf(() => cloud);

const APP = "com.example.App";
const BAD = "com.example.Bad";

beforeAll(async () => {
  cloud = await startTestCloud(["--test-mode", "--retry-scale", "0.2"]);
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  ({ path: ws } = await aWorkspace(api, "truth"));
  await aPublishedComponent(api, ws, APP, "1.0.0");
  await publishMore(APP, "2.0.0", { run: "true" });
  await aPublishedComponent(api, ws, BAD, "0.0.1");
  await publishMore(BAD, "1.0.0", { install: "exit 3", run: "true" });
});
afterEach(() => control.disarm());
afterAll(async () => {
  await fleet.remove();
  await cloud?.remove();
});

const publishMore = async (name: string, version: string, recipe: object): Promise<void> => {
  const versions = `${ws}/components/${name}/versions`;
  await expecting(201, api.call("POST", versions, { body: { version, recipe } }));
  await api.done("POST", `${versions}/${version}/publish`);
};

const deploy = (target: string, components: Record<string, string | null>) =>
  api.done("PATCH", `${ws}/${target}/deployment`, {
    components: Object.fromEntries(
      Object.entries(components).map(([name, version]) => [name, version === null ? null : { version }]),
    ),
  });

const aGroup = async (
  name: string,
  components: Record<string, string> = {},
): Promise<{ id: string; thing: string }> => {
  const { subject } = await api.done("POST", `${ws}/node-groups`, { name });
  if (Object.keys(components).length > 0) await deploy(`node-groups/${name}`, components);
  const { body } = await expecting(200, api.call<{ thingGroup: string }>("GET", `${ws}/node-groups/${name}`));
  return { id: subject.id, thing: body.thingGroup };
};

const aDevice = async (name: string, groups: readonly string[]): Promise<NewNode> => {
  const node = await aNode(api, ws, name, { groups });
  fleet.start({ token: node.token, run: true });
  return node;
};

const statusOf = async (node: string): Promise<NodeDeploymentStatus> =>
  (await expecting(200, api.call<NodeDeploymentStatus>("GET", `${ws}/nodes/${node}/deployment-status`))).body;
const becomes = (node: string, state: string) =>
  until(
    async () => {
      const status = await statusOf(node);
      return status.state === state && status;
    },
    { what: `${node} to be ${state}`, deadlineMs: 60_000 },
  );
const groupStatus = async (group: string): Promise<DeploymentStatus> =>
  (await expecting(200, api.call<DeploymentStatus>("GET", `${ws}/node-groups/${group}/deployment/status`))).body;
const nodesOf = async (group: string, query = ""): Promise<StatusOfNode[]> =>
  (
    await expecting(
      200,
      api.call<{ items: StatusOfNode[] }>("GET", `${ws}/node-groups/${group}/deployment/nodes${query}`),
    )
  ).body.items;

const drifts = driftsOf(() => ({ cloud, api, workspace: ws }));
const { sweep, found, gone, path, deployPast, groupsOf, generationOf } = drifts;
const drift = drifts.list;
const refused = async (one: Drift, remedy: "repair" | "adopt") => {
  const { status, body } = await api.call<{ code: string; detail: string }>("POST", path(one, remedy));
  expect([status, body.code]).toEqual([409, `cannot-${remedy}`]);
  expect(one[remedy]).toEqual({ possible: false, reason: body.detail });
  expect((await drift()).map(({ id }) => id)).toContain(one.id);
};

describe("how a deployment went", () => {
  test("is told for each node: what is wanted, delivered and reported, the device's error, and since when one is away", async () => {
    await aGroup("plant", { [APP]: "1.0.0" });
    await aDevice("good", ["plant"]);
    await aNode(api, ws, "away", { groups: ["plant"] });
    const good = await becomes("good", "succeeded");
    expect(good).toMatchObject({
      wanted: { components: { [APP]: "1.0.0" } },
      delivered: { components: { [APP]: "1.0.0" }, sequence: expect.any(Number) },
      reported: {
        deployment: { status: "SUCCEEDED" },
        components: [{ name: APP, version: "1.0.0", state: expect.any(String) }],
      },
      agrees: { delivered: true, reported: true },
      way: { arrived: true },
      drift: [],
    });
    expect(good.delivered?.hash).toBe(good.wanted.hash);
    expect(good.reported.deployment?.deploymentId).toBe(good.delivered?.deploymentId);
    const away = await statusOf("away");
    const { body } = await expecting(200, api.call<{ createdAt: string }>("GET", `${ws}/nodes/away`));
    expect([away.state, away.since]).toEqual(["unreachable", body.createdAt]);
    // The node that is away keeps no other from being delivered to.
    await deploy("node-groups/plant", { [APP]: "2.0.0" });
    await becomes("good", "succeeded");
    expect((await statusOf("good")).reported.components).toMatchObject([{ name: APP, version: "2.0.0" }]);
    expect(await groupStatus("plant")).toMatchObject({
      nodes: 2,
      succeeded: 1,
      inProgress: 0,
      failed: 0,
      unreachable: 1,
      cells: [{ nodes: { wanted: 2, delivered: 2, waiting: 0 } }],
    });

    await deploy("node-groups/plant", { [BAD]: "1.0.0" });
    const bad = await becomes("good", "failed");
    expect(bad.error).toBe(bad.reported.deployment?.reason);
    expect(bad.error).toContain("FAILED");
    expect(bad.errors?.length).toBeGreaterThan(0);
    expect(bad.agrees).toEqual({ delivered: true, reported: false });
    expect(await groupStatus("plant")).toMatchObject({ failed: 1, unreachable: 1, succeeded: 0 });
    expect(await nodesOf("plant")).toMatchObject([
      { name: "good", state: "failed", error: bad.error, errors: bad.errors },
      { name: "away", state: "unreachable", since: away.since },
    ]);
    expect(await nodesOf("plant", "?state=failed")).toMatchObject([{ name: "good" }]);
    expect(await nodesOf("plant", "?state=succeeded")).toEqual([]);
    // It is mended by the next deployment.
    await deploy("node-groups/plant", { [BAD]: null });
    await becomes("good", "succeeded");
  });

  test("is found by the sweep where the events are lost, and told by pages", async () => {
    await aGroup("deaf", { [APP]: "1.0.0" });
    const node = await aDevice("unheard", ["deaf"]);
    await becomes("unheard", "succeeded");
    await control.arm("lambda:local-note-reports", "Lost", 500);
    await deploy("node-groups/deaf", { [APP]: "2.0.0" });
    await until(async () => (await greengrassOf(() => cloud).installed(node.thing))[APP]?.startsWith("2.0.0"), {
      what: "the device to run the new version",
      deadlineMs: 60_000,
    });
    expect((await statusOf("unheard")).state).toBe("in-progress");
    await sweep();
    const seen = await becomes("unheard", "succeeded");
    expect(seen.reported.components).toMatchObject([{ name: APP, version: "2.0.0" }]);
    expect(seen.reported.device).toMatchObject({ status: "HEALTHY" });
    await aNode(api, ws, "second", { groups: ["deaf"] });
    const first = await expecting(
      200,
      api.call<{ items: StatusOfNode[]; nextCursor: string }>("GET", `${ws}/node-groups/deaf/deployment/nodes?limit=1`),
    );
    expect(first.body.items).toMatchObject([{ name: "unheard" }]);
    const rest = await nodesOf("deaf", `?limit=1&cursor=${encodeURIComponent(first.body.nextCursor)}`);
    expect(rest).toMatchObject([{ name: "second" }]);
  });
});

describe("drift", () => {
  test("nothing is told of what is as Slipway made it", async () => {
    await sweep();
    expect(await drift()).toEqual([]);
  });

  test("of memberships is found, put right, and of a node group's adopted", async () => {
    const [east, west] = [await aGroup("east", { [APP]: "1.0.0" }), await aGroup("west")];
    const { id, thing } = await aDevice("rover", ["east"]);
    await becomes("rover", "succeeded");
    const cell = await generationOf("rover");
    const leave = (group: string) =>
      cloud.iot.send(new RemoveThingFromThingGroupCommand({ thingName: thing, thingGroupName: group }));
    const join = (group: string) =>
      cloud.iot.send(new AddThingToThingGroupCommand({ thingName: thing, thingGroupName: group }));

    await leave(cell.name);
    const out = await found("cell-membership", id);
    expect((await statusOf("rover")).drift).toEqual([out]);
    expect((await expecting(200, api.call("GET", path(out)))).body).toEqual(out);
    await refused(out, "adopt");
    await api.done("POST", path(out, "repair"));
    expect(await groupsOf(thing)).toContain(cell.name);
    await gone(out);

    await leave(east.thing);
    const left = await found("group-membership", id);
    await api.done("POST", path(left, "repair"));
    expect(await groupsOf(thing)).toContain(east.thing);
    await gone(left);

    await join(west.thing);
    const joined = await found("group-membership", id);
    expect(joined.adopt).toEqual({ possible: true });
    await api.done("POST", path(joined, "adopt"));
    const { body } = await api.call<{ groups: string[] }>("GET", `${ws}/nodes/rover`);
    expect(body.groups.sort()).toEqual([east.id, west.id].sort());
    for (const answer of [api.call("GET", path(joined)), api.call("POST", path(joined, "adopt"))]) {
      const { status, body } = await answer;
      expect([status, body.detail]).toEqual([404, `there is no drift ${joined.id}`]);
    }
    await becomes("rover", "succeeded");
    await gone(joined);
  });

  test("of a cell's deployment is found, put right, and adopted where one deployment alone is delivered", async () => {
    await aGroup("mill", { [APP]: "1.0.0" });
    await aDevice("wheel", ["mill"]);
    await becomes("wheel", "succeeded");
    const { id, arn, delivered } = await generationOf("wheel");
    await deployPast(arn, { [APP]: "2.0.0" });
    const other = await found("cell-deployment", id);
    expect(other.adopt).toEqual({ possible: true });
    await api.done("POST", path(other, "repair"));
    expect((await drift()).map((one) => one.id)).not.toContain(other.id);
    const again = await generationOf("wheel");
    expect(again.delivered).toMatchObject({ hash: delivered?.hash, sequence: (delivered?.sequence ?? 0) + 1 });
    await becomes("wheel", "succeeded");
    expect((await statusOf("wheel")).reported.components).toMatchObject([{ name: APP, version: "1.0.0" }]);

    await deployPast(arn, { [APP]: "2.0.0" });
    const wanted = await found("cell-deployment", id);
    await api.done("POST", path(wanted, "adopt"));
    const { body } = await api.call<{ components: object; change: object }>("GET", `${ws}/node-groups/mill/deployment`);
    expect(body).toMatchObject({ components: { [APP]: { version: "2.0.0" } }, change: { kind: "patch" } });
    await becomes("wheel", "succeeded");
    await gone(wanted);
    expect((await statusOf("wheel")).reported.components).toMatchObject([{ name: APP, version: "2.0.0" }]);

    const deploymentId = (await generationOf("wheel")).delivered?.deploymentId ?? "";
    await cloud.greengrass.send(new CancelDeploymentCommand({ deploymentId }));
    const cancelled = await found("cell-deployment", id);
    expect(cancelled.detail).toContain("cancelled");
    await refused(cancelled, "adopt");
    await cloud.greengrass.send(new DeleteDeploymentCommand({ deploymentId }));
    await api.done("POST", path(cancelled, "repair"));
    await gone(cancelled);
  });

  test("of a cell that several deployments make cannot be adopted; nor what no version of Slipway's says", async () => {
    await aGroup("upper", { [APP]: "1.0.0" });
    await aGroup("lower");
    await aDevice("both", ["upper", "lower"]);
    await becomes("both", "succeeded");
    const cell = await generationOf("both");
    await deployPast(cell.arn, { [APP]: "2.0.0" });
    const torn = await found("cell-deployment", cell.id);
    await refused(torn, "adopt");
    await api.done("POST", path(torn, "repair"));
    await gone(torn);

    await makeVersion("org.elsewhere.App", "1.0.0", { Manifests: [{}] });
    await aNode(api, ws, "upper-only", { groups: ["upper"] });
    const single = await generationOf("upper-only");
    await deployPast(single.arn, { [APP]: "1.0.0", "org.elsewhere.App": "1.0.0" });
    const foreign = await found("cell-deployment", single.id);
    const answer = await api.call<{ code: string }>("POST", path(foreign, "adopt"));
    expect([answer.status, answer.body.code]).toEqual([422, "unresolvable"]);
    await api.done("POST", path(foreign, "repair"));
    await gone(foreign);
  });

  test("of thing groups that were deleted is put right, and their nodes come back", async () => {
    const group = await aGroup("lost", { [APP]: "1.0.0" });
    const { thing } = await aDevice("orphan", ["lost"]);
    await becomes("orphan", "succeeded");
    const cell = await generationOf("orphan");
    for (const thingGroupName of [cell.name, group.thing])
      await cloud.iot.send(new DeleteThingGroupCommand({ thingGroupName }));
    for (const [kind, subject] of [
      ["cell-missing", cell.id],
      ["group-missing", group.id],
    ] as const) {
      const missing = await found(kind, subject);
      await refused(missing, "adopt");
      await api.done("POST", path(missing, "repair"));
      expect((await drift()).map((one) => one.id)).not.toContain(missing.id);
    }
    await until(
      async () => {
        const groups = await groupsOf(thing);
        return groups.includes(cell.name) && groups.includes(group.thing);
      },
      { what: "the node to be in its thing groups again", deadlineMs: 60_000 },
    );
    await becomes("orphan", "succeeded");
    await until(
      async () => {
        await sweep();
        return (await statusOf("orphan")).drift.length === 0;
      },
      { what: "nothing to be told of the node", deadlineMs: 60_000 },
    );
  });

  test("of deployments for a thing or a node group's thing group is found and taken back", async () => {
    const group = await aGroup("direct", { [APP]: "1.0.0" });
    const { id, thing } = await aDevice("target", ["direct"]);
    await becomes("target", "succeeded");
    const { region, accountId } = cloud.endpoints;
    for (const [kind, subject, arn] of [
      ["group-deployment", group.id, groupArn(group.thing)],
      ["thing-deployment", id, `arn:aws:iot:${region}:${accountId}:thing/${thing}`],
    ] as const) {
      await deployPast(arn, { [APP]: "1.0.0" });
      const beside = await found(kind, subject);
      await refused(beside, "adopt");
      await api.done("POST", path(beside, "repair"));
      expect((await drift()).map((one) => one.id)).not.toContain(beside.id);
      await gone(beside);
    }
    await becomes("target", "succeeded");
  });

  test("of what is not Slipway's is shown, with what to do", async () => {
    await aGroup("house", { [APP]: "1.0.0" });
    const { id, thing } = await aDevice("host", ["house"]);
    await becomes("host", "succeeded");
    const cell = await generationOf("host");
    const [thingName, thingGroupName] = ["a-stranger", "foreign-group"];
    await cloud.iot.send(new CreateThingCommand({ thingName }));
    await cloud.iot.send(new AddThingToThingGroupCommand({ thingName, thingGroupName: cell.name }));
    const stranger = await found("cell-stranger", cell.id);
    await refused(stranger, "repair");
    await refused(stranger, "adopt");
    await cloud.iot.send(new RemoveThingFromThingGroupCommand({ thingName, thingGroupName: cell.name }));
    await gone(stranger);

    await cloud.iot.send(new CreateThingGroupCommand({ thingGroupName }));
    await cloud.iot.send(new AddThingToThingGroupCommand({ thingName: thing, thingGroupName }));
    await makeVersion("org.foreign.Tool", "1.0.0", { Manifests: [{}] });
    await deployPast(groupArn(thingGroupName), { "org.foreign.Tool": "1.0.0" });
    const foreign = await found("foreign-deployment", id);
    await refused(foreign, "repair");
    const components = await found("components", id);
    expect(components.detail).toContain("org.foreign.Tool 1.0.0, which is not wanted");
    await cloud.iot.send(new RemoveThingFromThingGroupCommand({ thingName: thing, thingGroupName }));
    await gone(foreign);
    await api.done("POST", path(components, "repair"));
    await gone(components);
    expect((await statusOf("host")).agrees).toEqual({ delivered: true, reported: true });
  });
});
