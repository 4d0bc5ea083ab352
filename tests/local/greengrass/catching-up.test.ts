import {
  AddThingToThingGroupCommand,
  CancelJobCommand,
  DeleteJobCommand,
  DeleteThingGroupCommand,
  RemoveThingFromThingGroupCommand,
} from "@aws-sdk/client-iot";
import { afterEach, describe, expect, test, vi } from "vitest";
import { health, thingArn } from "./support.ts";
import { NAMESPACE, withIot } from "./with-iot.ts";

const both = withIot();
const { fleet, deploy, statuses, jobStatus, deploymentStatus, told, restart, sql } = both;

/** What Greengrass wrote down of a job, as it was before AWS IoT was told. */
const rewind = (jobId: string | undefined, state: string) =>
  sql(`UPDATE deployment_jobs SET state = '${state}' WHERE job_id = '${jobId}'`);

describe("a process that was killed between the two databases", () => {
  test("makes the job when it starts again", async () => {
    const target = await fleet("lost", "lost-core");
    const { iotJobId: jobId } = await deploy(target);
    await both.send(new DeleteJobCommand({ jobId, force: true }));
    rewind(jobId, "create");
    await restart();
    expect(await jobStatus(jobId)).toBe("IN_PROGRESS");
    expect(both.iot.jobs.next("lost-core", NAMESPACE)?.jobId).toBe(jobId);
  });

  test("cancels the job when it starts again", async () => {
    const target = await fleet("uncanceled", "uncanceled-core");
    const { iotJobId } = await deploy(target);
    rewind(iotJobId, "cancel");
    await restart();
    expect(await jobStatus(iotJobId)).toBe("CANCELED");
  });
});

describe("what happened to a job while Greengrass was down", () => {
  test("is caught up with, once", async () => {
    const target = await fleet("missed", "missed-core");
    const { iotJobId = "", deploymentId } = await deploy(target);
    await both.one.stop();
    both.iot.jobs.update("missed-core", iotJobId, "SUCCEEDED");
    await both.one.start();
    expect(await statuses("missed-core")).toEqual(["SUCCEEDED"]);
    await restart();
    expect(told(deploymentId)).toEqual(["SUCCEEDED"]);
  });

  test("counts by a thing's last execution", async () => {
    const target = await fleet("rejoined", "rejoined-core");
    await deploy(target);
    await both.one.stop();
    const membership = { thingName: "rejoined-core", thingGroupName: "rejoined" };
    await both.send(new RemoveThingFromThingGroupCommand(membership));
    await both.send(new AddThingToThingGroupCommand(membership));
    await both.one.start();
    expect(await statuses("rejoined-core")).toEqual(["QUEUED"]);
    await both.one.stop();
    await both.send(new RemoveThingFromThingGroupCommand(membership));
    await both.one.start();
    expect(await statuses("rejoined-core")).toEqual([]);
  });

  test("is asked of one job at a time", async () => {
    await deploy(await fleet("many", "many-core"));
    const executions = vi.spyOn(both.iot.jobs, "executions");
    await both.one.stop();
    await both.one.start();
    expect(executions.mock.calls.filter(([{ jobId }]) => jobId === undefined)).toEqual([]);
    expect(executions).toHaveBeenCalled();
    executions.mockRestore();
  });

  test("ends the deployment, if it was canceled", async () => {
    const { iotJobId: jobId, deploymentId } = await deploy(await fleet("ended", "ended-core"));
    await both.one.stop();
    await both.send(new CancelJobCommand({ jobId }));
    await both.one.start();
    expect(await deploymentStatus(deploymentId)).toBe("CANCELED");
    expect(await statuses("ended-core")).toEqual(["CANCELED"]);
  });

  test("fails the deployment, if its abort criteria stopped it", async () => {
    const target = await fleet("stopped", "stopped-core");
    const criterion = {
      failureType: "FAILED",
      action: "CANCEL",
      thresholdPercentage: 10,
      minNumberOfExecutedThings: 1,
    };
    const iotJobConfiguration = { abortConfig: { criteriaList: [criterion] } };
    const { iotJobId = "", deploymentId } = await deploy(target, { iotJobConfiguration });
    await both.one.stop();
    both.iot.jobs.update("stopped-core", iotJobId, "FAILED");
    await both.one.start();
    expect(await deploymentStatus(deploymentId)).toBe("FAILED");
  });

  test("leaves the deployment as it is, if the job was deleted", async () => {
    const { iotJobId: jobId, deploymentId } = await deploy(await fleet("deleted", "deleted-core"));
    await both.one.stop();
    await both.send(new DeleteJobCommand({ jobId, force: true }));
    await both.one.start();
    expect(await deploymentStatus(deploymentId)).toBe("ACTIVE");
  });
});

describe("what was taken in is not taken in again", () => {
  test("at a start, of a core device that was deleted since", async () => {
    const { iotJobId = "", deploymentId } = await deploy(await fleet("forgotten", "forgotten-core"));
    both.iot.jobs.update("forgotten-core", iotJobId, "SUCCEEDED");
    await both.one.client.deleteCoreDevice({ coreDeviceThingName: "forgotten-core" });
    await restart();
    both.one.server.devices.reportHealth("forgotten-core", health("forgotten-core", 2));
    expect(await statuses("forgotten-core")).toEqual([]);
    expect(told(deploymentId)).toEqual(["SUCCEEDED"]);
  });

  test("when it is told after what came of it", async () => {
    const target = await fleet("quick", "quick-core");
    await both.one.stop();
    // Whoever listens before Greengrass may make the next change before Greengrass hears of this one.
    both.iot.jobs.onChange(({ thingName, jobId, status }) => {
      if (thingName === "quick-core" && status === "QUEUED") both.iot.jobs.update(thingName, jobId, "IN_PROGRESS");
    });
    await both.one.start();
    await deploy(target);
    expect(await statuses("quick-core")).toEqual(["IN_PROGRESS"]);
  });
});

