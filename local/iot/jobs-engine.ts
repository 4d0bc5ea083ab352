import type { JobExecutionStatus, JobStatus } from "@aws-sdk/client-iot";
import { nameInArn } from "./arns.ts";
import { ancestors, BELOW, getThingGroup } from "./group-tree.ts";
import {
  changeOf,
  type ExecutionRow,
  findExecution,
  getJob,
  isTerminal,
  type JobRow,
  type JobSettings,
  settingsOf,
} from "./jobs-store.ts";
import { change } from "./outbox.ts";
import type { Iot } from "./state.ts";

/** https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html: a job notifies 1,000 things a minute. */
export const MAX_PER_MINUTE = 1_000;
const MINUTE_MS = 60_000;

// All of the functions below, but for `tick`, run within `change`.

/** The ARNs that a job has to name so that the thing is among its targets: its own, its groups' and those above. */
const arnsOver = (iot: Iot, thing: string): string[] => {
  const groups = iot.store.all<{ name: string }>("SELECT thing_group AS name FROM memberships WHERE thing = ?", thing);
  const names = groups.flatMap(({ name }) => [name, ...ancestors(iot, getThingGroup(iot, name))]);
  return [iot.arn("thing", thing), ...names.map((name) => iot.arn("thinggroup", name))];
};

/** The jobs in progress that have the thing among their targets. */
const jobsOver = (iot: Iot, thing: string): JobRow[] =>
  iot.store.all<JobRow>(
    `SELECT * FROM jobs WHERE status = 'IN_PROGRESS' AND name IN (
       SELECT job FROM job_targets WHERE target IN (SELECT value FROM json_each(?))
     ) ORDER BY position`,
    JSON.stringify(arnsOver(iot, thing)),
  );

/** The things that a target stands for: itself, or the members of the group and of the groups below. */
const thingsOf = (iot: Iot, target: string): string[] => {
  const thing = nameInArn(iot, "thing", target);
  if (thing !== undefined) return [thing];
  return iot.store
    .all<{ thing: string }>(
      `${BELOW} SELECT DISTINCT thing FROM memberships WHERE thing_group IN (SELECT name FROM below) ORDER BY thing`,
      nameInArn(iot, "thinggroup", target) ?? "",
    )
    .map((row) => row.thing);
};

const tellJob = (iot: Iot, jobId: string, status: JobStatus): void => {
  iot.outbox.jobs.push({ jobId, status });
};

/** Queues a thing's first, or next, execution. `series` is the number that its retries count from. */
const queue = (iot: Iot, jobId: string, thing: string, series?: number): void => {
  const now = iot.clock.now();
  const last = iot.store.get<{ number: number | null }>(
    "SELECT max(number) AS number FROM job_executions WHERE job = ? AND thing = ?",
    jobId,
    thing,
  );
  const number = (last?.number ?? 0) + 1;
  iot.store.run("UPDATE job_executions SET latest = 0 WHERE job = ? AND thing = ? AND latest = 1", jobId, thing);
  iot.store.run(
    `INSERT INTO job_executions (job, thing, number, series, latest, status, details, version, forced, queued_at,
     updated_at) VALUES (?, ?, ?, ?, 1, 'QUEUED', '{}', 1, 0, ?, ?)`,
    jobId,
    thing,
    number,
    series ?? number,
    now,
    now,
  );
  const row = findExecution(iot, jobId, thing);
  if (row !== undefined) iot.outbox.executions.push(changeOf(row));
};

const timeoutMs = (settings: JobSettings): number | undefined => {
  const minutes = settings.timeout?.inProgressTimeoutInMinutes;
  return minutes === undefined ? undefined : minutes * MINUTE_MS;
};

/** Whether the job's retry configuration has another try after this end of an execution, and the thing is still its. */
const isRetried = (iot: Iot, job: JobRow, ended: ExecutionRow): boolean => {
  const criteria = settingsOf(job).retry?.criteriaList?.find(
    ({ failureType }) => failureType === ended.status || failureType === "ALL",
  );
  const retriable = ended.status === "FAILED" || ended.status === "TIMED_OUT";
  if (!retriable || criteria === undefined || job.status !== "IN_PROGRESS") return false;
  const failures = iot.store.get<{ count: number }>(
    `SELECT count(*) AS count FROM job_executions
     WHERE job = ?1 AND thing = ?2 AND number >= ?3 AND (?4 = 'ALL' OR status = ?4)`,
    job.name,
    ended.thing,
    ended.series,
    criteria.failureType ?? null,
  );
  if ((failures?.count ?? 0) > (criteria.numberOfRetries ?? 0)) return false;
  return jobsOver(iot, ended.thing).some(({ name }) => name === job.name);
};

