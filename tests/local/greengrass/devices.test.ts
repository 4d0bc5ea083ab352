import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { health, refusal, type Stage, stage, thingArn } from "./support.ts";

let one: Stage;
beforeAll(async () => {
  one = await stage(() => ({ targetExists: (arn) => !arn.endsWith("/stranger") }));
});
afterAll(() => one.end());

const component = (componentName: string, more: object = {}) => ({
  componentName,
  version: "1.0.0",
  fleetConfigArns: ["arn:aws:greengrass:eu-central-1:123456789012:configuration:thinggroup/g:1"],
  isRoot: true,
  status: "RUNNING",
  statusDetails: null,
  ...more,
});

const report = (thing: string, sequence: number, more: object = {}) =>
  one.server.devices.reportHealth(thing, health(thing, sequence, more));

const installed = async (coreDeviceThingName: string) =>
  (await one.client.listInstalledComponents({ coreDeviceThingName, topologyFilter: "ALL" })).installedComponents ?? [];
const names = async (thing: string) => (await installed(thing)).map(({ componentName }) => componentName);

const eventsOf = (thing: string) =>
  one.events.filter(({ resources = [] }) => resources.some((arn) => arn.endsWith(`:coreDevices:${thing}`)));

describe("a complete message", () => {
  test("takes the place of what was known", async () => {
    report("complete", 1, { components: [component("a"), component("b")] });
    report("complete", 2, {
      ggcVersion: "2.17.0",
      runtime: "aws_nucleus_lite",
      overallDeviceStatus: "UNHEALTHY",
      components: [component("b"), component("c", { status: "FINISHED", isRoot: false })],
    });
    expect(await names("complete")).toEqual(["b", "c"]);
    expect(await one.client.getCoreDevice({ coreDeviceThingName: "complete" })).toMatchObject({
      coreVersion: "2.17.0",
      runtime: "aws_nucleus_lite",
      status: "UNHEALTHY",
      lastStatusUpdateTimestamp: new Date(1_700_000_002_000),
    });
  });

  test("in chunks takes it when the last is there", async () => {
    report("chunks", 1, { components: [component("old"), component("kept")] });
    const chunk = (chunkId: number, name: string) =>
      report("chunks", 2, { chunkInfo: { chunkId, totalChunks: 2 }, components: [component(name)] });
    expect(chunk(1, "new")).toBe(true);
    expect(await names("chunks")).toEqual(["kept", "new", "old"]);
    expect(chunk(2, "kept")).toBe(true);
    expect(await installed("chunks")).toMatchObject([
      { componentName: "kept", lastStatusChangeTimestamp: new Date(1_700_000_001_000) },
      { componentName: "new" },
    ]);
  });
});

describe("a partial message", () => {
  test("changes what it names, and keeps the time of the last change of the rest", async () => {
    report("partial", 1, { components: [component("a"), component("b")] });
    report("partial", 2, {
      messageType: "PARTIAL",
      trigger: "COMPONENT_STATUS_CHANGE",
      components: [component("a"), component("b", { status: "STOPPING" })],
    });
    expect(await installed("partial")).toMatchObject([
      { lastStatusChangeTimestamp: new Date(1_700_000_001_000), lastReportedTimestamp: new Date(1_700_000_002_000) },
      { lifecycleState: "STOPPING", lastStatusChangeTimestamp: new Date(1_700_000_002_000) },
    ]);
  });

  test("of a deployment says what brought components, and takes away what belongs to none", async () => {
    report("deployed", 1, { components: [component("kept"), component("gone"), component("local")] });
    report("deployed", 2, {
      messageType: "PARTIAL",
      trigger: "THING_GROUP_DEPLOYMENT",
      components: [component("new"), component("gone", { fleetConfigArns: [], isRoot: false, status: "FINISHED" })],
      deploymentInformation: { status: "SUCCEEDED", deploymentId: "d-1", unchangedRootComponents: ["kept"] },
    });
    expect(await installed("deployed")).toMatchObject([
      { componentName: "kept", lastInstallationSource: "d-1", lastReportedTimestamp: new Date(1_700_000_002_000) },
      { componentName: "local", lastReportedTimestamp: new Date(1_700_000_001_000) },
      { componentName: "new", lastInstallationSource: "d-1" },
    ]);
  });
});