describe("writes that belong together are all undone when one of them fails", () => {
  const breakWrites = (when: string) =>
    sql(`CREATE TRIGGER broken BEFORE ${when} BEGIN SELECT RAISE(ABORT, 'broken by the test'); END`);
  const mend = () => sql("DROP TRIGGER IF EXISTS broken");
  const silence = () => vi.spyOn(console, "error").mockImplementation(() => undefined);
  afterEach(() => {
    mend();
    vi.restoreAllMocks();
  });
  const THING_OUTCOME = { messageType: "PARTIAL", trigger: "THING_DEPLOYMENT" };
  const queued = async (thing: string) => {
    await fleet(`${thing}-group`, thing);
    return deploy(thingArn(thing));
  };

  test("a health message with the end of a deployment", async () => {
    const { deploymentId } = await queued("halved");
    const components = [{ componentName: "c", isRoot: true, status: "BROKEN" }];
    const deploymentInformation = { deploymentId, status: "SUCCEEDED" };
    const message = health("halved", 2, { ...THING_OUTCOME, components, deploymentInformation });
    const report = () => both.one.server.devices.reportHealth("halved", message);
    const before = both.one.events.length;
    breakWrites("UPDATE ON deployments");
    expect(report).toThrow("broken by the test");
    expect(await statuses("halved")).toEqual(["QUEUED"]);
    expect(both.one.events).toHaveLength(before);
    mend();
    expect(report()).toBe(true);
    expect(await statuses("halved")).toEqual(["COMPLETED"]);
    expect(await deploymentStatus(deploymentId)).toBe("COMPLETED");
    expect(both.one.events.slice(before).map((event) => event["detail-type"])).toEqual([
      "Greengrass V2 Effective Deployment Status Change",
      "Greengrass V2 Installed Component Status Change",
    ]);
  });

  test("a job execution's change, which is caught up with", async () => {
    const { iotJobId = "", deploymentId } = await deploy(await fleet("unheard", "unheard-core"));
    const log = silence();
    breakWrites("UPDATE ON effective_deployments");
    both.iot.jobs.update("unheard-core", iotJobId, "SUCCEEDED");
    expect(log).toHaveBeenCalledWith("iot: a listener failed", expect.any(Error));
    mend();
    expect(await statuses("unheard-core")).toEqual(["QUEUED"]);
    await restart();
    expect(await statuses("unheard-core")).toEqual(["SUCCEEDED"]);
    expect(told(deploymentId)).toEqual(["SUCCEEDED"]);
  });

  test("a deployment that takes the place of another, which EventBridge does not hear of", async () => {
    const { deploymentId } = await queued("replaced");
    silence();
    breakWrites("INSERT ON client_tokens");
    const replacing = () => deploy(thingArn("replaced"), { clientToken: "replacing" });
    await expect(replacing()).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } });
    expect(await deploymentStatus(deploymentId)).toBe("ACTIVE");
    mend();
    both.one.server.devices.reportHealth("replaced", health("replaced", 2));
    expect(told(deploymentId)).toEqual([]);
    await replacing();
    expect(told(deploymentId)).toEqual(["CANCELED"]);
  });

  test("a deployment that is canceled is told of when it can be seen to be, whether or not EventBridge takes it", async () => {
    const { deploymentId } = await queued("seen");
    const log = silence();
    const publish = vi.spyOn(both.one.events, "push").mockImplementation(() => {
      // Fails while a transaction holds the database.
      sql("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; COMMIT");
      throw new Error("refused by the test");
    });
    await both.one.client.cancelDeployment({ deploymentId });
    expect(publish).toHaveBeenCalledTimes(1);
    expect(log).toHaveBeenCalledWith(
      "greengrass: an event was not taken",
      expect.objectContaining({ message: "refused by the test" }),
    );
    expect(await deploymentStatus(deploymentId)).toBe("CANCELED");
  });

  test("the end of a deployment whose target was deleted", async () => {
    const { iotJobId: jobId, deploymentId } = await deploy(await fleet("untargeted"));
    await both.send(new DeleteJobCommand({ jobId, force: true }));
    await both.send(new DeleteThingGroupCommand({ thingGroupName: "untargeted" }));
    rewind(jobId, "create");
    await both.one.stop();
    breakWrites("UPDATE ON deployments");
    await expect(both.one.start()).rejects.toThrow("broken by the test");
    mend();
    await both.one.start();
    expect(await deploymentStatus(deploymentId)).toBe("FAILED");
  });

  test("the end of a deployment whose job was canceled", async () => {
    const { iotJobId: jobId, deploymentId } = await deploy(await fleet("unended"));
    silence();
    breakWrites("UPDATE ON deployments");
    await both.send(new CancelJobCommand({ jobId }));
    mend();
    expect(await deploymentStatus(deploymentId)).toBe("ACTIVE");
    await restart();
    expect(await deploymentStatus(deploymentId)).toBe("CANCELED");
  });
});
