import type { CreateJobRequest } from "@aws-sdk/client-iot";
import { expect } from "vitest";
import { absent, api, arn, badState, guide, invalid, ok, row, staleVersion, type World } from "./world.ts";

const MINUTE = 60_000;

/** A job on one thing. */
const newJob = async ({ iot, unique }: World, options: Partial<CreateJobRequest> = {}) => {
  const thingName = unique("executor");
  const jobId = unique("task");
  await iot.createThing({ thingName });
  await iot.createJob({ jobId, targets: [arn(`thing/${thingName}`)], document: "{}", ...options });
  return { jobId: options.jobId ?? jobId, thingName };
};

/** A continuous job on a group that a thing is in. */
const newMembership = async (world: World, options: Partial<CreateJobRequest> = {}) => {
  const { thingGroupArn = "", thingGroupName = "" } = await world.iot.createThingGroup({
    thingGroupName: world.unique("team"),
  });
  const { jobId, thingName } = await newJob(world, {
    targets: [thingGroupArn],
    targetSelection: "CONTINUOUS",
    ...options,
  });
  await world.iot.addThingToThingGroup({ thingName, thingGroupName });
  return { jobId, thingName, thingGroupName };
};

const TIMED: Partial<CreateJobRequest> = { timeoutConfig: { inProgressTimeoutInMinutes: 5 } };
const RETRIED: Partial<CreateJobRequest> = {
  jobExecutionsRetryConfig: { criteriaList: [{ failureType: "FAILED", numberOfRetries: 1 }] },
};

