import {
  AddThingToThingGroupCommand,
  CancelJobCommand,
  CreateThingCommand,
  DeleteJobCommand,
  DescribeJobCommand,
  RemoveThingFromThingGroupCommand,
} from "@aws-sdk/client-iot";
import { describe, expect, test } from "vitest";
import { until } from "../until.ts";
import { ACCOUNT, health, REGION } from "./support.ts";
import { NAMESPACE, withIot } from "./with-iot.ts";

const both = withIot();
const { fleet, deploy, effective, statuses, jobStatus, deploymentStatus } = both;

describe("a deployment to a group", () => {
  test("is a continuous job in Greengrass's namespace, with the document that a nucleus reads", async () => {
    const target = await fleet("documents", "document-core");
    const { iotJobId, deploymentId } = await both.one.client.createDeployment({
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
    const { job } = await both.send(new DescribeJobCommand({ jobId: iotJobId }));
    expect(job).toMatchObject({
      targets: [target],
      targetSelection: "CONTINUOUS",
      status: "IN_PROGRESS",
      namespaceId: NAMESPACE,
      jobExecutionsRolloutConfig: { maximumPerMinute: 50 },
      timeoutConfig: { inProgressTimeoutInMinutes: 5 },
    });
    const pending = both.iot.jobs.next("document-core", NAMESPACE);
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
    for (const thing of ["good", "bad"]) both.iot.jobs.update(thing, iotJobId, "IN_PROGRESS");
    expect(await statuses("good")).toEqual(["IN_PROGRESS"]);
    both.iot.jobs.update("good", iotJobId, "SUCCEEDED", {
      statusDetails: { "detailed-deployment-status": "SUCCESSFUL" },
    });
    both.iot.jobs.update("bad", iotJobId, "FAILED", {
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
    both.one.server.devices.reportHealth(
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
    const told = both.one.events.filter(
      ({ detail }) => (detail as { deploymentId?: string }).deploymentId === deploymentId,
    );
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
    const { coreDevices } = await both.one.client.listCoreDevices({ thingGroupArn: target });
    expect(coreDevices).toMatchObject([{ coreDeviceThingName: "good" }]);
  });

  test("a new revision cancels what has not begun, and leaves what has", async () => {
    const target = await fleet("superseded", "idle", "busy");
    const first = await deploy(target);
    both.iot.jobs.update("busy", first.iotJobId ?? "", "IN_PROGRESS");
    const second = await deploy(target);
    expect([await jobStatus(first.iotJobId), await jobStatus(second.iotJobId)]).toEqual(["CANCELED", "IN_PROGRESS"]);
    expect(await deploymentStatus(first.deploymentId)).toBe("INACTIVE");
    expect((await statuses("idle")).sort()).toEqual(["CANCELED", "QUEUED"]);
    expect((await statuses("busy")).sort()).toEqual(["IN_PROGRESS", "QUEUED"]);
    expect(both.iot.jobs.next("idle", NAMESPACE)?.jobId).toBe(second.iotJobId);
  });

  test("when it is canceled, so is its job, and a late joiner gets nothing", async () => {
    const target = await fleet("canceled", "early");
    const { iotJobId, deploymentId } = await deploy(target);
    await both.one.client.cancelDeployment({ deploymentId });
    expect([await jobStatus(iotJobId), await deploymentStatus(deploymentId)]).toEqual(["CANCELED", "CANCELED"]);
    expect(await statuses("early")).toEqual(["CANCELED"]);
    await both.send(new CreateThingCommand({ thingName: "late" }));
    await both.send(new AddThingToThingGroupCommand({ thingName: "late", thingGroupName: "canceled" }));
    expect(both.iot.jobs.next("late", NAMESPACE)).toBeUndefined();
  });

  test("is no deployment of a thing that left the group before it began", async () => {
    const target = await fleet("left", "leaver");
    await deploy(target);
    await both.send(new RemoveThingFromThingGroupCommand({ thingName: "leaver", thingGroupName: "left" }));
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
    both.iot.jobs.update("culprit", iotJobId, "FAILED");
    await until(async () => (await deploymentStatus(deploymentId)) === "FAILED", { what: "the deployment to fail" });
    expect(await statuses("spared")).toEqual(["CANCELED"]);
  });

  test("is canceled with a job that someone cancels in AWS IoT, and gives way to the next when that job is deleted", async () => {
    const target = await fleet("meddled", "meddled-core");
    const { iotJobId: jobId, deploymentId } = await deploy(target);
    await both.send(new CancelJobCommand({ jobId }));
    expect(await deploymentStatus(deploymentId)).toBe("CANCELED");
    const second = await deploy(target);
    await both.send(new DeleteJobCommand({ jobId: second.iotJobId, force: true }));
    const third = await deploy(target);
    expect(await jobStatus(third.iotJobId)).toBe("IN_PROGRESS");
  });
});
