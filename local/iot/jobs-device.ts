import { AwsError } from "../aws-json/errors.ts";
import { exists, parseArn } from "./arns.ts";
import { notFound } from "./errors.ts";
import { cancelJob, insertJob, move } from "./jobs-engine.ts";
import type { JobExecutionStatus, JobsPort } from "./jobs-port.ts";
import { changeOf, type ExecutionRow, findExecution, findJob, getJob, isTerminal } from "./jobs-store.ts";
import { change } from "./outbox.ts";
import { type Iot, parseStrings } from "./state.ts";

/** @throws ResourceNotFoundException (404) for a target that is no thing or thing group of the account. */
export const requireTargets = (iot: Iot, targets: readonly string[]): void => {
  for (const target of targets) {
    const parsed = parseArn(iot, target);
    const fits = parsed?.kind === "thing" || parsed?.kind === "thinggroup";
    if (parsed === undefined || !fits || !exists(iot, parsed.kind, parsed.name))
      throw notFound(`Target ${target} does not exist`);
  }
};

/** What a device may report: https://docs.aws.amazon.com/iot/latest/apireference/API_iot-jobs-data_UpdateJobExecution.html */
const REPORTED: ReadonlySet<JobExecutionStatus> = new Set(["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"]);
export const MAX_DETAILS = 10;

/** A refusal that carries the state of the execution, as the jobs topics' error responses do. */
const refused = (code: string, message: string, { status, version, details }: ExecutionRow): AwsError =>
  new AwsError(code, 409, message, {
    executionState: { status, versionNumber: version, statusDetails: parseStrings(details) },
  });

/** The jobs for the other engines of the cloud. */
export const jobsPort = (iot: Iot): JobsPort => ({
  create: (job) => {
    const jobArn = iot.arn("job", job.jobId);
    if (findJob(iot, job.jobId) !== undefined) return { jobArn };
    requireTargets(iot, job.targets);
    const { rollout, abort, timeout } = job;
    change(iot, () => insertJob(iot, { ...job, settings: { rollout, abort, timeout } }));
    return { jobArn };
  },

  cancel: (jobId, options = {}) => {
    const job = getJob(iot, jobId);
    if (job.status === "IN_PROGRESS") change(iot, () => cancelJob(iot, job, options));
  },

  status: (jobId) => findJob(iot, jobId)?.status,

  executions: ({ jobId = null, thingName = null, namespaceId = null }) => {
    // One of the indexes must be of use: SQLite does not look through a parameter that may be null.
    const where = jobId !== null ? "job = ?1" : thingName !== null ? "thing = ?2" : "true";
    return iot.store
      .all<ExecutionRow>(
        `SELECT * FROM job_executions WHERE ${where} AND (?1 IS NULL OR job = ?1) AND (?2 IS NULL OR thing = ?2)
         AND (?3 IS NULL OR job IN (SELECT name FROM jobs WHERE namespace = ?3)) ORDER BY position`,
        jobId,
        thingName,
        namespaceId,
      )
      .map(changeOf);
  },

  next: (thingName, namespaceId) => {
    const row = iot.store.get<ExecutionRow & { document: string }>(
      `SELECT job_executions.*, jobs.document FROM job_executions JOIN jobs ON jobs.name = job_executions.job
       WHERE thing = ? AND latest = 1 AND job_executions.status IN ('IN_PROGRESS', 'QUEUED') AND namespace IS ?
       ORDER BY job_executions.status = 'QUEUED', job_executions.position LIMIT 1`,
      thingName,
      namespaceId ?? null,
    );
    if (row === undefined) return undefined;
    return {
      ...changeOf(row),
      document: row.document,
      queuedAt: row.queued_at,
      ...(row.started_at !== null && { startedAt: row.started_at }),
    };
  },

  update: (thingName, jobId, status, { expectedVersion, statusDetails, executionNumber } = {}) => {
    const execution = findExecution(iot, jobId, thingName, executionNumber);
    if (execution === undefined)
      throw new AwsError("ResourceNotFound", 404, `Job ${jobId} has no such execution on thing ${thingName}`);
    if (!REPORTED.has(status)) throw new AwsError("InvalidRequest", 400, `A device cannot report ${status}`);
    if (Object.keys(statusDetails ?? {}).length > MAX_DETAILS)
      throw new AwsError("InvalidRequest", 400, `statusDetails can have at most ${MAX_DETAILS} members`);
    if (expectedVersion !== undefined && expectedVersion !== execution.version)
      throw refused(
        "VersionMismatch",
        `Expected version ${expectedVersion}, but it is ${execution.version}`,
        execution,
      );
    if (isTerminal(execution.status))
      throw refused("InvalidStateTransition", `The execution is ${execution.status} already`, execution);
    return change(iot, () => changeOf(move(iot, execution, status, { details: statusDetails })));
  },

  onChange: (listener) => {
    iot.outbox.onExecution.push(listener);
  },

  onJob: (listener) => {
    iot.outbox.onJob.push(listener);
  },
});
