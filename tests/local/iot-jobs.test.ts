import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CreateJobRequest } from "@aws-sdk/client-iot";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JobExecutionChange } from "../../local/iot/jobs-port.ts";
import { arn, openIot, type Running } from "./iot-server.ts";

const MINUTE = 60_000;
const FLEET = arn("thinggroup/fleet");

let dir: string;
let running: Running;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "iot-jobs-"));
  running = await openIot(dir);
  await running.iot.createThingGroup({ thingGroupName: "fleet" });
});
afterEach(async () => {
  await running.close();
  await rm(dir, { recursive: true });
});

const reopen = async (options: Parameters<typeof openIot>[1] = {}): Promise<void> => {
  await running.close();
  running = await openIot(dir, { clock: running.clock, ...options });
};

const attach = (thingName: string, thingGroupName = "fleet") =>
  running.iot.addThingToThingGroup({ thingName, thingGroupName });
const leave = (thingName: string, thingGroupName = "fleet") =>
  running.iot.removeThingFromThingGroup({ thingName, thingGroupName });
const members = async (...names: string[]): Promise<void> => {
  for (const thingName of names) {
    await running.iot.createThing({ thingName });
    await attach(thingName);
  }
};
const createJob = (jobId: string, options: Partial<CreateJobRequest> = {}) =>
  running.iot.createJob({ jobId, targets: [FLEET], document: "{}", targetSelection: "CONTINUOUS", ...options });
const of = ({ thingName, executionNumber, status }: JobExecutionChange) => `${thingName} ${executionNumber} ${status}`;
const executions = (jobId: string) => running.server.jobs.executions({ jobId }).map(of);
const statusOf = async (jobId: string) => (await running.iot.describeJob({ jobId })).job?.status;

describe("a continuous job", () => {
  test("is for late joiners too, of the groups below as well", async () => {
    await members("one");
    await createJob("job");
    await running.iot.createThingGroup({ thingGroupName: "below", parentGroupName: "fleet" });
    await running.iot.createThing({ thingName: "two" });
    await attach("two", "below");
    await running.iot.createThing({ thingName: "three" });
    await running.iot.updateThingGroupsForThing({ thingName: "three", thingGroupsToAdd: ["fleet"] });
    await running.iot.createThing({ thingName: "stranger" });
    expect(executions("job")).toEqual(["one 1 QUEUED", "two 1 QUEUED", "three 1 QUEUED"]);
  });

  test("goes on where a thing moves within the hierarchy", async () => {
    await running.iot.createThingGroup({ thingGroupName: "below", parentGroupName: "fleet" });
    await members("one");
    await createJob("job");
    await running.iot.updateThingGroupsForThing({
      thingName: "one",
      thingGroupsToAdd: ["below"],
      thingGroupsToRemove: ["fleet"],
    });
    expect(executions("job")).toEqual(["one 1 QUEUED"]);
  });

  test("removes what is queued when a thing leaves, and runs anew only that when it comes back", async () => {
    await members("queued", "working", "done");
    await createJob("job");
    const { jobs } = running.server;
    jobs.update("working", "job", "IN_PROGRESS");
    jobs.update("done", "job", "SUCCEEDED");
    for (const thing of ["queued", "working", "done"]) await leave(thing);
    expect(executions("job")).toEqual(["done 1 SUCCEEDED", "queued 1 REMOVED", "working 1 IN_PROGRESS"]);
    for (const thing of ["queued", "working", "done"]) await attach(thing);
    expect(executions("job")).toEqual([
      "done 1 SUCCEEDED",
      "queued 1 REMOVED",
      "working 1 IN_PROGRESS",
      "queued 2 QUEUED",
    ]);
    expect(jobs.update("working", "job", "SUCCEEDED").status).toBe("SUCCEEDED");
  });

  test("does not run it anew if the switch says so", async () => {
    await reopen({ jobs: { restartOnReattach: false } });
    await members("one");
    await createJob("job");
    await leave("one");
    await attach("one");
    expect(executions("job")).toEqual(["one 1 REMOVED"]);
  });

  test("follows memberships at once, also where they lag", async () => {
    await reopen({ membershipLagMs: 60_000 });
    await createJob("job");
    await members("one");
    expect(running.server.groupsOf("one")).toEqual([]);
    expect(executions("job")).toEqual(["one 1 QUEUED"]);
  });

  test("loses the things of a group, or a thing, that is deleted", async () => {
    await members("one", "two");
    await createJob("job");
    running.server.jobs.update("one", "job", "IN_PROGRESS");
    await running.iot.deleteThing({ thingName: "one" });
    await running.iot.deleteThingGroup({ thingGroupName: "fleet" });
    expect(executions("job")).toEqual(["one 1 REMOVED", "two 1 REMOVED"]);
  });

  test("names a thing that is yet to be made again", async () => {
    await running.iot.createThing({ thingName: "phoenix" });
    await createJob("job", { targets: [arn("thing/phoenix")] });
    await running.iot.deleteThing({ thingName: "phoenix" });
    await running.iot.createThing({ thingName: "phoenix" });
    expect(executions("job")).toEqual(["phoenix 1 REMOVED", "phoenix 2 QUEUED"]);
  });
});

