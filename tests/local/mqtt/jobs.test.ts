import { expect, test } from "vitest";
import type { Client } from "./client.ts";
import { iotArn, withBroker } from "./support.ts";

const broker = withBroker();
const NAMESPACE = "aws-gg-deployment";

const device = async (more: object = {}): Promise<{ client: Client; thing: string; jobs: string }> => {
  const { thingName: thing, ...identity } = await broker.device();
  const client = await broker.connect({ identity, clientId: thing, ...more });
  return { client, thing, jobs: `$aws/things/${thing}/jobs` };
};

const job = (jobId: string, thing: string, more: object = {}) =>
  broker.control.jobs.create({
    jobId,
    targets: [iotArn(`thing/${thing}`)],
    targetSelection: "SNAPSHOT",
    document: JSON.stringify({ do: jobId }),
    ...more,
  });

const now = () => Math.floor(broker.clock.now() / 1_000);

test("a device learns of its jobs, works them off and reports, without any subscription", async () => {
  const { client, thing, jobs } = await device();
  const first = broker.unique("job");
  const second = broker.unique("job");
  job(first, thing);
  broker.clock.advance(5_000);
  job(second, thing);
  const summary = (jobId: string, queuedAt: number) => ({
    jobId,
    queuedAt,
    lastUpdatedAt: queuedAt,
    executionNumber: 1,
    versionNumber: 1,
  });
  expect(await client.ask(`${jobs}/get`, { clientToken: "t" })).toEqual({
    inProgressJobs: [],
    queuedJobs: [summary(first, now() - 5), summary(second, now())],
    timestamp: now(),
    clientToken: "t",
  });
  const execution = {
    ...summary(first, now() - 5),
    thingName: thing,
    status: "QUEUED",
    jobDocument: { do: first },
  };
  expect(await client.ask(`${jobs}/$next/get`, "")).toEqual({ execution, timestamp: now() });
  const { jobDocument, ...bare } = execution;
  expect(await client.ask(`${jobs}/${first}/get`, { includeJobDocument: false })).toEqual({
    execution: bare,
    timestamp: now(),
  });
  expect(await client.ask(`${jobs}/start-next`, { statusDetails: { step: "1" }, clientToken: "s" })).toEqual({
    execution: {
      ...execution,
      status: "IN_PROGRESS",
      statusDetails: { step: "1" },
      startedAt: now(),
      lastUpdatedAt: now(),
      versionNumber: 2,
    },
    timestamp: now(),
    clientToken: "s",
  });
  const update = {
    status: "SUCCEEDED",
    statusDetails: null,
    expectedVersion: "2",
    includeJobExecutionState: true,
    includeJobDocument: true,
  };
  expect(await client.ask(`${jobs}/${first}/update`, { ...update, clientToken: "u" })).toEqual({
    executionState: { status: "SUCCEEDED", versionNumber: 3, statusDetails: { step: "1" } },
    jobDocument,
    timestamp: now(),
    clientToken: "u",
  });
  expect(await client.ask(`${jobs}/${second}/update`, { status: "REJECTED" })).toEqual({ timestamp: now() });
  expect(await client.ask(`${jobs}/$next/get`, {})).toEqual({ timestamp: now() });
  expect(await client.ask(`${jobs}/start-next`, {})).toEqual({ timestamp: now() });
  expect((await broker.iot.describeJob({ jobId: first })).job?.status).toBe("COMPLETED");
});

test("a job with a namespace is on that namespace's topics, and a job without one on those without", async () => {
  const { client, thing, jobs } = await device();
  const own = broker.unique("job");
  const plain = broker.unique("job");
  job(own, thing, { namespaceId: NAMESPACE });
  job(plain, thing);
  const next = async (topic: string) => {
    const { execution } = (await client.ask(topic, {})) as { execution?: { jobId: string } };
    return execution?.jobId;
  };
  expect(await next(`${jobs}/$next/namespace-${NAMESPACE}/get`)).toBe(own);
  expect(await next(`${jobs}/$next/get`)).toBe(plain);
  expect(await next(`${jobs}/$next/namespace-other/get`)).toBeUndefined();
  expect(await client.ask(`${jobs}/get-namespace-${NAMESPACE}`, {})).toMatchObject({ queuedJobs: [{ jobId: own }] });
  expect(await client.ask(`${jobs}/${own}/get`, {})).toMatchObject({ rejected: { code: "ResourceNotFound" } });
  expect(await next(`${jobs}/start-next-namespace-${NAMESPACE}`)).toBe(own);
  const report = await client.ask(`${jobs}/${own}/namespace-${NAMESPACE}/update`, {
    status: "SUCCEEDED",
    clientToken: "jobs-nucleus-lite",
  });
  expect(report).toEqual({ timestamp: now(), clientToken: "jobs-nucleus-lite" });
});