interface Move {
  readonly details?: Readonly<Record<string, string>> | undefined;
  readonly forced?: boolean | undefined;
}

/** Gives an execution a status, and what follows of it: a retry, the job's abort, the job's end. */
export const move = (iot: Iot, execution: ExecutionRow, status: JobExecutionStatus, by: Move = {}): ExecutionRow => {
  const job = getJob(iot, execution.job);
  const now = iot.clock.now();
  const starts = status === "IN_PROGRESS" && execution.started_at === null;
  const timeout = timeoutMs(settingsOf(job));
  const due = starts && timeout !== undefined ? now + timeout : execution.due_at;
  const moved: ExecutionRow = {
    ...execution,
    status,
    details: by.details === undefined ? execution.details : JSON.stringify(by.details),
    version: execution.version + 1,
    forced: by.forced === true ? 1 : execution.forced,
    started_at: starts ? now : execution.started_at,
    updated_at: now,
    due_at: isTerminal(status) ? null : due,
  };
  iot.store.run(
    `UPDATE job_executions SET status = ?, details = ?, version = ?, forced = ?, started_at = ?, updated_at = ?,
     due_at = ? WHERE position = ?`,
    moved.status,
    moved.details,
    moved.version,
    moved.forced,
    moved.started_at,
    moved.updated_at,
    moved.due_at,
    moved.position,
  );
  iot.outbox.executions.push(changeOf(moved));
  if (isTerminal(status)) {
    if (isRetried(iot, job, moved)) queue(iot, job.name, moved.thing, moved.series);
    settle(iot, job.name);
  }
  return moved;
};

/**
 * Whether one of the job's abort criteria is met: so many things were notified, and such a share of them failed in some
 * try. https://docs.aws.amazon.com/iot/latest/apireference/API_AbortCriteria.html
 */
const isAborted = (iot: Iot, job: JobRow): boolean => {
  const criteria = settingsOf(job).abort?.criteriaList ?? [];
  if (criteria.length === 0) return false;
  const count = (statuses: readonly string[]) =>
    iot.store.get<{ count: number }>(
      `SELECT count(DISTINCT thing) AS count FROM job_executions
       WHERE job = ? AND status IN (SELECT value FROM json_each(?))`,
      job.name,
      JSON.stringify(statuses),
    )?.count ?? 0;
  const notified = count(["QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT"]);
  return criteria.some(({ failureType, minNumberOfExecutedThings = 1, thresholdPercentage = 100 }) => {
    const failed = count(failureType === "ALL" ? ["FAILED", "REJECTED", "TIMED_OUT"] : [String(failureType)]);
    return notified >= minNumberOfExecutedThings && failed > 0 && (failed / notified) * 100 >= thresholdPercentage;
  });
};

/** Ends the job if an execution's end means that: by its abort criteria, or, of a snapshot, as its last one. */
export const settle = (iot: Iot, jobId: string): void => {
  const job = getJob(iot, jobId);
  if (job.status !== "IN_PROGRESS") return;
  if (isAborted(iot, job)) {
    cancelJob(iot, job, {});
    return;
  }
  if (job.selection !== "SNAPSHOT" || isRollingOut(iot, jobId)) return;
  const pending = iot.store.get(
    "SELECT 1 AS found FROM job_executions WHERE job = ? AND latest = 1 AND status IN ('QUEUED', 'IN_PROGRESS')",
    jobId,
  );
  if (pending !== undefined) return;
  const now = iot.clock.now();
  iot.store.run(
    "UPDATE jobs SET status = 'COMPLETED', updated_at = ?, completed_at = ? WHERE name = ?",
    now,
    now,
    jobId,
  );
  tellJob(iot, jobId, "COMPLETED");
};

export const isRollingOut = (iot: Iot, jobId: string): boolean =>
  iot.store.get("SELECT 1 AS found FROM job_rollouts WHERE job = ?", jobId) !== undefined;

interface Cancellation {
  readonly force?: boolean | undefined;
  readonly comment?: string | undefined;
  readonly reasonCode?: string | undefined;
}

