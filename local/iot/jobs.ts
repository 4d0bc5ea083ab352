import type { Job, JobSummary } from "@aws-sdk/client-iot";
import { afterToken, cut } from "../aws-json/paging.ts";
import {
  alreadyExists,
  invalidRequest,
  invalidStateTransition,
  invalidToken,
  limitExceeded,
  notEmulated,
  notFound,
} from "./errors.ts";
import { getThingGroup } from "./group-tree.ts";
import { requireTargets } from "./jobs-device.ts";
import { addTargets, cancelJob, insertJob, isRollingOut, MAX_PER_MINUTE } from "./jobs-engine.ts";
import { TIMEOUT_MINUTES } from "./jobs-port.ts";
import { findJob, getJob, type JobRow, type JobSettings, settingsOf, targetsOfJob } from "./jobs-store.ts";
import { change } from "./outbox.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";
import { dropTags, limitTags, writeTags } from "./tags.ts";

/** https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html */
const MAX_TARGETS = 100;
const MAX_RETRIES = 10;

/** Members of a request that would make the job another one than AWS's. */
const refuseOthers = (input: object, names: readonly string[]): void => {
  const found = names.find((name) => (input as Record<string, unknown>)[name] !== undefined);
  if (found !== undefined) throw notEmulated(`${found} of a job`);
};

type Configurations = Partial<
  Pick<Job, "jobExecutionsRolloutConfig" | "abortConfig" | "timeoutConfig" | "jobExecutionsRetryConfig">
>;

/** @throws InvalidRequestException (400) for what the model's constraints let through and the documentation does not. */
const settingsFrom = (input: Configurations): JobSettings => {
  const settings: JobSettings = {
    rollout: input.jobExecutionsRolloutConfig,
    abort: input.abortConfig,
    timeout: input.timeoutConfig,
    retry: input.jobExecutionsRetryConfig,
  };
  const { maximumPerMinute = 1, exponentialRate } = settings.rollout ?? {};
  if (maximumPerMinute > MAX_PER_MINUTE) throw invalidRequest(`maximumPerMinute can be at most ${MAX_PER_MINUTE}`);
  const criteria = exponentialRate?.rateIncreaseCriteria;
  if (exponentialRate !== undefined && Object.values(criteria ?? {}).every((value) => value === undefined))
    throw invalidRequest("rateIncreaseCriteria needs numberOfNotifiedThings or numberOfSucceededThings");
  const minutes = settings.timeout?.inProgressTimeoutInMinutes;
  if (minutes !== undefined && (minutes < TIMEOUT_MINUTES.min || minutes > TIMEOUT_MINUTES.max))
    throw invalidRequest(`inProgressTimeoutInMinutes must be from ${TIMEOUT_MINUTES.min} to ${TIMEOUT_MINUTES.max}`);
  const retries = (settings.retry?.criteriaList ?? []).reduce(
    (sum, { numberOfRetries = 0 }) => sum + numberOfRetries,
    0,
  );
  if (retries > MAX_RETRIES) throw invalidRequest(`A job can have at most ${MAX_RETRIES} retries`);
  return settings;
};

/** @throws InvalidRequestException (400) for a document that is not JSON. */
const checkDocument = (document: string | undefined): string => {
  if (document === undefined) throw invalidRequest("A job needs a document");
  try {
    JSON.parse(document);
  } catch (error) {
    throw invalidRequest(`The job document is not JSON: ${String(error)}`);
  }
  if (document.includes("${aws:iot:")) throw notEmulated("A placeholder in a job document");
  return document;
};

const time = (at: number | null): Date | undefined => (at === null ? undefined : new Date(at));

const summary = (iot: Iot, job: JobRow): JobSummary => ({
  jobArn: iot.arn("job", job.name),
  jobId: job.name,
  targetSelection: job.selection,
  status: job.status,
  createdAt: new Date(job.created_at),
  lastUpdatedAt: new Date(job.updated_at),
  completedAt: time(job.completed_at),
  isConcurrent: isRollingOut(iot, job.name),
});

