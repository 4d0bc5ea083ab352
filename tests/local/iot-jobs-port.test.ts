import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Store } from "../../local/aws-json/store.ts";
import type { JobExecutionChange } from "../../local/iot/jobs-port.ts";
import { change, newOutbox } from "../../local/iot/outbox.ts";
import type { Iot } from "../../local/iot/state.ts";
import { arn, openIot, type Running } from "./iot-server.ts";

const FLEET = arn("thinggroup/fleet");

let dir: string;
let running: Running;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "iot-jobs-port-"));
  running = await openIot(dir);
  await running.iot.createThingGroup({ thingGroupName: "fleet" });
});
afterEach(async () => {
  await running.close();
  await rm(dir, { recursive: true });
});

const members = async (...names: string[]): Promise<void> => {
  for (const thingName of names) {
    await running.iot.createThing({ thingName });
    await running.iot.addThingToThingGroup({ thingName, thingGroupName: "fleet" });
  }
};
const of = ({ thingName, executionNumber, status }: JobExecutionChange) => `${thingName} ${executionNumber} ${status}`;
const executions = (jobId: string) => running.server.jobs.executions({ jobId }).map(of);

describe("the port", () => {
  const NAMESPACE = "aws-gg-deployment";
  const job = (jobId: string) => ({
    jobId,
    targets: [FLEET],
    targetSelection: "CONTINUOUS" as const,
    document: `{"id":"${jobId}"}`,
    namespaceId: NAMESPACE,
  });

  test("makes a job once, shows it to clients, and refuses targets that do not exist", async () => {
    const { jobs } = running.server;
    await members("one");
    expect(jobs.create(job("job"))).toEqual({ jobArn: arn("job/job") });
    expect(jobs.create({ ...job("job"), document: "other" })).toEqual({ jobArn: arn("job/job") });
    expect(executions("job")).toEqual(["one 1 QUEUED"]);
    expect((await running.iot.listJobs({})).jobs).toMatchObject([{ jobId: "job", status: "IN_PROGRESS" }]);
    expect((await running.iot.describeJob({ jobId: "job" })).job?.namespaceId).toBe(NAMESPACE);
    expect((await running.iot.getJobDocument({ jobId: "job" })).document).toBe('{"id":"job"}');
    expect(() => jobs.create({ ...job("other"), targets: [arn("thinggroup/none")] })).toThrow(
      expect.objectContaining({ code: "ResourceNotFoundException" }),
    );
  });

  test("gives a device what is in progress first, then the oldest, of its namespace", async () => {
    const { jobs } = running.server;
    await members("one", "two");
    await running.iot.createJob({ jobId: "plain", targets: [FLEET], document: "{}" });
    jobs.create(job("first"));
    running.clock.advance(5);
    jobs.create(job("second"));
    expect(jobs.next("one", NAMESPACE)).toMatchObject({ jobId: "first", document: '{"id":"first"}' });
    jobs.update("one", "second", "IN_PROGRESS");
    expect(jobs.next("one", NAMESPACE)).toMatchObject({
      jobId: "second",
      startedAt: running.clock.now(),
      queuedAt: running.clock.now(),
    });
    expect(jobs.next("one")?.jobId).toBe("plain");
    expect(jobs.next("two", NAMESPACE)?.jobId).toBe("first");
    expect(jobs.next("none", NAMESPACE)).toBeUndefined();
    expect(jobs.executions({ thingName: "one", namespaceId: NAMESPACE }).map(({ jobId }) => jobId)).toEqual([
      "first",
      "second",
    ]);
    expect(jobs.executions({ namespaceId: NAMESPACE })).toHaveLength(4);
  });

  test("says where a job is, until it is deleted", async () => {
    const { jobs } = running.server;
    expect(jobs.status("job")).toBeUndefined();
    jobs.create(job("job"));
    expect(jobs.status("job")).toBe("IN_PROGRESS");
    jobs.cancel("job");
    expect(jobs.status("job")).toBe("CANCELED");
    await running.iot.deleteJob({ jobId: "job" });
    expect(jobs.status("job")).toBeUndefined();
  });

  test("refuses updates as the jobs topics do", async () => {
    const { jobs } = running.server;
    await members("one");
    jobs.create(job("job"));
    const update =
      (...args: Parameters<typeof jobs.update>) =>
      () =>
        jobs.update(...args);
    const state = { status: "QUEUED", versionNumber: 1, statusDetails: {} };
    expect(update("one", "job", "SUCCEEDED", { expectedVersion: 2 })).toThrow(
      expect.objectContaining({ code: "VersionMismatch", extra: { executionState: state } }),
    );
    expect(update("one", "none", "SUCCEEDED")).toThrow(expect.objectContaining({ code: "ResourceNotFound" }));
    expect(update("one", "job", "SUCCEEDED", { executionNumber: 2 })).toThrow(
      expect.objectContaining({ code: "ResourceNotFound" }),
    );
    expect(update("one", "job", "CANCELED")).toThrow(expect.objectContaining({ code: "InvalidRequest" }));
    expect(jobs.update("one", "job", "SUCCEEDED", { expectedVersion: 1, statusDetails: { a: "b" } })).toMatchObject({
      status: "SUCCEEDED",
      versionNumber: 2,
      statusDetails: { a: "b" },
    });
    expect(update("one", "job", "FAILED")).toThrow(expect.objectContaining({ code: "InvalidStateTransition" }));
    expect(executions("job")).toEqual(["one 1 SUCCEEDED"]);
  });

  test("tells each change once and in order, when it can be read, and a job's own changes", async () => {
    const { jobs } = running.server;
    await members("one", "two");
    const told: string[] = [];
    jobs.onChange((change) => {
      const stored = jobs.executions({ jobId: change.jobId }).find(({ thingName }) => thingName === change.thingName);
      told.push(of(change));
      expect(stored).toEqual(change);
    });
    jobs.onJob(({ jobId, status }) => told.push(`${jobId} ${status}`));
    jobs.create(job("job"));
    jobs.update("one", "job", "SUCCEEDED");
    jobs.cancel("job", { comment: "replaced" });
    jobs.cancel("job");
    await running.iot.deleteJob({ jobId: "job" });
    expect(told).toEqual([
      "one 1 QUEUED",
      "two 1 QUEUED",
      "job IN_PROGRESS",
      "one 1 SUCCEEDED",
      "two 1 CANCELED",
      "job CANCELED",
      "job DELETION_IN_PROGRESS",
    ]);
  });

  test("tells nothing of what was not stored, and lets a listener make the next change", async () => {
    const { jobs } = running.server;
    await members("one");
    const told: string[] = [];
    jobs.onChange((change) => {
      told.push(of(change));
      if (change.status === "QUEUED") jobs.update(change.thingName, change.jobId, "IN_PROGRESS");
    });
    jobs.create(job("job"));
    expect(told).toEqual(["one 1 QUEUED", "one 1 IN_PROGRESS"]);
    await running.iot.createThingGroup({ thingGroupName: "child", parentGroupName: "fleet" });
    await running.iot.createThing({ thingName: "two" });
    await expect(
      running.iot.updateThingGroupsForThing({ thingName: "two", thingGroupsToAdd: ["fleet", "child"] }),
    ).rejects.toMatchObject({ name: "InvalidRequestException" });
    expect(told).toHaveLength(2);
    expect(executions("job")).toEqual(["one 1 IN_PROGRESS"]);
  });

  test("forgets what a transaction that failed had to tell", () => {
    const store = new Store(join(dir, "outbox.db"), "CREATE TABLE t (x INTEGER)");
    const iot = { store, outbox: newOutbox(), wake: () => undefined } as unknown as Iot;
    const told: string[] = [];
    iot.outbox.onJob.push(({ jobId }) => told.push(jobId));
    iot.outbox.onExecution.push(({ jobId }) => told.push(jobId));
    const put = (jobId: string) => {
      iot.outbox.jobs.push({ jobId, status: "IN_PROGRESS" });
      iot.outbox.executions.push({
        jobId,
        thingName: "t",
        status: "QUEUED",
        executionNumber: 1,
        versionNumber: 1,
        at: 0,
      });
    };
    expect(() =>
      change(iot, () => {
        put("failed");
        throw new Error("rolled back");
      }),
    ).toThrow("rolled back");
    change(iot, () => put("stored"));
    expect(told).toEqual(["stored", "stored"]);
    store.close();
  });

  test("a listener that fails keeps neither the caller nor the other listeners from it", async () => {
    const { jobs } = running.server;
    await members("one");
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const told: string[] = [];
    jobs.onChange(() => {
      throw new Error("listener");
    });
    jobs.onChange((change) => told.push(of(change)));
    jobs.create(job("job"));
    expect(told).toEqual(["one 1 QUEUED"]);
    expect(log).toHaveBeenCalledWith("iot: a listener failed", expect.any(Error));
    log.mockRestore();
  });

  test("holds what was there when it is opened again, though nothing was closed", async () => {
    await members("one");
    running.server.jobs.create(job("job"));
    running.server.jobs.update("one", "job", "IN_PROGRESS", { statusDetails: { step: "1" } });
    const second = await openIot(dir, { clock: running.clock });
    try {
      expect(second.server.jobs.executions({ jobId: "job" })).toEqual(running.server.jobs.executions({ jobId: "job" }));
      expect(second.server.jobs.next("one", NAMESPACE)).toMatchObject({ jobId: "job", statusDetails: { step: "1" } });
    } finally {
      await second.close();
    }
  });
});