/** Cancels a job in progress: what is queued and, with `force`, what is in progress. */
export const cancelJob = (iot: Iot, job: JobRow, { force = false, comment, reasonCode }: Cancellation): void => {
  const now = iot.clock.now();
  iot.store.run(
    `UPDATE jobs SET status = 'CANCELED', forced = ?, comment = ?, reason = ?, updated_at = ?, completed_at = ?
     WHERE name = ?`,
    Number(force),
    comment ?? job.comment,
    reasonCode ?? job.reason,
    now,
    now,
    job.name,
  );
  iot.store.run("DELETE FROM job_rollouts WHERE job = ?", job.name);
  const pending = iot.store.all<ExecutionRow>(
    `SELECT * FROM job_executions WHERE job = ? AND latest = 1
     AND status IN ('QUEUED', ${force ? "'IN_PROGRESS'" : "'QUEUED'"}) ORDER BY position`,
    job.name,
  );
  for (const execution of pending) move(iot, execution, "CANCELED", { forced: force });
  tellJob(iot, job.name, "CANCELED");
};

export interface JobInput {
  readonly jobId: string;
  readonly targets: readonly string[];
  readonly targetSelection: "CONTINUOUS" | "SNAPSHOT";
  readonly document: string;
  readonly description?: string | undefined;
  readonly namespaceId?: string | undefined;
  readonly settings: JobSettings;
}

/** Stores a job whose targets exist, and begins to roll it out. */
export const insertJob = (iot: Iot, job: JobInput): void => {
  const now = iot.clock.now();
  iot.store.run(
    `INSERT INTO jobs (name, namespace, selection, status, document, description, settings, forced, created_at,
     updated_at, window_at, window_count) VALUES (?, ?, ?, 'IN_PROGRESS', ?, ?, ?, 0, ?, ?, ?, 0)`,
    job.jobId,
    job.namespaceId ?? null,
    job.targetSelection,
    job.document,
    job.description ?? null,
    JSON.stringify(job.settings),
    now,
    now,
    now,
  );
  tellJob(iot, job.jobId, "IN_PROGRESS");
  addTargets(iot, job.jobId, job.targets);
  settle(iot, job.jobId);
};

/** Adds targets to a job, and rolls it out to their things. */
export const addTargets = (iot: Iot, jobId: string, targets: readonly string[]): void => {
  for (const target of targets) {
    iot.store.run("INSERT OR IGNORE INTO job_targets VALUES (?, ?)", jobId, target);
    for (const thing of thingsOf(iot, target))
      if (findExecution(iot, jobId, thing) === undefined)
        iot.store.run("INSERT OR IGNORE INTO job_rollouts (job, thing) VALUES (?, ?)", jobId, thing);
  }
  rollOut(iot, getJob(iot, jobId));
};

/**
 * How many things the job notifies in this minute. An exponential rate rises by its factor each time that so many more
 * things were notified, or so many more succeeded.
 * https://docs.aws.amazon.com/iot/latest/developerguide/jobs-configurations-details.html
 */
const ratePerMinute = (iot: Iot, job: JobRow): number => {
  const { maximumPerMinute = MAX_PER_MINUTE, exponentialRate } = settingsOf(job).rollout ?? {};
  if (exponentialRate === undefined) return maximumPerMinute;
  const { baseRatePerMinute = 1, incrementFactor = 1, rateIncreaseCriteria = {} } = exponentialRate;
  const { numberOfNotifiedThings, numberOfSucceededThings } = rateIncreaseCriteria;
  const counts = iot.store.get<{ notified: number; succeeded: number | null }>(
    `SELECT count(*) AS notified, sum(status = 'SUCCEEDED') AS succeeded FROM job_executions
     WHERE job = ? AND latest = 1`,
    job.name,
  );
  const steps = Math.max(
    numberOfNotifiedThings === undefined ? 0 : Math.floor((counts?.notified ?? 0) / numberOfNotifiedThings),
    numberOfSucceededThings === undefined ? 0 : Math.floor((counts?.succeeded ?? 0) / numberOfSucceededThings),
  );
  return Math.min(maximumPerMinute, Math.floor(baseRatePerMinute * incrementFactor ** steps));
};

/** Queues as many executions of a job as its rate lets it in this minute. */
const rollOut = (iot: Iot, job: JobRow): void => {
  const now = iot.clock.now();
  const fresh = now - job.window_at >= MINUTE_MS;
  const before = fresh ? 0 : job.window_count;
  const room = Math.max(0, ratePerMinute(iot, job) - before);
  const things = iot.store.all<{ position: number; thing: string }>(
    "SELECT position, thing FROM job_rollouts WHERE job = ? ORDER BY position LIMIT ?",
    job.name,
    room,
  );
  for (const { position, thing } of things) {
    iot.store.run("DELETE FROM job_rollouts WHERE position = ?", position);
    queue(iot, job.name, thing);
  }
  iot.store.run(
    "UPDATE jobs SET window_at = ?, window_count = ? WHERE name = ?",
    fresh ? now : job.window_at,
    before + things.length,
    job.name,
  );
};

