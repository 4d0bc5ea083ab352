import { expect } from "vitest";
import { CONTINUOUS, newGroup, newJob, things } from "./job-makes.ts";
import { absent, arn, badState, invalid, ok, row } from "./world.ts";

export const jobChangeRows = [
  row(
    "UpdateJob",
    "its description",
    async (world) => {
      const jobId = await newJob(world, await newGroup(world), CONTINUOUS);
      await world.iot.updateJob({ jobId, description: "updated" });
      return world.iot.describeJob({ jobId });
    },
    ok({ job: { description: "updated" } }),
  ),
  row("UpdateJob", "it does not exist", ({ iot }) => iot.updateJob({ jobId: "no" }), absent()),
  row(
    "CancelJob",
    "what is queued, and not what is in progress",
    async (world) => {
      const jobId = await newJob(world, await newGroup(world, 2));
      const [thing = ""] = things(world, jobId);
      world.server.jobs.update(thing, jobId, "IN_PROGRESS");
      await world.iot.cancelJob({ jobId, comment: "enough", reasonCode: "ENOUGH" });
      return world.iot.describeJob({ jobId });
    },
    ok({
      job: {
        status: "CANCELED",
        comment: "enough",
        reasonCode: "ENOUGH",
        jobProcessDetails: { numberOfCanceledThings: 1, numberOfInProgressThings: 1 },
      },
    }),
  ),
  row(
    "CancelJob",
    "by force, also what is in progress",
    async (world) => {
      const jobId = await newJob(world, await newGroup(world, 2));
      const [thing = ""] = things(world, jobId);
      world.server.jobs.update(thing, jobId, "IN_PROGRESS");
      await world.iot.cancelJob({ jobId, force: true });
      return world.iot.describeJob({ jobId });
    },
    ok({ job: { status: "CANCELED", forceCanceled: true, jobProcessDetails: { numberOfCanceledThings: 2 } } }),
  ),
  row("CancelJob", "it does not exist", ({ iot }) => iot.cancelJob({ jobId: "no" }), absent()),
  row(
    "DeleteJob",
    "it is in progress",
    async (world) => world.iot.deleteJob({ jobId: await newJob(world, await newGroup(world), CONTINUOUS) }),
    badState(),
  ),
  row(
    "DeleteJob",
    "it is in progress, by force",
    async (world) =>
      world.iot.deleteJob({ jobId: await newJob(world, await newGroup(world, 1), CONTINUOUS), force: true }),
    ok(),
  ),
  row(
    "DeleteJob",
    "its ID can be used again",
    async (world) => {
      const group = await newGroup(world, 1);
      const jobId = await newJob(world, group);
      await world.iot.cancelJob({ jobId });
      await world.iot.deleteJob({ jobId });
      await newJob(world, group, { jobId });
      return world.iot.describeJobExecution({ jobId, thingName: things(world, jobId)[0] ?? "" });
    },
    ok({ execution: { status: "QUEUED", executionNumber: 1 } }),
  ),
  row("DeleteJob", "it does not exist", ({ iot }) => iot.deleteJob({ jobId: "no" }), absent()),
  row(
    "AssociateTargetsWithJob",
    "another group",
    async (world) => {
      const jobId = await newJob(world, await newGroup(world, 1), CONTINUOUS);
      await world.iot.associateTargetsWithJob({ jobId, targets: [arn(`thinggroup/${await newGroup(world, 2)}`)] });
      return world.iot.describeJob({ jobId });
    },
    ok({
      job: { jobProcessDetails: { numberOfQueuedThings: 3 }, targets: [expect.any(String), expect.any(String)] },
    }),
  ),
  row(
    "AssociateTargetsWithJob",
    "a snapshot",
    async (world) => {
      const jobId = await newJob(world, await newGroup(world, 1));
      return world.iot.associateTargetsWithJob({ jobId, targets: [arn(`thinggroup/${await newGroup(world)}`)] });
    },
    invalid(),
  ),
  row(
    "AssociateTargetsWithJob",
    "a job that is cancelled",
    async (world) => {
      const group = await newGroup(world);
      const jobId = await newJob(world, group, CONTINUOUS);
      await world.iot.cancelJob({ jobId });
      return world.iot.associateTargetsWithJob({ jobId, targets: [arn(`thinggroup/${group}`)] });
    },
    invalid(),
  ),
  row(
    "AssociateTargetsWithJob",
    "a group that does not exist",
    async (world) =>
      world.iot.associateTargetsWithJob({
        jobId: await newJob(world, await newGroup(world), CONTINUOUS),
        targets: [arn("thinggroup/no")],
      }),
    absent(),
  ),
  row(
    "ListJobs",
    "of a group",
    async (world) => {
      const thingGroupName = await newGroup(world);
      await newJob(world, thingGroupName, CONTINUOUS);
      return world.iot.listJobs({ thingGroupName });
    },
    ok({
      jobs: [
        {
          jobId: expect.stringMatching(/^job-/),
          jobArn: expect.stringMatching(/:job\/job-/),
          status: "IN_PROGRESS",
          targetSelection: "CONTINUOUS",
        },
      ],
    }),
  ),
  row(
    "ListJobs",
    "of a status, a kind and a namespace",
    async (world) => {
      world.server.jobs.create({
        jobId: "of-a-service",
        targets: [arn(`thinggroup/${await newGroup(world)}`)],
        targetSelection: "CONTINUOUS",
        document: "{}",
        namespaceId: "aws-gg-deployment",
      });
      return world.iot.listJobs({
        namespaceId: "aws-gg-deployment",
        status: "IN_PROGRESS",
        targetSelection: "CONTINUOUS",
      });
    },
    ok({ jobs: [{ jobId: "of-a-service" }] }),
  ),
  row("ListJobs", "of a group that does not exist", ({ iot }) => iot.listJobs({ thingGroupName: "no" }), absent()),
  row("ListJobs", "251 a page", ({ iot }) => iot.listJobs({ maxResults: 251 }), invalid(), "model:LaserMaxResults"),
];
