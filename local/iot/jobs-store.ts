import type {
  AbortConfig,
  JobExecutionsRetryConfig,
  JobExecutionsRolloutConfig,
  TargetSelection,
  TimeoutConfig,
} from "@aws-sdk/client-iot";
import { notFound } from "./errors.ts";
import type { JobExecutionChange, JobExecutionStatus, JobStatus } from "./jobs-port.ts";
import { type Iot, parseStrings } from "./state.ts";

/**
 * `job_rollouts` holds the things of a job whose executions are yet to be queued. `window_at` and `window_count` say how
 * many were queued in the current minute. An execution's `series` is the number of the first of its row of retries.
 */
export const JOBS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS jobs (
    position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, namespace TEXT, selection TEXT NOT NULL,
    status TEXT NOT NULL, document TEXT NOT NULL, description TEXT, settings TEXT NOT NULL, reason TEXT, comment TEXT,
    forced INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, completed_at INTEGER,
    window_at INTEGER NOT NULL, window_count INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS job_targets (
    job TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (job, target)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS job_targets_by_target ON job_targets (target);
  CREATE TABLE IF NOT EXISTS job_rollouts (
    position INTEGER PRIMARY KEY, job TEXT NOT NULL, thing TEXT NOT NULL, UNIQUE (job, thing)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS job_rollouts_by_thing ON job_rollouts (thing);
  CREATE TABLE IF NOT EXISTS job_executions (
    position INTEGER PRIMARY KEY, job TEXT NOT NULL, thing TEXT NOT NULL, number INTEGER NOT NULL,
    series INTEGER NOT NULL, latest INTEGER NOT NULL, status TEXT NOT NULL, details TEXT NOT NULL,
    version INTEGER NOT NULL, forced INTEGER NOT NULL, queued_at INTEGER NOT NULL, started_at INTEGER,
    updated_at INTEGER NOT NULL, due_at INTEGER, UNIQUE (job, thing, number)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS job_executions_by_status ON job_executions (job, latest, status);
  CREATE INDEX IF NOT EXISTS job_executions_by_thing ON job_executions (thing, latest, status);
  CREATE INDEX IF NOT EXISTS job_executions_due ON job_executions (due_at) WHERE due_at IS NOT NULL;
`;

export interface JobSettings {
  readonly rollout?: JobExecutionsRolloutConfig | undefined;
  readonly abort?: AbortConfig | undefined;
  readonly timeout?: TimeoutConfig | undefined;
  readonly retry?: JobExecutionsRetryConfig | undefined;
}

export interface JobRow {
  readonly position: number;
  readonly name: string;
  readonly namespace: string | null;
  readonly selection: TargetSelection;
  readonly status: JobStatus;
  readonly document: string;
  readonly description: string | null;
  /** JSON of {@link JobSettings}. */
  readonly settings: string;
  readonly reason: string | null;
  readonly comment: string | null;
  readonly forced: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly completed_at: number | null;
  readonly window_at: number;
  readonly window_count: number;
}

export interface ExecutionRow {
  readonly position: number;
  readonly job: string;
  readonly thing: string;
  readonly number: number;
  readonly series: number;
  readonly latest: number;
  readonly status: JobExecutionStatus;
  /** JSON of the status details. */
  readonly details: string;
  readonly version: number;
  readonly forced: number;
  readonly queued_at: number;
  readonly started_at: number | null;
  readonly updated_at: number;
  /** When it times out. */
  readonly due_at: number | null;
}

export const settingsOf = (job: JobRow): JobSettings => JSON.parse(job.settings) as JobSettings;

export const findJob = (iot: Iot, jobId: string): JobRow | undefined =>
  iot.store.get<JobRow>("SELECT * FROM jobs WHERE name = ?", jobId);

/** @throws ResourceNotFoundException (404), also when the job has another namespace than the one that is given. */
export const getJob = (iot: Iot, jobId: string, namespaceId?: string): JobRow => {
  const job = findJob(iot, jobId);
  if (job === undefined || (namespaceId !== undefined && job.namespace !== namespaceId))
    throw notFound(`Job ${jobId} not found`);
  return job;
};

/** The execution of that number, or the latest. */
export const findExecution = (iot: Iot, jobId: string, thing: string, number?: number): ExecutionRow | undefined =>
  number === undefined
    ? iot.store.get<ExecutionRow>(
        "SELECT * FROM job_executions WHERE job = ? AND thing = ? AND latest = 1",
        jobId,
        thing,
      )
    : iot.store.get<ExecutionRow>(
        "SELECT * FROM job_executions WHERE job = ? AND thing = ? AND number = ?",
        jobId,
        thing,
        number,
      );

/** @throws ResourceNotFoundException (404) */
export const getExecution = (iot: Iot, jobId: string, thing: string, number?: number): ExecutionRow => {
  const execution = findExecution(iot, jobId, thing, number);
  if (execution === undefined) throw notFound(`Job ${jobId} has no such execution on thing ${thing}`);
  return execution;
};

export const targetsOfJob = (iot: Iot, jobId: string): string[] =>
  iot.store
    .all<{ target: string }>("SELECT target FROM job_targets WHERE job = ? ORDER BY target", jobId)
    .map(({ target }) => target);

export const isTerminal = (status: JobExecutionStatus): boolean => status !== "QUEUED" && status !== "IN_PROGRESS";

export const changeOf = (row: ExecutionRow): JobExecutionChange => {
  const statusDetails = parseStrings(row.details);
  return {
    jobId: row.job,
    thingName: row.thing,
    status: row.status,
    ...(Object.keys(statusDetails).length > 0 && { statusDetails }),
    executionNumber: row.number,
    versionNumber: row.version,
    at: row.updated_at,
  };
};