describe("a snapshot", () => {
  test("has no late joiners, and ends when the last of its things has left", async () => {
    await members("one");
    await createJob("job", { targetSelection: "SNAPSHOT" });
    await members("late");
    expect(executions("job")).toEqual(["one 1 QUEUED"]);
    await leave("one");
    expect(executions("job")).toEqual(["one 1 REMOVED"]);
    expect(await statusOf("job")).toBe("COMPLETED");
  });

  test("of an empty group is done at once", async () => {
    await createJob("job", { targetSelection: "SNAPSHOT" });
    expect(await statusOf("job")).toBe("COMPLETED");
  });

  test("is not done while things wait for their turn", async () => {
    await members("one", "two");
    await createJob("job", {
      targetSelection: "SNAPSHOT",
      jobExecutionsRolloutConfig: { maximumPerMinute: 1 },
    });
    running.server.jobs.update("one", "job", "SUCCEEDED");
    expect(await statusOf("job")).toBe("IN_PROGRESS");
    running.clock.advance(MINUTE);
    running.server.jobs.update("two", "job", "SUCCEEDED");
    expect(await statusOf("job")).toBe("COMPLETED");
  });
});

describe("a rollout", () => {
  const rollout = (jobExecutionsRolloutConfig: CreateJobRequest["jobExecutionsRolloutConfig"]) => ({
    jobExecutionsRolloutConfig,
  });

  test("queues so many a minute, also over a restart, while late joiners do not wait", async () => {
    await members("a", "b", "c", "d", "e");
    await createJob("job", rollout({ maximumPerMinute: 2 }));
    expect(executions("job")).toHaveLength(2);
    running.clock.advance(MINUTE - 1);
    expect(executions("job")).toHaveLength(2);
    await members("late");
    expect(executions("job").at(-1)).toBe("late 1 QUEUED");
    await reopen();
    running.clock.advance(1);
    expect(executions("job").map((text) => text[0])).toEqual(["a", "b", "l", "c", "d"]);
    running.clock.advance(MINUTE);
    expect(executions("job")).toHaveLength(6);
    running.clock.advance(10 * MINUTE);
    expect(executions("job")).toHaveLength(6);
  });

  test("keeps its rate where targets are added within the minute", async () => {
    await members("a");
    await createJob("job", rollout({ maximumPerMinute: 2 }));
    await running.iot.createThingGroup({ thingGroupName: "more" });
    for (const thingName of ["b", "c"]) {
      await running.iot.createThing({ thingName });
      await attach(thingName, "more");
    }
    await running.iot.associateTargetsWithJob({ jobId: "job", targets: [arn("thinggroup/more")] });
    expect(executions("job")).toEqual(["a 1 QUEUED", "b 1 QUEUED"]);
    running.clock.advance(MINUTE);
    expect(executions("job").at(-1)).toBe("c 1 QUEUED");
  });

  test("rises by its factor with the things that were notified", async () => {
    await members(..."abcdefgh");
    await createJob(
      "job",
      rollout({
        exponentialRate: {
          baseRatePerMinute: 1,
          incrementFactor: 2,
          rateIncreaseCriteria: { numberOfNotifiedThings: 1 },
        },
      }),
    );
    const counts = [executions("job").length];
    for (let minute = 1; minute <= 3; minute += 1) {
      running.clock.advance(MINUTE);
      counts.push(executions("job").length);
    }
    expect(counts).toEqual([1, 3, 8, 8]);
  });

  test("rises with the things that succeeded, up to its maximum", async () => {
    await members(..."abcdef");
    await createJob(
      "job",
      rollout({
        maximumPerMinute: 2,
        exponentialRate: {
          baseRatePerMinute: 1,
          incrementFactor: 5,
          rateIncreaseCriteria: { numberOfSucceededThings: 1 },
        },
      }),
    );
    running.clock.advance(MINUTE);
    expect(executions("job")).toHaveLength(2);
    running.server.jobs.update("a", "job", "SUCCEEDED");
    running.clock.advance(MINUTE);
    expect(executions("job")).toHaveLength(4);
  });

  test("passes over what has left, and ends with a cancellation", async () => {
    await members("a", "b", "c");
    await createJob("job", rollout({ maximumPerMinute: 1 }));
    await leave("b");
    running.clock.advance(MINUTE);
    expect(executions("job")).toEqual(["a 1 QUEUED", "c 1 QUEUED"]);
    await createJob("other", rollout({ maximumPerMinute: 1 }));
    await running.iot.cancelJob({ jobId: "other" });
    running.clock.advance(MINUTE);
    expect(executions("other")).toEqual(["a 1 CANCELED"]);
  });
});

