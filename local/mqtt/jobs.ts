import * as z from "zod";
import { AwsError } from "../aws-json/errors.ts";
import { exists } from "../iot/arns.ts";
import type { JobExecutionChange } from "../iot/jobs-port.ts";
import { type ExecutionRow, findExecution, findJob, isTerminal, type JobRow } from "../iot/jobs-store.ts";
import { parseStrings } from "../iot/state.ts";
import { clientTokenOf, parseAs, parseJson, seconds } from "./payload.ts";
import type { Operation, Reply } from "./reserved.ts";
import { publishJson } from "./routing.ts";
import type { Broker, Message } from "./state.ts";

/**
 * Jobs for devices: https://docs.aws.amazon.com/iot/latest/developerguide/jobs-mqtt-api.html, with the namespaces that
 * `namespaceId` of https://docs.aws.amazon.com/iot/latest/apireference/API_CreateJob.html speaks of. A job that has a
 * namespace is seen on that namespace's topics alone.
 */
const TOPIC = /^\$aws\/things\/([^/]+)\/jobs\/(.*)$/;
const REQUEST =
  /^(?:(?<list>get|start-next)(?:-namespace-(?<of>[^/]+))?|(?<job>[^/]+)(?:\/namespace-(?<within>[^/]+))?\/(?<one>get|update))$/;

/** https://docs.aws.amazon.com/iot/latest/developerguide/jobs-comm-notifications.html */
const MAX_NOTIFIED = 10;

const invalidRequest = (message: string): AwsError => new AwsError("InvalidRequest", 400, message);
const invalidJson = (message: string): AwsError => new AwsError("InvalidJson", 400, message);
const notFound = (message: string): AwsError => new AwsError("ResourceNotFound", 404, message);

interface Request {
  readonly topic: string;
  readonly thing: string;
  readonly namespace: string | undefined;
  readonly payload: Buffer;
}

type Pending = ExecutionRow & { readonly document: string };

const pending = (broker: Broker, thing: string, namespace: string | undefined, limit: number): Pending[] =>
  broker.iot.store.all<Pending>(
    `SELECT job_executions.*, jobs.document FROM job_executions JOIN jobs ON jobs.name = job_executions.job
     WHERE thing = ? AND latest = 1 AND job_executions.status IN ('IN_PROGRESS', 'QUEUED') AND namespace IS ?
     ORDER BY job_executions.status = 'QUEUED', job_executions.position LIMIT ?`,
    thing,
    namespace ?? null,
    limit,
  );

const summaryOf = (row: ExecutionRow) => ({
  jobId: row.job,
  queuedAt: seconds(row.queued_at),
  lastUpdatedAt: seconds(row.updated_at),
  ...(row.started_at !== null && { startedAt: seconds(row.started_at) }),
  executionNumber: row.number,
  versionNumber: row.version,
});

const detailsOf = (row: ExecutionRow) => {
  const statusDetails = parseStrings(row.details);
  return Object.keys(statusDetails).length > 0 ? { statusDetails } : {};
};

const stateOf = (row: ExecutionRow) => ({ status: row.status, versionNumber: row.version, ...detailsOf(row) });

/** The document as the JSON value that it is. */
const documentOf = (text: string): unknown => JSON.parse(text) as unknown;

const executionOf = (broker: Broker, row: ExecutionRow, document?: string) => ({
  ...summaryOf(row),
  thingName: row.thing,
  status: row.status,
  ...detailsOf(row),
  ...(row.due_at !== null && {
    approximateSecondsBeforeTimedOut: Math.max(0, seconds(row.due_at - broker.iot.clock.now())),
  }),
  ...(document !== undefined && { jobDocument: documentOf(document) }),
});

const StepTimer = z.never({ error: "step timers are not emulated" }).optional();
const Details = z.record(z.string(), z.string());
const GetPending = z.object({ clientToken: z.string().optional() });
const StartNext = GetPending.extend({ statusDetails: Details.optional(), stepTimeoutInMinutes: StepTimer });
const Describe = GetPending.extend({
  executionNumber: z.int().optional(),
  includeJobDocument: z.boolean().default(true),
});
const Update = GetPending.extend({
  status: z.enum(["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"]),
  statusDetails: Details.optional(),
  // The documentation has the number in a string.
  expectedVersion: z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]).optional(),
  executionNumber: z.int().optional(),
  includeJobExecutionState: z.boolean().default(false),
  includeJobDocument: z.boolean().default(false),
  stepTimeoutInMinutes: StepTimer,
});

/** A member that is null is one that is not there, as serialisers write it. */
const read = <T>(schema: z.ZodType<T>, { payload }: Request): T => {
  const value = parseJson(payload, invalidJson);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalidRequest("the request is no object");
  const given = Object.entries(value).filter(([, member]) => member !== null);
  return parseAs(schema, Object.fromEntries(given), invalidRequest);
};

/** The execution of a job that the topic's namespace has. @throws AwsError ResourceNotFound */
const executionFor = (broker: Broker, request: Request, jobId: string, number?: number): [JobRow, ExecutionRow] => {
  const job = findJob(broker.iot, jobId);
  const row = findExecution(broker.iot, jobId, request.thing, number);
  if (job === undefined || row === undefined || job.namespace !== (request.namespace ?? null))
    throw notFound(`Job ${jobId} has no such execution on thing ${request.thing}`);
  return [job, row];
};

type Answer = Readonly<Record<string, unknown>>;

const getPending = (broker: Broker, request: Request): Answer => {
  const { clientToken } = read(GetPending, request);
  const rows = pending(broker, request.thing, request.namespace, -1);
  const withStatus = (status: string) => rows.filter((row) => row.status === status).map(summaryOf);
  return { inProgressJobs: withStatus("IN_PROGRESS"), queuedJobs: withStatus("QUEUED"), clientToken };
};