/** How many things are in each state, by their latest execution. */
const processDetails = (iot: Iot, job: JobRow): NonNullable<Job["jobProcessDetails"]> => {
  const rows = iot.store.all<{ status: string; count: number }>(
    "SELECT status, count(*) AS count FROM job_executions WHERE job = ? AND latest = 1 GROUP BY status",
    job.name,
  );
  const of = (status: string) => rows.find((row) => row.status === status)?.count ?? 0;
  return {
    processingTargets: isRollingOut(iot, job.name) ? targetsOfJob(iot, job.name) : undefined,
    numberOfCanceledThings: of("CANCELED"),
    numberOfSucceededThings: of("SUCCEEDED"),
    numberOfFailedThings: of("FAILED"),
    numberOfRejectedThings: of("REJECTED"),
    numberOfQueuedThings: of("QUEUED"),
    numberOfInProgressThings: of("IN_PROGRESS"),
    numberOfRemovedThings: of("REMOVED"),
    numberOfTimedOutThings: of("TIMED_OUT"),
  };
};

const describe = (iot: Iot, job: JobRow): Job => {
  const { rollout, abort, timeout, retry } = settingsOf(job);
  return {
    ...summary(iot, job),
    forceCanceled: job.forced === 1 ? true : undefined,
    reasonCode: job.reason ?? undefined,
    comment: job.comment ?? undefined,
    targets: targetsOfJob(iot, job.name),
    description: job.description ?? undefined,
    presignedUrlConfig: {},
    jobExecutionsRolloutConfig: rollout,
    abortConfig: abort,
    timeoutConfig: timeout,
    jobExecutionsRetryConfig: retry,
    namespaceId: job.namespace ?? undefined,
    jobProcessDetails: processDetails(iot, job),
  };
};