test("what came late or again counts for nothing; what a nucleus that was set up anew sends, counts", async () => {
  expect(report("order", 5, { components: [component("a")] })).toBe(true);
  expect(report("order", 5, { components: [] })).toBe(false);
  expect(report("order", 4, { components: [] })).toBe(false);
  expect(await names("order")).toEqual(["a"]);
  const anew = { trigger: "NUCLEUS_LAUNCH", components: [component("b")] };
  expect(report("order", 1, { ...anew, timestamp: 1_600_000_000_000 })).toBe(false);
  expect(report("order", 1, { ...anew, timestamp: 1_800_000_000_000 })).toBe(true);
  expect(await names("order")).toEqual(["b"]);
});

test.each([
  ["of another thing", { thing: "someone-else" }],
  ["without a sequence number", { sequenceNumber: undefined }],
  ["of another type", { messageType: "SOME" }],
  ["with a component in no state", { components: [component("a", { status: "IDLE" })] }],
])("a message %s is refused, and makes no core device", async (_note, more) => {
  expect(() => report("refused", 1, more)).toThrow(/thing|sequenceNumber|messageType|status/);
  await expect(one.client.getCoreDevice({ coreDeviceThingName: "refused" })).rejects.toMatchObject(
    refusal("ResourceNotFoundException", 404),
  );
});

test("EventBridge hears of a component that breaks, once, and of all that a deployment reports", () => {
  const broken = component("bad", {
    status: "BROKEN",
    statusDetails: { statusCodes: ["STARTUP_ERROR"], statusReason: "exit code 1" },
  });
  report("events", 1, { components: [component("good")] });
  report("events", 2, { messageType: "PARTIAL", trigger: "BROKEN_COMPONENT", components: [broken] });
  report("events", 3, { messageType: "PARTIAL", trigger: "RECONNECT", components: [broken] });
  report("events", 4, {
    messageType: "PARTIAL",
    trigger: "THING_GROUP_DEPLOYMENT",
    components: [component("good", { version: "1.0.1" })],
    deploymentInformation: { status: "SUCCEEDED" },
  });
  expect(eventsOf("events")).toEqual([
    {
      source: "aws.greengrass",
      "detail-type": "Greengrass V2 Installed Component Status Change",
      resources: ["arn:aws:greengrass:eu-central-1:123456789012:coreDevices:events"],
      detail: {
        components: [
          {
            componentName: "bad",
            componentVersion: "1.0.0",
            root: true,
            lifecycleState: "BROKEN",
            lifecycleStatusCodes: ["STARTUP_ERROR"],
            lifecycleStateDetails: "exit code 1",
          },
        ],
      },
    },
    expect.objectContaining({
      detail: { components: [expect.objectContaining({ componentName: "good", componentVersion: "1.0.1" })] },
    }),
  ]);
});

describe("a deployment to one thing", () => {
  const deploy = async (thing: string) => {
    report(thing, 1);
    const { deploymentId = "" } = await one.client.createDeployment({ targetArn: thingArn(thing) });
    return deploymentId;
  };
  const status = async (thing: string) => {
    const { effectiveDeployments = [] } = await one.client.listEffectiveDeployments({ coreDeviceThingName: thing });
    return effectiveDeployments.map(({ coreDeviceExecutionStatus }) => coreDeviceExecutionStatus);
  };
  const outcome = (thing: string, sequence: number, deploymentInformation: object) =>
    report(thing, sequence, { messageType: "PARTIAL", trigger: "THING_DEPLOYMENT", deploymentInformation });

  test.each([
    ["SUCCEEDED", "COMPLETED", "COMPLETED"],
    ["FAILED", "FAILED", "FAILED"],
    ["REJECTED", "REJECTED", "FAILED"],
    ["IN_PROGRESS", "IN_PROGRESS", "ACTIVE"],
  ])("that the device reports as %s", async (reported, onDevice, deploymentStatus) => {
    const thing = `ends-${reported.toLowerCase()}`;
    const deploymentId = await deploy(thing);
    expect(await status(thing)).toEqual(["QUEUED"]);
    outcome(thing, 2, { deploymentId, status: reported });
    expect(await status(thing)).toEqual([onDevice]);
    expect(await one.client.getDeployment({ deploymentId })).toMatchObject({ deploymentStatus });
  });

  test("can be named by its configuration's ARN", async () => {
    await deploy("by-arn");
    const fleetConfigurationArnForStatus = "arn:aws:greengrass:eu-central-1:123456789012:configuration:thing/by-arn:1";
    outcome("by-arn", 2, { status: "SUCCEEDED", fleetConfigurationArnForStatus });
    expect(await status("by-arn")).toEqual(["COMPLETED"]);
  });

  test("is nothing that another thing can end", async () => {
    const deploymentId = await deploy("owner");
    report("other", 1);
    outcome("other", 2, { deploymentId, status: "SUCCEEDED" });
    expect(await one.client.getDeployment({ deploymentId })).toMatchObject({ deploymentStatus: "ACTIVE" });
    expect(await status("owner")).toEqual(["QUEUED"]);
  });

  test("leaves the thing's queue when another takes its place, or it is canceled", async () => {
    await deploy("queue");
    const { deploymentId } = await one.client.createDeployment({ targetArn: thingArn("queue") });
    expect((await status("queue")).sort()).toEqual(["CANCELED", "QUEUED"]);
    await one.client.cancelDeployment({ deploymentId });
    expect(await status("queue")).toEqual(["CANCELED", "CANCELED"]);
  });
});

