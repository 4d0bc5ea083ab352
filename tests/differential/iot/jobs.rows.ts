import { expect } from "vitest";
import { CONTINUOUS, DOCUMENT, newGroup, newJob, newThing, things } from "./job-makes.ts";
import { absent, api, arn, exists, guide, invalid, JOB_QUOTAS, ok, row, tooMany } from "./world.ts";

export const jobRows = [
  row(
    "CreateJob",
    "new",
    async (world) => {
      const target = arn(`thing/${await newThing(world)}`);
      return world.iot.createJob({ jobId: "job-new", targets: [target], document: DOCUMENT, description: "d" });
    },
    ok({ jobId: "job-new", jobArn: arn("job/job-new"), description: "d" }),
  ),
  row(
    "CreateJob",
    "it exists",
    async (world) => {
      const group = await newGroup(world);
      return world.iot.createJob({
        jobId: await newJob(world, group),
        targets: [arn(`thinggroup/${group}`)],
        document: DOCUMENT,
      });
    },
    exists(),
  ),
  row(
    "CreateJob",
    "a target that does not exist",
    ({ iot, unique }) => iot.createJob({ jobId: unique(), targets: [arn("thing/no")], document: DOCUMENT }),
    absent(),
  ),
  row(
    "CreateJob",
    "101 targets",
    async (world) => {
      const targets: string[] = [];
      for (let count = 0; count < 101; count += 1) targets.push(arn(`thing/${await newThing(world)}`));
      return world.iot.createJob({ jobId: world.unique(), targets, document: DOCUMENT });
    },
    tooMany(),
    JOB_QUOTAS,
  ),
  row(
    "CreateJob",
    "no targets",
    ({ iot, unique }) => iot.createJob({ jobId: unique(), targets: [], document: DOCUMENT }),
    invalid(),
    "model:JobTargets",
  ),
  row(
    "CreateJob",
    "without a document",
    async (world) => world.iot.createJob({ jobId: world.unique(), targets: [arn(`thing/${await newThing(world)}`)] }),
    invalid(),
  ),
  row(
    "CreateJob",
    "a document of 32,769",
    async (world) => newJob(world, await newGroup(world), { document: `"${"d".repeat(32_767)}"` }).then(Object),
    invalid(),
    "model:JobDocument",
  ),
  row(
    "CreateJob",
    "a time-out of more than seven days",
    async (world) =>
      newJob(world, await newGroup(world), { timeoutConfig: { inProgressTimeoutInMinutes: 10_081 } }).then(Object),
    invalid(),
    api("TimeoutConfig"),
  ),
  row(
    "CreateJob",
    "a base rate of more than 1,000 a minute",
    async (world) =>
      newJob(world, await newGroup(world), {
        jobExecutionsRolloutConfig: {
          exponentialRate: {
            baseRatePerMinute: 1_001,
            incrementFactor: 2,
            rateIncreaseCriteria: { numberOfNotifiedThings: 1 },
          },
        },
      }).then(Object),
    invalid(),
    "model:RolloutRatePerMinute",
  ),
  row(
    "CreateJob",
    "more than ten retries",
    async (world) =>
      newJob(world, await newGroup(world), {
        jobExecutionsRetryConfig: {
          criteriaList: [
            { failureType: "FAILED", numberOfRetries: 6 },
            { failureType: "TIMED_OUT", numberOfRetries: 5 },
          ],
        },
      }).then(Object),
    invalid(),
    guide("jobs-configurations-details"),
  ),
  row(
    "CreateJob",
    "an ID of 65",
    async (world) => newJob(world, await newGroup(world), { jobId: "j".repeat(65) }).then(Object),
    invalid(),
    "model:JobId",
  ),
  row(
    "GetJobDocument",
    "as it was given",
    async (world) => world.iot.getJobDocument({ jobId: await newJob(world, await newGroup(world)) }),
    ok({ document: DOCUMENT }),
  ),
  row("GetJobDocument", "the job does not exist", ({ iot }) => iot.getJobDocument({ jobId: "no" }), absent()),
  row("DescribeJob", "it does not exist", ({ iot }) => iot.describeJob({ jobId: "no" }), absent()),
  row(
    "DescribeJob",
    "a snapshot of two things, which is what a job is unless it is asked for otherwise",
    async (world) => world.iot.describeJob({ jobId: await newJob(world, await newGroup(world, 2)) }),
    ok({
      job: {
        status: "IN_PROGRESS",
        targetSelection: "SNAPSHOT",
        targets: [expect.stringMatching(/:thinggroup\/crew-/)],
        createdAt: expect.any(Date),
        jobProcessDetails: { numberOfQueuedThings: 2, numberOfSucceededThings: 0 },
      },
    }),
  ),
  row(
    "DescribeJob",
    "a snapshot that all things are done with",
    async (world) => {
      const jobId = await newJob(world, await newGroup(world, 2));
      const [one = "", other = ""] = things(world, jobId);
      world.server.jobs.update(one, jobId, "SUCCEEDED");
      world.server.jobs.update(other, jobId, "FAILED");
      return world.iot.describeJob({ jobId });
    },
    ok({
      job: {
        status: "COMPLETED",
        completedAt: expect.any(Date),
        jobProcessDetails: { numberOfQueuedThings: 0, numberOfSucceededThings: 1, numberOfFailedThings: 1 },
      },
    }),
    guide("iot-jobs-lifecycle"),
  ),
  row(
    "DescribeJob",
    "a continuous one that all things are done with",
    async (world) => {
      const jobId = await newJob(world, await newGroup(world, 1), CONTINUOUS);
      const [thing = ""] = things(world, jobId);
      world.server.jobs.update(thing, jobId, "SUCCEEDED");
      const answer = await world.iot.describeJob({ jobId });
      return { ...answer, completed: answer.job?.completedAt !== undefined };
    },
    ok({ completed: false, job: { status: "IN_PROGRESS" } }),
    guide("iot-jobs-lifecycle"),
  ),
  row(
    "DescribeJob",
    "a continuous one that a thing has joined late",
    async (world) => {
      const thingGroupName = await newGroup(world, 1);
      const jobId = await newJob(world, thingGroupName, CONTINUOUS);
      await world.iot.addThingToThingGroup({ thingGroupName, thingName: await newThing(world) });
      return world.iot.describeJob({ jobId });
    },
    ok({ job: { jobProcessDetails: { numberOfQueuedThings: 2 } } }),
    guide("iot-jobs-lifecycle"),
  ),
  row(
    "DescribeJob",
    "a thing has left the group",
    async (world) => {
      const thingGroupName = await newGroup(world, 2);
      const jobId = await newJob(world, thingGroupName, CONTINUOUS);
      const [thingName = ""] = things(world, jobId);
      await world.iot.removeThingFromThingGroup({ thingGroupName, thingName });
      return world.iot.describeJob({ jobId });
    },
    ok({ job: { jobProcessDetails: { numberOfQueuedThings: 1, numberOfRemovedThings: 1 } } }),
    guide("iot-jobs-lifecycle"),
  ),
  row(
    "DescribeJob",
    "a rollout of two things a minute, in its first",
    async (world) =>
      world.iot.describeJob({
        jobId: await newJob(world, await newGroup(world, 3), { jobExecutionsRolloutConfig: { maximumPerMinute: 2 } }),
      }),
    ok({
      job: {
        isConcurrent: true,
        jobProcessDetails: { numberOfQueuedThings: 2, processingTargets: [expect.any(String)] },
      },
    }),
    api("JobExecutionsRolloutConfig"),
  ),
  row(
    "DescribeJob",
    "the abort criteria are met",
    async (world) => {
      const jobId = await newJob(world, await newGroup(world, 4), {
        abortConfig: {
          criteriaList: [
            { failureType: "FAILED", action: "CANCEL", thresholdPercentage: 50, minNumberOfExecutedThings: 2 },
          ],
        },
      });
      const [one = "", two = "", three = ""] = things(world, jobId);
      world.server.jobs.update(three, jobId, "IN_PROGRESS");
      world.server.jobs.update(one, jobId, "FAILED");
      world.server.jobs.update(two, jobId, "FAILED");
      return world.iot.describeJob({ jobId });
    },
    ok({
      job: {
        status: "CANCELED",
        jobProcessDetails: { numberOfFailedThings: 2, numberOfInProgressThings: 1, numberOfCanceledThings: 1 },
      },
    }),
    guide("jobs-configurations-details"),
  ),
];
