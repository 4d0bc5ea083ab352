import { functions } from "../../functions/declared.ts";
import { HOOK_VERDICTS, INTENT_FAULTS, type MetricName, metrics, OTA_ANSWERS } from "../../shared/declared/metrics.ts";
import { tables } from "../../shared/declared/tables.ts";
import { functionOfTrigger, streams } from "../../shared/declared/triggers.ts";
import { KEPT_DAYS } from "../../shared/event/kept.ts";
import { INTENT_KINDS, type IntentKind } from "../../shared/intent/intent.ts";
import { tasks } from "../../workflows/tasks.ts";
import { workflows } from "../../workflows/workflows.ts";
import { happyPath } from "./path.ts";
import type { PriceName } from "./prices.ts";

/** An assumption of the model: change it here, and the tables follow. */
interface Assumed {
  readonly value: number;
  readonly what: string;
  readonly why: string;
}

const assumed = (value: number, what: string, why: string): Assumed => ({ value, what, why });

export const ASSUMED = {
  nodesPerGroup: assumed(100, "managed devices in a node group", "a site or a customer; fewer make more deployments"),
  nodesPerWorkspace: assumed(1_000, "managed devices in a workspace", "a tenant of the size of the smallest column"),
  cellsPerGroup: assumed(2, "cells that a group's deployment reaches", "groups overlap, but seldom in many ways"),
  deploymentsPerMonth: assumed(4, "changes of a group's deployment a month", "one a week"),
  versionsPerMonth: assumed(4, "component versions published in a workspace a month", "one for each deployment"),
  churn: assumed(0.02, "of the managed devices are new each month, and as many leave", "a fleet of some five years"),
  filesPerDeployment: assumed(2, "files that a device fetches for a deployment", "a program and its data"),
  fileMegabytes: assumed(5, "MB in each of them", "the sample binaries of the demo have 1 to 10"),
  messagesPerDay: assumed(
    12,
    "messages of a connected core a day",
    "health and telemetry once a day each (the nucleus' defaults), and one reconnection of 10 messages",
  ),
  eventsPerIntent: assumed(
    4,
    "events told of an intent",
    "accepted, started and ended, and what became of its subject",
  ),
  eventsPerDay: assumed(2, "events told of a connected core a day", "one reconnection: offline, and connected again"),
  messagesPerDeployment: assumed(12, "messages of a core for a deployment", "the job's notices, reports and answers"),
  pollsOfIntent: assumed(10, "requests in which a client waits for an intent", "a request a second until it has ended"),
  readsPerNode: assumed(1, "API reads a month for each managed device", "consoles list 50 nodes in a request"),
  pollsPerDay: assumed(24, "polls of an anonymous device a day", "one an hour; the cost of polls goes with it"),
  otaReleases: assumed(2, "releases that an anonymous device fetches a month", "one each fortnight"),
  otaMegabytes: assumed(10, "MB of each of them", "the largest of the demo's samples"),
  questions: assumed(50, "different questions that anonymous devices ask", "kinds of devices × what they have already"),
  edgeCaches: assumed(13, "caches of CloudFront that ask the origin", "its regional edge caches"),
  pollBytes: assumed(1_000, "bytes of the answer to a poll", "headers, and metadata when there is something new"),
  quickSeconds: assumed(
    0.15,
    "seconds of a function's call",
    "two or three calls of AWS services; not measured on AWS",
  ),
  patientSeconds: assumed(
    5,
    "seconds of a task that goes through a file",
    "10 MB read and written; not measured on AWS",
  ),
  writesPerTask: assumed(4, "write units of a task", "a transaction of one item of 1 KB, and an index"),
  writesPerRequest: assumed(12, "write units of an accepted request", "a transaction of four items, two in an index"),
  writesPerEvent: assumed(
    2,
    "write units of an event that is told",
    "one item of up to 2 KB, for those who read events",
  ),
  readsPerCall: assumed(3, "read units of a function's call", "three items of up to 4 KB"),
  deadLetterShare: assumed(0.001, "of the streams' calls end in a queue", "far more than should"),
  keyRequestShare: assumed(
    0.01,
    "requests to KMS for a function's call",
    "its logs' data keys; not documented, rather high",
  ),
  devicesPerWorkspace: assumed(1_000, "anonymous devices of a workspace", "as many as managed ones"),
  signaturesPerMonth: assumed(
    60,
    "signatures a month for a workspace's releases and snapshots",
    "a snapshot a day, and ten releases with one each and a snapshot or two",
  ),
  itemKilobytes: assumed(6, "KB in the tables for each managed device", "node, name, memberships, cell, reports"),
  intentKilobytes: assumed(3, "KB for each intent, for the 90 days that it is kept", "the item, and its two indexes"),
  eventKilobytes: assumed(
    2,
    "KB for each event, for the eight days that it is kept",
    "an intent's has little more than 1",
  ),
  reportsPerDeployment: assumed(
    2,
    "events of a device for a deployment",
    "that it ended, and how its components are; the table is written for each",
  ),
  secondsPerLook: assumed(
    0.6,
    "seconds that the sweep takes for a device, which it looks at once a day",
    "six questions to AWS, of ten a second; runs take four of each five minutes at most",
  ),
  logBytesPerCall: assumed(
    1_500,
    "bytes of logs for a function's call",
    "Lambda's start and report, two lines, a metric",
  ),
  logBytesPerRequest: assumed(400, "bytes of the API's access log for a request", "one line"),
  accessLogBytes: assumed(300, "bytes of CloudFront's access log for a request", "one line, compressed"),
} as const satisfies Readonly<Record<string, Assumed>>;