test("a core device that is deleted is gone with all it had, until it reports again", async () => {
  report("deleted", 1, { components: [component("a")] });
  const resourceArn = "arn:aws:greengrass:eu-central-1:123456789012:coreDevices:deleted";
  await one.client.tagResource({ resourceArn, tags: { site: "north" } });
  expect(await one.client.getCoreDevice({ coreDeviceThingName: "deleted" })).toMatchObject({ tags: { site: "north" } });
  await one.client.deleteCoreDevice({ coreDeviceThingName: "deleted" });
  await expect(one.client.listInstalledComponents({ coreDeviceThingName: "deleted" })).rejects.toMatchObject(
    refusal("ResourceNotFoundException", 404),
  );
  report("deleted", 2, { messageType: "PARTIAL" });
  expect(await names("deleted")).toEqual([]);
  expect(await one.client.getCoreDevice({ coreDeviceThingName: "deleted" })).toMatchObject({ tags: {} });
});

test("listings come in pages without gaps", async () => {
  const all = await stage();
  try {
    const report = (thing: string, more: object = {}) => all.server.devices.reportHealth(thing, health(thing, 1, more));
    for (const thing of ["p1", "p2", "p3"])
      report(thing, { components: ["x", "y", "z"].map((name) => component(name)) });
    for (let count = 0; count < 3; count += 1) await all.client.createDeployment({ targetArn: thingArn("p1") });
    await all.client.batchAssociateClientDeviceWithCoreDevice({
      coreDeviceThingName: "p1",
      entries: ["c1", "c2", "c3"].map((thingName) => ({ thingName })),
    });
    const coreDeviceThingName = "p1";
    type Page = { nextToken?: string | undefined };
    const walk = async <P extends Page>(next: (page: { maxResults: number; nextToken?: string }) => Promise<P>) => {
      const pages: P[] = [];
      let token: string | undefined;
      do {
        pages.push(await next({ maxResults: 2, ...(token !== undefined && { nextToken: token }) }));
        token = pages.at(-1)?.nextToken;
      } while (token !== undefined);
      return pages;
    };
    const { client } = all;
    const cores = await walk((page) => client.listCoreDevices(page));
    const components = await walk((page) => client.listInstalledComponents({ coreDeviceThingName, ...page }));
    const deployments = await walk((page) => client.listEffectiveDeployments({ coreDeviceThingName, ...page }));
    const clients = await walk((page) =>
      client.listClientDevicesAssociatedWithCoreDevice({ coreDeviceThingName, ...page }),
    );
    const ids = [
      cores.map(({ coreDevices = [] }) => coreDevices.map((item) => item.coreDeviceThingName)),
      components.map(({ installedComponents = [] }) => installedComponents.map((item) => item.componentName)),
      deployments.map(({ effectiveDeployments = [] }) => effectiveDeployments.map((item) => item.deploymentId)),
      clients.map(({ associatedClientDevices = [] }) => associatedClientDevices.map((item) => item.thingName)),
    ];
    for (const pages of ids) {
      expect(pages.map((page) => page.length)).toEqual([2, 1]);
      expect(new Set(pages.flat()).size).toBe(3);
    }
  } finally {
    await all.end();
  }
});

test("a thing that there is not can neither be associated nor have associations", async () => {
  report("gateway", 1);
  const { errorEntries } = await one.client.batchAssociateClientDeviceWithCoreDevice({
    coreDeviceThingName: "gateway",
    entries: [{ thingName: "sensor" }, { thingName: "stranger" }],
  });
  expect(errorEntries).toMatchObject([{ thingName: "stranger", code: "ResourceNotFoundException" }]);
  await expect(
    one.client.listClientDevicesAssociatedWithCoreDevice({ coreDeviceThingName: "stranger" }),
  ).rejects.toMatchObject(refusal("ResourceNotFoundException", 404));
});

test("what devices reported is there after a restart", async () => {
  report("restarted", 7, { components: [component("a")] });
  await one.stop();
  await one.start();
  expect(await names("restarted")).toEqual(["a"]);
  expect(report("restarted", 7)).toBe(false);
});