export const jobHandlers: IotHandlers = {
  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CreateJob.html */
  CreateJob: (input, iot) => {
    refuseOthers(input, [
      "documentSource",
      "presignedUrlConfig",
      "jobTemplateArn",
      "documentParameters",
      "schedulingConfig",
      "destinationPackageVersions",
    ]);
    const document = checkDocument(input.document);
    const settings = settingsFrom(input);
    const jobArn = iot.arn("job", input.jobId);
    if (findJob(iot, input.jobId) !== undefined)
      throw alreadyExists(`Job ${input.jobId} already exists`, input.jobId, jobArn);
    if (input.targets.length > MAX_TARGETS) throw limitExceeded(`A job can have at most ${MAX_TARGETS} targets`);
    requireTargets(iot, input.targets);
    limitTags(input.tags);
    change(iot, () => {
      insertJob(iot, { ...input, targetSelection: input.targetSelection ?? "SNAPSHOT", document, settings });
      writeTags(iot, jobArn, input.tags ?? []);
    });
    return { jobArn, jobId: input.jobId, description: input.description };
  },

  DescribeJob: (input, iot) => ({ job: describe(iot, getJob(iot, input.jobId)) }),

  GetJobDocument: (input, iot) => ({ document: getJob(iot, input.jobId).document }),

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateJob.html */
  UpdateJob: (input, iot) => {
    refuseOthers(input, ["presignedUrlConfig"]);
    const job = getJob(iot, input.jobId, input.namespaceId);
    if (job.status !== "IN_PROGRESS") throw invalidRequest(`Job ${job.name} is ${job.status} and cannot be updated`);
    const given = Object.fromEntries(Object.entries(settingsFrom(input)).filter(([, value]) => value !== undefined));
    change(iot, () =>
      iot.store.run(
        "UPDATE jobs SET description = ?, settings = ?, updated_at = ? WHERE name = ?",
        input.description ?? job.description,
        JSON.stringify({ ...settingsOf(job), ...given }),
        iot.clock.now(),
        job.name,
      ),
    );
    return {};
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CancelJob.html */
  CancelJob: (input, iot) => {
    const job = getJob(iot, input.jobId);
    if (job.status !== "IN_PROGRESS") throw invalidRequest(`Job ${job.name} is ${job.status} and cannot be canceled`);
    change(iot, () => cancelJob(iot, job, input));
    return { jobArn: iot.arn("job", job.name), jobId: job.name, description: job.description ?? undefined };
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteJob.html */
  DeleteJob: (input, iot) => {
    const job = getJob(iot, input.jobId, input.namespaceId);
    if (job.status === "IN_PROGRESS" && input.force !== true)
      throw invalidStateTransition(`Job ${job.name} is IN_PROGRESS: cancel it first, or force its deletion`);
    change(iot, () => {
      for (const table of ["job_executions", "job_rollouts", "job_targets"])
        iot.store.run(`DELETE FROM ${table} WHERE job = ?`, job.name);
      iot.store.run("DELETE FROM jobs WHERE name = ?", job.name);
      dropTags(iot, iot.arn("job", job.name));
      iot.outbox.jobs.push({ jobId: job.name, status: "DELETION_IN_PROGRESS" });
    });
    return {};
  },

  /** Newest first. https://docs.aws.amazon.com/iot/latest/apireference/API_ListJobs.html */
  ListJobs: (input, iot) => {
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after] = afterToken(input.nextToken, invalidToken) ?? [];
    const where = ["true"];
    const parameters: (string | number)[] = [];
    const filter = (condition: string, value: string | number | undefined): void => {
      if (value === undefined) return;
      where.push(condition);
      parameters.push(value);
    };
    filter("position < ?", after);
    filter("status = ?", input.status);
    filter("selection = ?", input.targetSelection);
    filter("namespace = ?", input.namespaceId);
    const named = "name IN (SELECT job FROM job_targets WHERE target = ?)";
    if (input.thingGroupName !== undefined)
      filter(named, iot.arn("thinggroup", getThingGroup(iot, input.thingGroupName).name));
    if (input.thingGroupId !== undefined) {
      const group = iot.store.get<{ name: string }>("SELECT name FROM thing_groups WHERE id = ?", input.thingGroupId);
      if (group === undefined) throw notFound(`Thing group ${input.thingGroupId} not found`);
      filter(named, iot.arn("thinggroup", group.name));
    }
    const rows = iot.store.all<JobRow>(
      `SELECT * FROM jobs WHERE ${where.join(" AND ")} ORDER BY position DESC LIMIT ?`,
      ...parameters,
      limit + 1,
    );
    const page = cut(rows, limit, (job) => [job.position]);
    return { jobs: page.items.map((job) => summary(iot, job)), nextToken: page.next };
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_AssociateTargetsWithJob.html */
  AssociateTargetsWithJob: (input, iot) => {
    const job = getJob(iot, input.jobId, input.namespaceId);
    if (job.selection !== "CONTINUOUS") throw invalidRequest(`Job ${job.name} is not continuous`);
    if (job.status !== "IN_PROGRESS") throw invalidRequest(`Job ${job.name} is ${job.status}`);
    requireTargets(iot, input.targets);
    const targets = new Set([...targetsOfJob(iot, job.name), ...input.targets]);
    if (targets.size > MAX_TARGETS) throw limitExceeded(`A job can have at most ${MAX_TARGETS} targets`);
    change(iot, () => {
      addTargets(iot, job.name, input.targets);
      iot.store.run(
        "UPDATE jobs SET comment = ?, updated_at = ? WHERE name = ?",
        input.comment ?? job.comment,
        iot.clock.now(),
        job.name,
      );
    });
    return { jobArn: iot.arn("job", job.name), jobId: job.name, description: job.description ?? undefined };
  },
};