const A = Object.fromEntries(Object.entries(ASSUMED).map(([name, { value }]) => [name, value])) as {
  readonly [Name in keyof typeof ASSUMED]: number;
};

const DAYS = 365 / 12;
const HOURS = DAYS * 24;
const MINUTES = HOURS * 60;
const SECONDS = MINUTES * 60;
/** As production keeps them by default. */
export const LOG_MONTHS = 3;
export const ACCESS_LOG_MONTHS = 12;

export type Quantities = Readonly<Partial<Record<PriceName, number>>>;

export const FLEETS = [1_000, 10_000, 100_000, 1_000_000] as const;

/** Intents a month of so many managed devices. */
export const intentsOf = (devices: number): Readonly<Partial<Record<IntentKind, number>>> => ({
  "deployment.apply": (devices / A.nodesPerGroup) * A.deploymentsPerMonth,
  "component-version.publish": (devices / A.nodesPerWorkspace) * A.versionsPerMonth,
  "node.create": devices * A.churn,
  "node.delete": devices * A.churn,
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Lambda's default sampling: the first request of each second, and one in twenty of the rest. */
const sampled = (requests: number): number => Math.min(requests, SECONDS) + 0.05 * Math.max(0, requests - SECONDS);

/** Requests that reach the origin: each question at each cache once in 100 s, unless it was not asked there. */
export const missesOf = (polls: number): number => {
  const slots = A.questions * A.edgeCaches * (SECONDS / 100);
  return slots * (1 - Math.exp(-polls / slots));
};

const logsOf = (calls: number, requests = 0): Quantities => {
  const gb = (calls * A.logBytesPerCall + requests * A.logBytesPerRequest) / 1e9;
  return { logs: gb, logStorage: gb * LOG_MONTHS, keyRequests: calls * A.keyRequestShare };
};

const memoryGb = (name: string): number => (functions[name]?.memoryMb ?? 0) / 1_024;

/** What a month of so many managed devices uses, connected all the time. */
export const managed = (devices: number): Quantities => {
  const intents = Object.entries(intentsOf(devices)) as [IntentKind, number][];
  const accepted = sum(intents.map(([, count]) => count));
  const paths = intents.map(([kind, count]) => ({ count, ...happyPath(kind, A.cellsPerGroup) }));
  const taskCalls = sum(paths.map((path) => path.count * path.tasks.length));
  const taskSeconds = sum(
    paths.map(
      (path) =>
        path.count *
        sum(
          path.tasks.map(
            (task) => memoryGb(task) * (tasks[task].timeoutSeconds > 30 ? A.patientSeconds : A.quickSeconds),
          ),
        ),
    ),
  );
  const requests = accepted * (1 + A.pollsOfIntent) + devices * A.readsPerNode;
  const events = accepted * A.eventsPerIntent + devices * DAYS * A.eventsPerDay;
  // Each event comes by a call of a stream's reader, and is heard by the functions that send webhooks and keep events.
  const streamCalls = accepted * Object.keys(streams).length + 3 * events;
  const reports = devices * A.deploymentsPerMonth * A.reportsPerDeployment;
  const looks = Math.min(devices * DAYS, (SECONDS * 0.8) / A.secondsPerLook);
  const calls = requests + taskCalls + streamCalls + reports;
  const files = devices * A.deploymentsPerMonth * A.filesPerDeployment;
  const tableKb =
    devices * A.itemKilobytes +
    accepted * LOG_MONTHS * A.intentKilobytes +
    ((events * KEPT_DAYS) / DAYS) * A.eventKilobytes;
  const tableGb = tableKb / 1e6;
  return {
    cores: devices,
    connections: devices * MINUTES,
    messages: devices * (DAYS * A.messagesPerDay + A.deploymentsPerMonth * A.messagesPerDeployment),
    registry: devices * A.churn * 9, // a node's creation: thing, two groups, certificate, policy; its deletion: four
    jobs: devices * A.deploymentsPerMonth,
    objectReads: files,
    objectWrites: (intentsOf(devices)["component-version.publish"] ?? 0) * A.filesPerDeployment,
    queueRequests: streamCalls * A.deadLetterShare,
    transfer: (files * A.fileMegabytes) / 1e3,
    apiRequests: requests,
    lambdaRequests: calls,
    lambdaTime:
      taskSeconds +
      requests * 0.5 * A.quickSeconds +
      streamCalls * memoryGb("start-workflows") * A.quickSeconds +
      reports * memoryGb("note-reports") * A.quickSeconds +
      looks * memoryGb("sweep-fleets") * A.secondsPerLook,
    transitions: sum(paths.map(({ count, transitions }) => count * transitions)),
    events,
    tableWrites:
      accepted * A.writesPerRequest + (taskCalls + reports + looks) * A.writesPerTask + events * A.writesPerEvent,
    tableReads: (calls + 2 * looks) * A.readsPerCall,
    tableStorage: tableGb,
    tableRecovery: tableGb,
    traces: sampled(calls),
    ...logsOf(calls, requests),
  };
};

/** What so many polls in a month use, of which so many are not in the cache, and reach the function. */
export const polled = (polls: number, calls: number): Quantities => ({
  cdnRequests: polls,
  cdnFunctions: polls * 2, // before the cache and after it
  wafRequests: polls,
  cdnTransfer: (polls * A.pollBytes) / 1e9,
  objectStorage: (polls * A.accessLogBytes * ACCESS_LOG_MONTHS) / 1e9,
  lambdaRequests: calls,
  lambdaTime: calls * memoryGb("ota-package") * A.quickSeconds,
  tableReads: calls * A.readsPerCall,
  traces: sampled(calls),
  ...logsOf(calls),
});

/** Polls a month of so many anonymous devices. */
export const pollsOf = (devices: number): number => devices * A.pollsPerDay * DAYS;

/** What a month of so many anonymous devices uses. */
export const anonymous = (devices: number): Quantities => {
  const polls = pollsOf(devices);
  const fetches = devices * A.otaReleases;
  return {
    ...polled(polls + fetches, missesOf(polls) + missesOf(fetches)),
    cdnTransfer: (polls * A.pollBytes) / 1e9 + (fetches * A.otaMegabytes) / 1e3,
    objectReads: missesOf(fetches) * 2, // HEAD and GET of a segment
    signatures: (devices / A.devicesPerWorkspace) * A.signaturesPerMonth,
  };
};

/** How many values the dimensions of our metrics have. */
const VALUES: Readonly<Record<string, number>> = {
  kind: INTENT_KINDS.length,
  fault: INTENT_FAULTS.length,
  answer: OTA_ANSWERS.length,
  verdict: HOOK_VERDICTS.length,
};

/**
 * The metrics that alarms look at, each of which is paid for: of queues, of executions that end in one of three bad ways, of
 * reads and writes of tables and indexes, of streams, and eight of the whole stage.
 */
const ALARMS =
  Object.keys(functionOfTrigger).length +
  2 * workflows.length +
  sum(Object.values(tables).map(({ indexes }) => 2 * (1 + indexes.length))) +
  Object.keys(streams).length +
  8;

/** What a stage uses that nobody asks anything of. */
export const idle = (): Quantities => {
  const sweeps = MINUTES; // of intents, and of deliveries
  const renewals = MINUTES / 15;
  const fleetSweeps = MINUTES / 5;
  return {
    keys: 3, // for logs and alarms, for signatures, and for webhooks' secrets
    alarms: ALARMS,
    dashboards: 1,
    metrics: sum(
      (Object.keys(metrics) as MetricName[]).map((name) => 1 + sum(metrics[name].by.map((by) => VALUES[by] ?? 1))),
    ),
    wafAcls: 1,
    wafRules: 3,
    lambdaRequests: 2 * sweeps + renewals + fleetSweeps,
    lambdaTime:
      (sweeps * (memoryGb("sweep-intents") + memoryGb("retry-webhooks")) +
        renewals * memoryGb("renew-snapshots") +
        fleetSweeps * memoryGb("sweep-fleets")) *
      A.quickSeconds,
    tableReads: 2 * sweeps + 2 * renewals + 2 * fleetSweeps,
    tableWrites: fleetSweeps,
    traces: sampled(2 * sweeps + renewals + fleetSweeps),
    ...logsOf(2 * sweeps + renewals + fleetSweeps),
  };
};