test.each([
  ["a job that there is not", "none/get", {}, { code: "ResourceNotFound" }],
  ["another number than there is", "JOB/get", { executionNumber: 7 }, { code: "ResourceNotFound" }],
  ["what is not JSON", "JOB/update", "{", { code: "InvalidJson" }],
  ["what is not UTF-8", "JOB/update", Buffer.from([0x22, 0xff, 0x22]), { code: "InvalidJson" }],
  ["an update without a status", "JOB/update", { clientToken: "t" }, { code: "InvalidRequest", clientToken: "t" }],
  ["what is no object", "JOB/update", "[]", { code: "InvalidRequest" }],
  ["a status that no device reports", "JOB/update", { status: "CANCELED" }, { code: "InvalidRequest" }],
  [
    "details that are not text",
    "JOB/update",
    { status: "FAILED", statusDetails: { a: 1 } },
    { code: "InvalidRequest" },
  ],
  ["a step timer", "start-next", { stepTimeoutInMinutes: 5 }, { code: "InvalidRequest" }],
  [
    "another version than it has",
    "JOB/update",
    { status: "FAILED", expectedVersion: 9 },
    { code: "VersionMismatch", executionState: { status: "QUEUED", versionNumber: 1, statusDetails: {} } },
  ],
  ["a topic that is no operation", "JOB/delete", {}, { code: "InvalidTopic" }],
  ["a topic that AWS publishes to", "notify-next", {}, { code: "InvalidTopic" }],
])("a request is rejected: %s", async (_what, topic, request, rejected) => {
  const { client, thing, jobs } = await device();
  const jobId = broker.unique("job");
  job(jobId, thing);
  expect(await client.ask(`${jobs}/${topic.replace("JOB", jobId)}`, request)).toEqual({
    rejected: { message: expect.any(String), timestamp: now(), ...rejected },
  });
});

test("an execution that has ended is described no more, and changes no more", async () => {
  const { client, thing, jobs } = await device();
  const jobId = broker.unique("job");
  job(jobId, thing);
  await client.ask(`${jobs}/${jobId}/update`, { status: "FAILED", statusDetails: { why: "x" } });
  expect(await client.ask(`${jobs}/${jobId}/get`, {})).toMatchObject({ rejected: { code: "TerminalStateReached" } });
  expect(await client.ask(`${jobs}/${jobId}/update`, { status: "SUCCEEDED" })).toMatchObject({
    rejected: { code: "InvalidStateTransition", executionState: { status: "FAILED", statusDetails: { why: "x" } } },
  });
});

test("jobs of a thing that there is not are not found", async () => {
  const client = await broker.connect({ identity: await broker.identity(), clientId: broker.unique("client") });
  expect(await client.ask("$aws/things/nobody/jobs/get", {})).toMatchObject({ rejected: { code: "ResourceNotFound" } });
});

/** The series of https://docs.aws.amazon.com/iot/latest/developerguide/jobs-comm-notifications.html */
test.each([
  ["", {}],
  [`-namespace-${NAMESPACE}`, { namespaceId: NAMESPACE }],
])("a device is notified of what comes, goes and is next: on notify%s", async (suffix, more) => {
  const { client, thing, jobs } = await device();
  await client.subscribe(`${jobs}/notify${suffix}`);
  await client.subscribe(`${jobs}/notify-next${suffix}`);
  const within = suffix === "" ? "" : `/namespace-${NAMESPACE}`;
  const [one, two, three] = [broker.unique("job"), broker.unique("job"), broker.unique("job")] as const;
  const heard = async () => {
    const told = (await client.settled()).splice(0).flatMap((packet) => {
      if (packet.cmd !== "publish" || !packet.topic.includes("/notify")) return [];
      const { jobs: list, execution } = JSON.parse(packet.payload.toString()) as {
        jobs?: Record<string, { jobId: string }[]>;
        execution?: { jobId: string; jobDocument: object };
      };
      if (list === undefined) return [["next", execution?.jobId, execution?.jobDocument]];
      return [
        ["list", Object.fromEntries(Object.entries(list).map(([key, some]) => [key, some.map((it) => it.jobId)]))],
      ];
    });
    return told;
  };
  const report = (jobId: string, status: string) => client.ask(`${jobs}/${jobId}${within}/update`, { status });

  job(one, thing, more);
  expect(await heard()).toEqual([
    ["list", { QUEUED: [one] }],
    ["next", one, { do: one }],
  ]);
  job(two, thing, more);
  expect(await heard()).toEqual([["list", { QUEUED: [one, two] }]]);
  await report(one, "IN_PROGRESS");
  expect(await heard()).toEqual([]);
  job(three, thing, more);
  expect(await heard()).toEqual([["list", { IN_PROGRESS: [one], QUEUED: [two, three] }]]);
  await report(one, "SUCCEEDED");
  expect(await heard()).toEqual([
    ["list", { QUEUED: [two, three] }],
    ["next", two, { do: two }],
  ]);
  await report(three, "IN_PROGRESS");
  expect(await heard()).toEqual([["next", three, { do: three }]]);
  await report(two, "REJECTED");
  expect(await heard()).toEqual([["list", { IN_PROGRESS: [three] }]]);
  broker.control.jobs.cancel(three, { force: true });
  expect(await heard()).toEqual([
    ["list", {}],
    ["next", undefined, undefined],
  ]);
});

