import { join } from "node:path";
import {
  AddThingToThingGroupCommand,
  CancelJobCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DeleteJobCommand,
  DescribeJobCommand,
  IoTClient,
  RemoveThingFromThingGroupCommand,
} from "@aws-sdk/client-iot";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Faults } from "../../../local/faults.ts";
import type { IotServer } from "../../../local/iot/server.ts";
import { startIot } from "../../../local/iot/server.ts";
import { openDatabase } from "../../../local/sqlite.ts";
import { until } from "../until.ts";
import { ACCOUNT, groupArn, health, publish, REGION, type Stage, stage } from "./support.ts";

const NAMESPACE = "aws-gg-deployment";
let one: Stage;
let iot: IotServer;
let iotClient: IoTClient;

const openIot = async (dir: string) => {
  iot = await startIot({
    dir: join(dir, "iot"),
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    faults: new Faults(),
    thingTypeCooldownMs: 0,
    endpoints: { data: "d", credentials: "c", jobs: "j" },
  });
  iotClient = new IoTClient({
    endpoint: iot.url,
    region: REGION,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
};

beforeAll(async () => {
  // The first start has no IoT yet: its folder is not known before.
  one = await stage(() => (iot === undefined ? {} : { jobs: iot.jobs, targetExists: (arn) => iot.hasTarget(arn) }));
  await one.stop();
  await openIot(one.dir);
  await one.start();
  await publish(one.client, "app");
});
afterAll(async () => {
  await one.end();
  iotClient.destroy();
  await iot.close();
});

const restart = async () => {
  await one.stop();
  iotClient.destroy();
  await iot.close();
  await openIot(one.dir);
  await one.start();
};

/** A group with things in it that are core devices. */
const fleet = async (name: string, ...things: string[]): Promise<string> => {
  await iotClient.send(new CreateThingGroupCommand({ thingGroupName: name }));
  for (const thingName of things) {
    await iotClient.send(new CreateThingCommand({ thingName }));
    await iotClient.send(new AddThingToThingGroupCommand({ thingName, thingGroupName: name }));
    one.server.devices.reportHealth(thingName, health(thingName, 1));
  }
  return groupArn(name);
};

const APP = { app: { componentVersion: "1.0.0" } };
const deploy = (targetArn: string, more: object = {}) =>
  one.client.createDeployment({ targetArn, deploymentName: "named", components: APP, ...more });

const effective = async (coreDeviceThingName: string) => {
  const { effectiveDeployments = [] } = await one.client.listEffectiveDeployments({ coreDeviceThingName });
  return effectiveDeployments;
};
const statuses = async (thing: string) =>
  (await effective(thing)).map(({ coreDeviceExecutionStatus }) => coreDeviceExecutionStatus);

const jobStatus = async (jobId: string | undefined) =>
  (await iotClient.send(new DescribeJobCommand({ jobId }))).job?.status;

const deploymentStatus = async (deploymentId: string | undefined) =>
  (await one.client.getDeployment({ deploymentId })).deploymentStatus;

describe("a deployment to a group", () => {
  test("is a continuous job in Greengrass's namespace, with the document that a nucleus reads", async () => {
    const target = await fleet("documents", "document-core");
    const { iotJobId, deploymentId } = await one.client.createDeployment({
      targetArn: target,
      components: {
        app: {
          componentVersion: "1.0.0",
          configurationUpdate: { merge: JSON.stringify({ port: 1 }), reset: ["/host"] },
          runWith: { posixUser: "ggc:ggc", systemResourceLimits: { cpus: 0.5, memory: 1024 } },
        },
      },
      deploymentPolicies: { failureHandlingPolicy: "DO_NOTHING" },
      iotJobConfiguration: {
        jobExecutionsRolloutConfig: { maximumPerMinute: 50 },
        timeoutConfig: { inProgressTimeoutInMinutes: 5 },
      },
    });
    const { job } = await iotClient.send(new DescribeJobCommand({ jobId: iotJobId }));
    expect(job).toMatchObject({
      targets: [target],
      targetSelection: "CONTINUOUS",
      status: "IN_PROGRESS",
      namespaceId: NAMESPACE,
      jobExecutionsRolloutConfig: { maximumPerMinute: 50 },
      timeoutConfig: { inProgressTimeoutInMinutes: 5 },
    });
    const pending = iot.jobs.next("document-core", NAMESPACE);
    expect(JSON.parse(pending?.document ?? "")).toEqual({
      deploymentId,
      configurationArn: `arn:aws:greengrass:${REGION}:${ACCOUNT}:configuration:thinggroup/documents:1`,
      components: {
        app: {
          version: "1.0.0",
          configurationUpdate: { merge: { port: 1 }, reset: ["/host"] },
          runWith: { posixUser: "ggc:ggc", systemResourceLimits: { cpus: 0.5, memory: 1024 } },
        },
      },
      creationTimestamp: expect.any(Number),
      failureHandlingPolicy: "DO_NOTHING",
      componentUpdatePolicy: { timeout: 60, action: "NOTIFY_COMPONENTS" },
      configurationValidationPolicy: { timeout: 30 },
      requiredCapabilities: ["LINUX_RESOURCE_LIMITS"],
    });
  });

  test("shows on each device as the device goes on with it, and tells EventBridge of the end", async () => {
    const target = await fleet("progress", "good", "bad");
    const { iotJobId = "", deploymentId } = await deploy(target);
    expect([await statuses("good"), await statuses("bad")]).toEqual([["QUEUED"], ["QUEUED"]]);
    for (const thing of ["good", "bad"]) iot.jobs.update(thing, iotJobId, "IN_PROGRESS");
    expect(await statuses("good")).toEqual(["IN_PROGRESS"]);
    iot.jobs.update("good", iotJobId, "SUCCEEDED", { statusDetails: { "detailed-deployment-status": "SUCCESSFUL" } });
    iot.jobs.update("bad", iotJobId, "FAILED", {
      statusDetails: {
        "detailed-deployment-status": "FAILED_NO_STATE_CHANGE",
        "deployment-failure-cause": "no such file",
        "deployment-error-stack": "[DEPLOYMENT_FAILURE, IO_ERROR]",
        "deployment-error-types": "[DEVICE_ERROR]",
      },
    });
    expect(await effective("good")).toMatchObject([
      { deploymentId, deploymentName: "named", iotJobId, targetArn: target, coreDeviceExecutionStatus: "SUCCEEDED" },
    ]);
    expect(await effective("bad")).toMatchObject([
      {
        coreDeviceExecutionStatus: "FAILED",
        reason: "IO_ERROR: FAILED_NO_STATE_CHANGE: no such file",
        statusDetails: { errorStack: ["DEPLOYMENT_FAILURE", "IO_ERROR"], errorTypes: ["DEVICE_ERROR"] },
      },
    ]);
    // The device's own message adds what the execution's details did not say, and is no further end.
    one.server.devices.reportHealth(
      "bad",
      health("bad", 2, {
        messageType: "PARTIAL",
        trigger: "THING_GROUP_DEPLOYMENT",
        deploymentInformation: { deploymentId, status: "FAILED", statusDetails: { errorTypes: ["COMPONENT_ERROR"] } },
      }),
    );
    expect(await effective("bad")).toMatchObject([
      {
        coreDeviceExecutionStatus: "FAILED",
        reason: "IO_ERROR: FAILED_NO_STATE_CHANGE: no such file",
        statusDetails: { errorTypes: ["COMPONENT_ERROR"] },
      },
    ]);
    // What a group's deployment came to on its devices is nothing that its own status tells.
    expect(await deploymentStatus(deploymentId)).toBe("ACTIVE");
    const told = one.events.filter(({ detail }) => (detail as { deploymentId?: string }).deploymentId === deploymentId);
    expect(told).toEqual([
      {
        source: "aws.greengrass",
        "detail-type": "Greengrass V2 Effective Deployment Status Change",
        resources: [`arn:aws:greengrass:${REGION}:${ACCOUNT}:coreDevices:good`],
        detail: {
          deploymentId,
          coreDeviceExecutionStatus: "SUCCEEDED",
          statusDetails: { errorStack: [], errorTypes: [] },
          reason: "SUCCESSFUL",
        },
      },
      expect.objectContaining({ detail: expect.objectContaining({ coreDeviceExecutionStatus: "FAILED" }) }),
    ]);
    const { coreDevices } = await one.client.listCoreDevices({ thingGroupArn: target });
    expect(coreDevices).toMatchObject([{ coreDeviceThingName: "good" }]);
  });

  test("a new revision cancels what has not begun, and leaves what has", async () => {
    const target = await fleet("superseded", "idle", "busy");
    const first = await deploy(target);
    iot.jobs.update("busy", first.iotJobId ?? "", "IN_PROGRESS");
    const second = await deploy(target);
    expect([await jobStatus(first.iotJobId), await jobStatus(second.iotJobId)]).toEqual(["CANCELED", "IN_PROGRESS"]);
    expect(await deploymentStatus(first.deploymentId)).toBe("INACTIVE");
    expect((await statuses("idle")).sort()).toEqual(["CANCELED", "QUEUED"]);
    expect((await statuses("busy")).sort()).toEqual(["IN_PROGRESS", "QUEUED"]);
    expect(iot.jobs.next("idle", NAMESPACE)?.jobId).toBe(second.iotJobId);
  });

  test("when it is canceled, so is its job, and a late joiner gets nothing", async () => {
    const target = await fleet("canceled", "early");
    const { iotJobId, deploymentId } = await deploy(target);
    await one.client.cancelDeployment({ deploymentId });
    expect([await jobStatus(iotJobId), await deploymentStatus(deploymentId)]).toEqual(["CANCELED", "CANCELED"]);
    expect(await statuses("early")).toEqual(["CANCELED"]);
    await iotClient.send(new CreateThingCommand({ thingName: "late" }));
    await iotClient.send(new AddThingToThingGroupCommand({ thingName: "late", thingGroupName: "canceled" }));
    expect(iot.jobs.next("late", NAMESPACE)).toBeUndefined();
  });

  test("is no deployment of a thing that left the group before it began", async () => {
    const target = await fleet("left", "leaver");
    await deploy(target);
    await iotClient.send(new RemoveThingFromThingGroupCommand({ thingName: "leaver", thingGroupName: "left" }));
    expect(await statuses("leaver")).toEqual([]);
  });

  test("fails when its abort criteria stop the job", async () => {
    const target = await fleet("aborted", "culprit", "spared");
    const { iotJobId = "", deploymentId } = await deploy(target, {
      iotJobConfiguration: {
        abortConfig: {
          criteriaList: [
            { failureType: "FAILED", action: "CANCEL", thresholdPercentage: 10, minNumberOfExecutedThings: 1 },
          ],
        },
      },
    });
    iot.jobs.update("culprit", iotJobId, "FAILED");
    await until(async () => (await deploymentStatus(deploymentId)) === "FAILED", { what: "the deployment to fail" });
    expect(await statuses("spared")).toEqual(["CANCELED"]);
  });

  test("is canceled with a job that someone cancels in AWS IoT, and gives way to the next when that job is deleted", async () => {
    const target = await fleet("meddled", "meddled-core");
    const { iotJobId: jobId, deploymentId } = await deploy(target);
    await iotClient.send(new CancelJobCommand({ jobId }));
    expect(await deploymentStatus(deploymentId)).toBe("CANCELED");
    const second = await deploy(target);
    await iotClient.send(new DeleteJobCommand({ jobId: second.iotJobId, force: true }));
    const third = await deploy(target);
    expect(await jobStatus(third.iotJobId)).toBe("IN_PROGRESS");
  });
});

describe("a process that was killed between the two databases", () => {
  /** What was written down, as it was before AWS IoT was told. */
  const rewind = async (jobId: string | undefined, state: string) => {
    const database = openDatabase(join(one.dir, "greengrass.db"), "");
    database.prepare("UPDATE deployment_jobs SET state = ? WHERE job_id = ?").run(state, jobId ?? "");
    database.close();
  };

  test("makes the job when it starts again", async () => {
    const target = await fleet("lost", "lost-core");
    const { iotJobId: jobId } = await deploy(target);
    await iotClient.send(new DeleteJobCommand({ jobId, force: true }));
    await rewind(jobId, "create");
    await restart();
    expect(await jobStatus(jobId)).toBe("IN_PROGRESS");
    expect(iot.jobs.next("lost-core", NAMESPACE)?.jobId).toBe(jobId);
  });

  test("cancels the job when it starts again", async () => {
    const target = await fleet("uncanceled", "uncanceled-core");
    const { iotJobId } = await deploy(target);
    await rewind(iotJobId, "cancel");
    await restart();
    expect(await jobStatus(iotJobId)).toBe("CANCELED");
  });

  test("catches up with what devices did meanwhile, once", async () => {
    const target = await fleet("missed", "missed-core");
    const { iotJobId = "", deploymentId } = await deploy(target);
    await one.stop();
    iot.jobs.update("missed-core", iotJobId, "SUCCEEDED");
    await one.start();
    expect(await statuses("missed-core")).toEqual(["SUCCEEDED"]);
    await restart();
    const told = one.events.filter(({ detail }) => (detail as { deploymentId?: string }).deploymentId === deploymentId);
    expect(told).toHaveLength(1);
  });
});