/**
 * Brings the jobs in line with the groups that a thing is in. Where it is no target any more, what is queued is REMOVED
 * and what is in progress goes on. Continuous jobs that it is a target of queue an execution: its first one, or, if the
 * switch says so, one in the place of what was REMOVED. Late joiners do not wait for the rollout's rate.
 * https://docs.aws.amazon.com/iot/latest/developerguide/iot-jobs-lifecycle.html
 */
export const follow = (iot: Iot, thing: string): void => {
  const jobs = jobsOver(iot, thing);
  const names = JSON.stringify(jobs.map(({ name }) => name));
  const gone = iot.store.all<ExecutionRow>(
    `SELECT * FROM job_executions WHERE thing = ? AND latest = 1 AND status = 'QUEUED'
     AND job NOT IN (SELECT value FROM json_each(?)) ORDER BY position`,
    thing,
    names,
  );
  const waiting = iot.store.all<{ job: string }>(
    "SELECT job FROM job_rollouts WHERE thing = ? AND job NOT IN (SELECT value FROM json_each(?))",
    thing,
    names,
  );
  for (const { job } of waiting) iot.store.run("DELETE FROM job_rollouts WHERE job = ? AND thing = ?", job, thing);
  for (const execution of gone) move(iot, execution, "REMOVED");
  for (const { job } of waiting) settle(iot, job);
  for (const { name, selection } of jobs) {
    if (selection !== "CONTINUOUS") continue;
    const latest = findExecution(iot, name, thing);
    const isWaiting = "SELECT 1 AS found FROM job_rollouts WHERE job = ? AND thing = ?";
    if (latest === undefined) {
      if (iot.store.get(isWaiting, name, thing) === undefined) queue(iot, name, thing);
    } else if (latest.status === "REMOVED") {
      if (iot.restartOnReattach) queue(iot, name, thing);
    } else if (!isTerminal(latest.status)) {
      // Retries count from 0 again after any change of the thing's groups.
      iot.store.run("UPDATE job_executions SET series = number WHERE position = ?", latest.position);
    }
  }
};

/** Takes a thing that is deleted out of all jobs. */
export const forget = (iot: Iot, thing: string): void => {
  const waiting = iot.store.all<{ job: string }>("SELECT job FROM job_rollouts WHERE thing = ?", thing);
  iot.store.run("DELETE FROM job_rollouts WHERE thing = ?", thing);
  const pending = iot.store.all<ExecutionRow>(
    `SELECT * FROM job_executions WHERE thing = ? AND latest = 1 AND status IN ('QUEUED', 'IN_PROGRESS')
     ORDER BY position`,
    thing,
  );
  for (const execution of pending) move(iot, execution, "REMOVED");
  for (const { job } of waiting) settle(iot, job);
};

/** Does what is due: time-outs, and the rollouts' next minute. */
export const tick = (iot: Iot): void =>
  change(iot, () => {
    const now = iot.clock.now();
    const late = "SELECT * FROM job_executions WHERE due_at <= ? ORDER BY due_at, position";
    for (const execution of iot.store.all<ExecutionRow>(late, now)) move(iot, execution, "TIMED_OUT");
    const rolling = iot.store.all<JobRow>(
      "SELECT * FROM jobs WHERE name IN (SELECT job FROM job_rollouts) AND window_at <= ? ORDER BY position",
      now - MINUTE_MS,
    );
    for (const job of rolling) rollOut(iot, job);
  });

/** When {@link tick} has something to do next, in milliseconds since the epoch. */
export const nextTick = (iot: Iot): number | undefined => {
  const due = iot.store.get<{ at: number | null }>(
    "SELECT min(due_at) AS at FROM job_executions WHERE due_at IS NOT NULL",
  )?.at;
  const rollout = iot.store.get<{ at: number | null }>(
    "SELECT min(window_at) AS at FROM jobs WHERE name IN (SELECT job FROM job_rollouts)",
  )?.at;
  const times = [due ?? Number.POSITIVE_INFINITY, rollout == null ? Number.POSITIVE_INFINITY : rollout + MINUTE_MS];
  const next = Math.min(...times);
  return Number.isFinite(next) ? next : undefined;
};