export const jobExecutionRows = [
  row(
    "DescribeJobExecution",
    "it is queued",
    async (world) => {
      const answer = await world.iot.describeJobExecution(await newJob(world));
      return { ...answer, started: answer.execution?.startedAt !== undefined };
    },
    ok({
      started: false,
      execution: {
        status: "QUEUED",
        executionNumber: 1,
        versionNumber: 1,
        queuedAt: expect.any(Date),
        lastUpdatedAt: expect.any(Date),
        thingArn: expect.stringMatching(/:thing\/executor-/),
      },
    }),
    guide("iot-jobs-lifecycle"),
  ),
  row(
    "DescribeJobExecution",
    "it is in progress, with a time-out",
    async (world) => {
      const { jobId, thingName } = await newJob(world, TIMED);
      world.server.jobs.update(thingName, jobId, "IN_PROGRESS", { statusDetails: { step: "one" } });
      world.clock.advance(MINUTE);
      return world.iot.describeJobExecution({ jobId, thingName });
    },
    ok({
      execution: {
        status: "IN_PROGRESS",
        versionNumber: 2,
        startedAt: expect.any(Date),
        statusDetails: { detailsMap: { step: "one" } },
        approximateSecondsBeforeTimedOut: 240,
      },
    }),
    "model:JobExecution",
  ),
  row(
    "DescribeJobExecution",
    "its time is over",
    async (world) => {
      const { jobId, thingName } = await newJob(world, TIMED);
      world.server.jobs.update(thingName, jobId, "IN_PROGRESS");
      world.clock.advance(5 * MINUTE);
      const answer = await world.iot.describeJobExecution({ jobId, thingName });
      return { ...answer, timed: answer.execution?.approximateSecondsBeforeTimedOut !== undefined };
    },
    ok({ timed: false, execution: { status: "TIMED_OUT" } }),
    api("TimeoutConfig"),
  ),
  row(
    "DescribeJobExecution",
    "it failed and is tried again",
    async (world) => {
      const { jobId, thingName } = await newJob(world, RETRIED);
      world.server.jobs.update(thingName, jobId, "FAILED");
      return world.iot.describeJobExecution({ jobId, thingName });
    },
    ok({ execution: { status: "QUEUED", executionNumber: 2 } }),
    guide("jobs-configurations-details"),
  ),
  row(
    "DescribeJobExecution",
    "all of its tries failed",
    async (world) => {
      const { jobId, thingName } = await newJob(world, RETRIED);
      world.server.jobs.update(thingName, jobId, "FAILED");
      world.server.jobs.update(thingName, jobId, "FAILED");
      return world.iot.describeJobExecution({ jobId, thingName });
    },
    ok({ execution: { status: "FAILED" } }),
    guide("jobs-configurations-details"),
  ),
  row(
    "DescribeJobExecution",
    "a rejected one is not tried again",
    async (world) => {
      const { jobId, thingName } = await newJob(world, {
        jobExecutionsRetryConfig: { criteriaList: [{ failureType: "ALL", numberOfRetries: 3 }] },
      });
      world.server.jobs.update(thingName, jobId, "REJECTED");
      return world.iot.describeJobExecution({ jobId, thingName });
    },
    ok({ execution: { status: "REJECTED" } }),
    guide("iot-jobs-lifecycle"),
  ),
  row(
    "DescribeJobExecution",
    "its thing left the group while it was in progress",
    async (world) => {
      const { jobId, thingName, thingGroupName } = await newMembership(world);
      world.server.jobs.update(thingName, jobId, "IN_PROGRESS");
      await world.iot.removeThingFromThingGroup({ thingName, thingGroupName });
      return world.iot.describeJobExecution({ jobId, thingName });
    },
    ok({ execution: { status: "IN_PROGRESS" } }),
    guide("iot-jobs-lifecycle"),
  ),
  row(
    "DescribeJobExecution",
    "its thing left the group and came back",
    async (world) => {
      const { jobId, thingName, thingGroupName } = await newMembership(world);
      await world.iot.removeThingFromThingGroup({ thingName, thingGroupName });
      await world.iot.addThingToThingGroup({ thingName, thingGroupName });
      return world.iot.describeJobExecution({ jobId, thingName });
    },
    ok({ execution: { status: "QUEUED" } }),
    guide("iot-jobs-lifecycle"),
  ),
  row(
    "DescribeJobExecution",
    "one that a number names",
    async (world) => world.iot.describeJobExecution({ ...(await newJob(world)), executionNumber: 1 }),
    ok({ execution: { executionNumber: 1 } }),
  ),
  row(
    "DescribeJobExecution",
    "of a number that there is not",
    async (world) => world.iot.describeJobExecution({ ...(await newJob(world)), executionNumber: 2 }),
    absent(),
  ),
  row(
    "DescribeJobExecution",
    "the job does not exist",
    async (world) => world.iot.describeJobExecution({ ...(await newJob(world)), jobId: "no" }),
    absent(),
  ),
  row(
    "CancelJobExecution",
    "it is queued",
    async (world) => {
      const execution = await newJob(world);
      await world.iot.cancelJobExecution({ ...execution, statusDetails: { why: "not" } });
      return world.iot.describeJobExecution(execution);
    },
    ok({ execution: { status: "CANCELED", statusDetails: { detailsMap: { why: "not" } } } }),
  ),
  row(
    "CancelJobExecution",
    "it is in progress",
    async (world) => {
      const { jobId, thingName } = await newJob(world);
      world.server.jobs.update(thingName, jobId, "IN_PROGRESS");
      return world.iot.cancelJobExecution({ jobId, thingName });
    },
    badState(),
  ),
  row(
    "CancelJobExecution",
    "it is in progress, by force",
    async (world) => {
      const { jobId, thingName } = await newJob(world);
      world.server.jobs.update(thingName, jobId, "IN_PROGRESS");
      await world.iot.cancelJobExecution({ jobId, thingName, force: true });
      return world.iot.describeJobExecution({ jobId, thingName });
    },
    ok({ execution: { status: "CANCELED", forceCanceled: true } }),
  ),
  row(
    "CancelJobExecution",
    "the expected version is another",
    async (world) => world.iot.cancelJobExecution({ ...(await newJob(world)), expectedVersion: 7 }),
    staleVersion(),
  ),
  row(
    "CancelJobExecution",
    "eleven status details",
    async (world) =>
      world.iot.cancelJobExecution({
        ...(await newJob(world)),
        statusDetails: Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`k${index}`, "v"])),
      }),
    invalid(),
  ),
  row(
    "CancelJobExecution",
    "it does not exist",
    ({ iot }) => iot.cancelJobExecution({ jobId: "no", thingName: "no" }),
    absent(),
  ),
  row(
    "DeleteJobExecution",
    "it is at its end",
    async (world) => {
      const { jobId, thingName } = await newJob(world);
      world.server.jobs.update(thingName, jobId, "SUCCEEDED");
      return world.iot.deleteJobExecution({ jobId, thingName, executionNumber: 1 });
    },
    ok(),
  ),
  row(
    "DeleteJobExecution",
    "it is in progress",
    async (world) => {
      const { jobId, thingName } = await newJob(world);
      world.server.jobs.update(thingName, jobId, "IN_PROGRESS");
      return world.iot.deleteJobExecution({ jobId, thingName, executionNumber: 1 });
    },
    badState(),
  ),
  row(
    "DeleteJobExecution",
    "it is in progress, by force",
    async (world) => {
      const { jobId, thingName } = await newJob(world);
      world.server.jobs.update(thingName, jobId, "IN_PROGRESS");
      return world.iot.deleteJobExecution({ jobId, thingName, executionNumber: 1, force: true });
    },
    ok(),
  ),
  row(
    "DeleteJobExecution",
    "of a number that there is not",
    async (world) => world.iot.deleteJobExecution({ ...(await newJob(world)), executionNumber: 2, force: true }),
    absent(),
  ),
  row(
    "ListJobExecutionsForJob",
    "of a status",
    async (world) => world.iot.listJobExecutionsForJob({ jobId: (await newJob(world)).jobId, status: "QUEUED" }),
    ok({
      executionSummaries: [
        {
          thingArn: expect.stringMatching(/:thing\/executor-/),
          jobExecutionSummary: { status: "QUEUED", executionNumber: 1, retryAttempt: 0, queuedAt: expect.any(Date) },
        },
      ],
    }),
  ),
  row(
    "ListJobExecutionsForJob",
    "of another status",
    async (world) => world.iot.listJobExecutionsForJob({ jobId: (await newJob(world)).jobId, status: "FAILED" }),
    ok({ executionSummaries: [] }),
  ),
  row(
    "ListJobExecutionsForJob",
    "the job does not exist",
    ({ iot }) => iot.listJobExecutionsForJob({ jobId: "no" }),
    absent(),
  ),
  row(
    "ListJobExecutionsForThing",
    "of one job",
    async (world) => {
      const { jobId, thingName } = await newJob(world, { jobId: "for-thing" });
      await world.iot.createJob({ jobId: world.unique(), targets: [arn(`thing/${thingName}`)], document: "{}" });
      return world.iot.listJobExecutionsForThing({ thingName, jobId });
    },
    ok({ executionSummaries: [{ jobId: "for-thing", jobExecutionSummary: { status: "QUEUED" } }] }),
  ),
  row(
    "ListJobExecutionsForThing",
    "the thing does not exist",
    ({ iot }) => iot.listJobExecutionsForThing({ thingName: "no" }),
    absent(),
  ),
];