describe("an execution", () => {
  const TIMED = { timeoutConfig: { inProgressTimeoutInMinutes: 1 } };

  test("times out when it was begun long enough ago, also while nothing ran", async () => {
    await members("one", "two");
    await createJob("job", TIMED);
    const { jobs } = running.server;
    jobs.update("one", "job", "IN_PROGRESS");
    running.clock.advance(30_000);
    jobs.update("one", "job", "IN_PROGRESS", { statusDetails: { step: "2" } });
    running.clock.advance(29_999);
    expect(executions("job")).toEqual(["one 1 IN_PROGRESS", "two 1 QUEUED"]);
    await running.close();
    running.clock.advance(1);
    running = await openIot(dir, { clock: running.clock });
    const changes: string[] = [];
    running.server.jobs.onChange((change) => changes.push(of(change)));
    running.clock.advance(0);
    expect(changes).toEqual(["one 1 TIMED_OUT"]);
    expect(executions("job")).toEqual(["one 1 TIMED_OUT", "two 1 QUEUED"]);
  });

  test("is tried again as often as its kind of failure may be", async () => {
    await members("one");
    await createJob("job", {
      ...TIMED,
      jobExecutionsRetryConfig: {
        criteriaList: [
          { failureType: "FAILED", numberOfRetries: 1 },
          { failureType: "TIMED_OUT", numberOfRetries: 1 },
        ],
      },
    });
    const { jobs } = running.server;
    jobs.update("one", "job", "FAILED");
    jobs.update("one", "job", "IN_PROGRESS");
    running.clock.advance(MINUTE);
    jobs.update("one", "job", "FAILED");
    expect(executions("job")).toEqual(["one 1 FAILED", "one 2 TIMED_OUT", "one 3 FAILED"]);
    const { executionSummaries } = await running.iot.listJobExecutionsForThing({ thingName: "one" });
    expect((executionSummaries ?? []).map((summary) => summary.jobExecutionSummary?.retryAttempt)).toEqual([0, 1, 2]);
  });

  test("is not tried again once the thing has left", async () => {
    await members("stays", "leaves");
    await createJob("job", {
      jobExecutionsRetryConfig: { criteriaList: [{ failureType: "FAILED", numberOfRetries: 1 }] },
    });
    const { jobs } = running.server;
    for (const thing of ["stays", "leaves"]) jobs.update(thing, "job", "IN_PROGRESS");
    await leave("leaves");
    for (const thing of ["stays", "leaves"]) jobs.update(thing, "job", "FAILED");
    expect(executions("job")).toEqual(["leaves 1 FAILED", "stays 1 FAILED", "stays 2 QUEUED"]);
  });

  test("counts its tries anew after a change of groups", async () => {
    await running.iot.createThingGroup({ thingGroupName: "another" });
    await members("one");
    await createJob("job", {
      jobExecutionsRetryConfig: { criteriaList: [{ failureType: "ALL", numberOfRetries: 1 }] },
    });
    const { jobs } = running.server;
    jobs.update("one", "job", "FAILED");
    await attach("one", "another");
    jobs.update("one", "job", "FAILED");
    expect(executions("job").at(-1)).toBe("one 3 QUEUED");
    jobs.update("one", "job", "FAILED");
    expect(executions("job").at(-1)).toBe("one 3 FAILED");
  });

  test("aborts the job only when enough things were notified and enough of them failed", async () => {
    await members(..."abcd");
    await createJob("job", {
      jobExecutionsRolloutConfig: { maximumPerMinute: 3 },
      abortConfig: {
        criteriaList: [
          { failureType: "REJECTED", action: "CANCEL", thresholdPercentage: 50, minNumberOfExecutedThings: 4 },
        ],
      },
    });
    const { jobs } = running.server;
    jobs.update("a", "job", "REJECTED");
    jobs.update("b", "job", "REJECTED");
    expect(await statusOf("job")).toBe("IN_PROGRESS");
    running.clock.advance(MINUTE);
    jobs.update("c", "job", "FAILED");
    expect(await statusOf("job")).toBe("CANCELED");
    expect(executions("job").at(-1)).toBe("d 1 CANCELED");
  });
});