test("a job that came while the device was away waits in its session", async () => {
  const more = { clean: false, properties: { sessionExpiryInterval: 600 } };
  const { thingName: thing, ...identity } = await broker.device();
  const topic = `$aws/things/${thing}/jobs/notify-next`;
  const first = await broker.connect({ identity, clientId: thing, ...more });
  await first.subscribe(topic);
  await first.disconnect();
  const jobId = broker.unique("job");
  job(jobId, thing);
  const second = await broker.connect({ identity, clientId: thing, ...more });
  expect(await second.json(topic)).toMatchObject({ execution: { jobId } });
});

test("a document that is larger than the client takes is not sent, and the job stays queued", async () => {
  // What nucleus lite says of itself: 5,000 bytes.
  const { client, thing, jobs } = await device({ properties: { maximumPacketSize: 5_000 } });
  const [large, small] = [broker.unique("job"), broker.unique("job")];
  job(large, thing, { document: JSON.stringify({ do: "x".repeat(5_000) }) });
  await client.publish(`${jobs}/$next/get`, {});
  expect((await client.settled()).filter(({ cmd }) => cmd === "publish")).toEqual([]);
  expect(broker.control.jobs.next(thing)?.status).toBe("QUEUED");
  broker.control.jobs.cancel(large);
  job(small, thing);
  expect(await client.ask(`${jobs}/$next/get`, {})).toMatchObject({ execution: { jobId: small } });
});

test("an answer reaches others who subscribed and may receive it, and the requester once", async () => {
  const { client, jobs } = await device();
  await client.subscribe(`${jobs}/get/accepted`);
  const other = await broker.connect({ identity: await broker.identity(), clientId: broker.unique("other") });
  await other.subscribe(`${jobs}/get/accepted`);
  await client.ask(`${jobs}/get`, { clientToken: "mine" });
  expect(await other.json(`${jobs}/get/accepted`)).toMatchObject({ clientToken: "mine" });
  expect((await client.settled()).filter(({ cmd }) => cmd === "publish")).toEqual([]);
});

test.each([
  ["throttling", "RequestThrottled"],
  ["server-error", "InternalError"],
] as const)("a fault of an operation: %s", async (kind, code) => {
  const { client, jobs } = await device();
  broker.faults.arm({ operation: "mqtt:GetPendingJobExecutions", kind, times: 1 });
  expect(await client.ask(`${jobs}/get`, { clientToken: "t" })).toMatchObject({ rejected: { code, clientToken: "t" } });
  expect(await client.ask(`${jobs}/get`, {})).toMatchObject({ queuedJobs: [] });
});

test("a fault that resets the connection ends it, and nothing was done", async () => {
  const { client, thing, jobs } = await device();
  const jobId = broker.unique("job");
  job(jobId, thing);
  broker.faults.arm({ operation: "mqtt:UpdateJobExecution", kind: "reset", times: 1 });
  await client.publish(`${jobs}/${jobId}/update`, { status: "SUCCEEDED" });
  await client.end();
  expect(broker.control.jobs.next(thing)?.status).toBe("QUEUED");
});

test("what a core device says of itself goes to Greengrass", async () => {
  const { client, thing } = await device();
  for (const name of ["greengrassv2", "greengrass"]) {
    broker.health.length = 0;
    await client.publish(`$aws/things/${thing}/${name}/health/json`, { thing });
    await client.settled();
    expect(broker.health).toEqual([{ thing, document: { thing } }]);
  }
  broker.logged.length = 0;
  await client.publish(`$aws/things/${thing}/greengrassv2/health/json`, "not JSON");
  await client.settled();
  expect(broker.logged).toMatchObject([{ message: "mqtt: a health message was not understood" }]);
});