const startNext = (broker: Broker, request: Request): Answer => {
  const { clientToken, statusDetails } = read(StartNext, request);
  const [next] = pending(broker, request.thing, request.namespace, 1);
  if (next === undefined) return { clientToken };
  if (next.status === "QUEUED")
    broker.jobs.update(request.thing, next.job, "IN_PROGRESS", {
      ...(statusDetails !== undefined && { statusDetails }),
    });
  const row = findExecution(broker.iot, next.job, request.thing) ?? next;
  return { execution: executionOf(broker, row, next.document), clientToken };
};

const describe = (broker: Broker, request: Request, jobId: string): Answer => {
  const { clientToken, executionNumber, includeJobDocument } = read(Describe, request);
  const found = (row: ExecutionRow, document: string): Answer => ({
    execution: executionOf(broker, row, includeJobDocument ? document : undefined),
    clientToken,
  });
  if (jobId === "$next") {
    const [next] = pending(broker, request.thing, request.namespace, 1);
    return next === undefined ? { clientToken } : found(next, next.document);
  }
  const [job, row] = executionFor(broker, request, jobId, executionNumber);
  if (isTerminal(row.status)) throw new AwsError("TerminalStateReached", 409, `The execution is ${row.status}`);
  return found(row, job.document);
};

const update = (broker: Broker, request: Request, jobId: string): Answer => {
  const { clientToken, status, statusDetails, expectedVersion, executionNumber, ...include } = read(Update, request);
  const [job] = executionFor(broker, request, jobId, executionNumber);
  broker.jobs.update(request.thing, jobId, status, {
    ...(statusDetails !== undefined && { statusDetails }),
    ...(expectedVersion !== undefined && { expectedVersion }),
    ...(executionNumber !== undefined && { executionNumber }),
  });
  const [, row] = executionFor(broker, request, jobId, executionNumber);
  return {
    ...(include.includeJobExecutionState && { executionState: stateOf(row) }),
    ...(include.includeJobDocument && { jobDocument: documentOf(job.document) }),
    clientToken,
  };
};

/** AWS's names of errors, which faults have in other words: https://docs.aws.amazon.com/iot/latest/developerguide/jobs-api.html */
const codeOf = ({ code }: AwsError): string =>
  code === "ThrottlingException"
    ? "RequestThrottled"
    : code === "ResourceNotFoundException"
      ? "ResourceNotFound"
      : code;

/** What a device asks of its jobs. A topic below `jobs/` that is none of AWS's is answered, too. */
export const jobsOperation = (broker: Broker, { topic, payload }: Message): Operation | undefined => {
  const [, thing, rest = ""] = TOPIC.exec(topic) ?? [];
  if (thing === undefined) return undefined;
  const { list, of, job, within, one } = REQUEST.exec(rest)?.groups ?? {};
  const request: Request = { topic, thing, namespace: of ?? within, payload };

  const operate = (name: string, work: () => Answer): Operation => ({
    name,
    perform: () => {
      if (!exists(broker.iot, "thing", thing)) throw notFound(`Thing ${thing} does not exist`);
      const value = { ...work(), timestamp: seconds(broker.iot.clock.now()) };
      return [{ topic: `${topic}/accepted`, value, answers: true }];
    },
    refuse: (error): Reply[] => [
      {
        topic: `${topic}/rejected`,
        value: {
          code: codeOf(error),
          message: error.message,
          ...clientTokenOf(payload),
          timestamp: seconds(broker.iot.clock.now()),
          ...error.extra,
        },
        answers: true,
      },
    ],
  });
  if (list === "get") return operate("GetPendingJobExecutions", () => getPending(broker, request));
  if (list === "start-next") return operate("StartNextPendingJobExecution", () => startNext(broker, request));
  if (one === "get" && job !== undefined) return operate("DescribeJobExecution", () => describe(broker, request, job));
  if (one === "update" && job !== undefined) return operate("UpdateJobExecution", () => update(broker, request, job));
  return operate("UnknownJobsOperation", () => {
    throw new AwsError("InvalidTopic", 400, `${topic} is no operation of AWS IoT Jobs`);
  });
};

/**
 * Tells a thing's devices of a change: the list, when an execution came to it or left it, and what is next, when that is
 * another one. What was told last is forgotten when the process ends; then the next change tells it once more.
 */
export const notifyOfJobs = (broker: Broker, { jobId, thingName: thing, status }: JobExecutionChange): void => {
  const job = findJob(broker.iot, jobId);
  if (job === undefined) return;
  const suffix = job.namespace === null ? "" : `-namespace-${job.namespace}`;
  const rows = pending(broker, thing, job.namespace ?? undefined, MAX_NOTIFIED);
  const timestamp = seconds(broker.iot.clock.now());
  if (status !== "IN_PROGRESS") {
    const jobs = Map.groupBy(rows, (row) => row.status);
    publishJson(broker, `$aws/things/${thing}/jobs/notify${suffix}`, {
      timestamp,
      jobs: Object.fromEntries([...jobs].map(([state, some]) => [state, some.map(summaryOf)])),
    });
  }
  const [next] = rows;
  const key = `${thing} ${job.namespace ?? ""}`;
  const now = next === undefined ? "" : `${next.job} ${next.number}`;
  if (broker.nextJobs.get(key) === now) return;
  broker.nextJobs.set(key, now);
  publishJson(broker, `$aws/things/${thing}/jobs/notify-next${suffix}`, {
    timestamp,
    ...(next !== undefined && { execution: executionOf(broker, next, next.document) }),
  });
};
