import { AwsError } from "../aws-json/errors.ts";
import type { JobExecutionChange, JobStatus, JobsPort, NewJob } from "../iot/jobs-port.ts";
import { type Document, jobDocument, type Revision, thingOf } from "./deployment-documents.ts";
import { type Deployed, findEffective, followExecution, recordEffective } from "./effective-deployments.ts";
import { change } from "./outbox.ts";
import type { Greengrass } from "./state.ts";

/** In which a core device looks for its deployments. */
export const NAMESPACE = "aws-gg-deployment";

/** `heard_executions` says how far each thing's execution of a job was taken in: what is deleted since must not return. */
export const DEPLOYMENT_JOBS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS deployment_jobs (
    job_id TEXT PRIMARY KEY, deployment_id TEXT NOT NULL, name TEXT, target TEXT NOT NULL, document TEXT NOT NULL,
    configuration TEXT NOT NULL, created_at INTEGER NOT NULL, state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS deployment_jobs_by_state ON deployment_jobs (state) WHERE state IN ('create', 'cancel');
  CREATE TABLE IF NOT EXISTS heard_executions (
    job_id TEXT NOT NULL, thing TEXT NOT NULL, number INTEGER NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (job_id, thing)
  ) STRICT, WITHOUT ROWID;
`;

interface JobRow {
  readonly job_id: string;
  readonly deployment_id: string;
  readonly name: string | null;
  readonly target: string;
  readonly document: string;
  /** JSON: the deployment's `iotJobConfiguration`. */
  readonly configuration: string;
  readonly created_at: number;
  /** What AWS IoT was told, or `create` and `cancel`: what it has yet to be told. */
  readonly state: "create" | "created" | "cancel" | "canceled";
}

interface HeardRow {
  readonly thing: string;
  readonly number: number;
  readonly version: number;
}

const deployedOf = (row: JobRow): Deployed => ({
  deploymentId: row.deployment_id,
  name: row.name,
  target: row.target,
  jobId: row.job_id,
  createdAt: row.created_at,
});

/**
 * Writes down that AWS IoT has to make the job; call it in the transaction that makes the deployment, and
 * {@link settleJobs} after it. The two services keep databases of their own: what is written down is done again after a
 * kill, until it was done.
 */
export const requestJob = (
  greengrass: Greengrass,
  jobId: string,
  name: string | null,
  revision: Revision,
  document: Document,
): void => {
  if (greengrass.jobs === undefined) return;
  greengrass.store.run(
    "INSERT INTO deployment_jobs VALUES (?, ?, ?, ?, ?, ?, ?, 'create')",
    jobId,
    revision.id,
    name,
    revision.target,
    jobDocument(greengrass, revision, document),
    JSON.stringify(document.iotJobConfiguration ?? {}),
    revision.createdAt,
  );
};

/** Writes down that AWS IoT has to cancel the job, if it was told of one; {@link settleJobs} does it. */
export const requestCancel = (greengrass: Greengrass, jobId: string | null): void => {
  if (jobId === null) return;
  greengrass.store.run(
    `UPDATE deployment_jobs SET state = iif(state = 'created', 'cancel', 'canceled')
     WHERE job_id = ? AND state IN ('create', 'created')`,
    jobId,
  );
};

const configurationOf = (row: JobRow) => JSON.parse(row.configuration) as NonNullable<Document["iotJobConfiguration"]>;

const jobOf = (row: JobRow): NewJob => {
  const { jobExecutionsRolloutConfig: rollout, abortConfig: abort, timeoutConfig: timeout } = configurationOf(row);
  return {
    jobId: row.job_id,
    targets: [row.target],
    targetSelection: "CONTINUOUS",
    document: row.document,
    namespaceId: NAMESPACE,
    ...(rollout !== undefined && { rollout: rollout as NonNullable<NewJob["rollout"]> }),
    ...(abort !== undefined && { abort }),
    ...(timeout !== undefined && { timeout }),
  };
};

const isAbsent = (error: unknown): boolean => error instanceof AwsError && error.code === "ResourceNotFoundException";

/** Tells AWS IoT what it has yet to be told, in the order of the deployments. */
export const settleJobs = (greengrass: Greengrass): void => {
  const { jobs, store } = greengrass;
  if (jobs === undefined) return;
  const rows = store.all<JobRow>(
    "SELECT * FROM deployment_jobs WHERE state IN ('create', 'cancel') ORDER BY created_at, rowid",
  );
  const settle = (row: JobRow, state: JobRow["state"]) =>
    store.run("UPDATE deployment_jobs SET state = ? WHERE job_id = ?", state, row.job_id);
  // What is cancelled goes first: a device should not be handed an old revision while the new one is made.
  for (const row of rows.filter(({ state }) => state === "cancel")) {
    try {
      // Without force: a device that has the deployment already goes on with it.
      jobs.cancel(row.job_id);
    } catch (error) {
      // Whoever deleted the job in AWS IoT has cancelled it as well.
      if (!isAbsent(error)) throw error;
    }
    settle(row, "canceled");
  }
  for (const row of rows.filter(({ state }) => state === "create")) {
    try {
      jobs.create(jobOf(row));
      settle(row, "created");
    } catch (error) {
      if (!isAbsent(error)) throw error;
      // The target was deleted while this process was down: nothing will ever get this revision.
      store.transact(() => {
        settle(row, "canceled");
        store.run("UPDATE deployments SET status = 'FAILED' WHERE id = ? AND status = 'ACTIVE'", row.deployment_id);
      });
    }
  }
};

const findJob = (greengrass: Greengrass, jobId: string): JobRow | undefined =>
  greengrass.store.get<JobRow>("SELECT * FROM deployment_jobs WHERE job_id = ?", jobId);

/** Notes how far an execution was taken in. @returns false for what is no newer than what was */
const hear = (greengrass: Greengrass, execution: JobExecutionChange): boolean =>
  greengrass.store.run(
    `INSERT INTO heard_executions VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (job_id, thing) DO UPDATE SET number = ?3, version = ?4 WHERE (?3, ?4) > (number, version)`,
    execution.jobId,
    execution.thingName,
    execution.executionNumber,
    execution.versionNumber,
  ) > 0;

const follow = (greengrass: Greengrass, execution: JobExecutionChange): void => {
  const row = findJob(greengrass, execution.jobId);
  if (row === undefined) return;
  change(greengrass, () => {
    if (hear(greengrass, execution)) followExecution(greengrass, execution, deployedOf(row));
  });
};

/** Takes in what things did with the job while nobody listened. */
const catchUp = (greengrass: Greengrass, jobs: JobsPort, jobId: string): void => {
  // The last execution of a job by a thing counts.
  const executions = new Map(jobs.executions({ jobId }).map((execution) => [execution.thingName, execution]));
  const heard = new Map(
    greengrass.store
      .all<HeardRow>("SELECT thing, number, version FROM heard_executions WHERE job_id = ?", jobId)
      .map((row) => [row.thing, row]),
  );
  for (const execution of executions.values()) {
    const { number = 0, version = 0 } = heard.get(execution.thingName) ?? {};
    const ahead = execution.executionNumber - number || execution.versionNumber - version;
    if (ahead > 0) follow(greengrass, execution);
  }
};

/**
 * A job that ended without Greengrass asking for it: stopped by its abort criteria, which fails the deployment, or
 * cancelled by whom may do so in AWS IoT.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/manage-deployments.html
 */
const endDeployment = (greengrass: Greengrass, jobId: string, status: JobStatus): void => {
  const row = status === "CANCELED" ? findJob(greengrass, jobId) : undefined;
  if (row?.state !== "created") return;
  const { abortConfig } = configurationOf(row);
  const { store } = greengrass;
  store.transact(() => {
    store.run("UPDATE deployment_jobs SET state = 'canceled' WHERE job_id = ?", jobId);
    store.run(
      "UPDATE deployments SET status = ? WHERE id = ? AND status = 'ACTIVE'",
      abortConfig === undefined ? "CANCELED" : "FAILED",
      row.deployment_id,
    );
  });
};

/**
 * Goes on with what an earlier process left unfinished, catches up with what was not heard of, and listens from then on.
 *
 * @param active whether it is still to be listened
 */
export const followJobs = (greengrass: Greengrass, active: () => boolean): void => {
  const { jobs, store } = greengrass;
  if (jobs === undefined) return;
  settleJobs(greengrass);
  // One job at a time: the executions of all jobs together may be more than the memory holds.
  for (const { job_id } of store.all<{ job_id: string }>("SELECT job_id FROM deployment_jobs ORDER BY rowid"))
    catchUp(greengrass, jobs, job_id);
  const lasting = "SELECT job_id FROM deployment_jobs WHERE state = 'created' ORDER BY rowid";
  for (const { job_id } of store.all<{ job_id: string }>(lasting)) {
    const status = jobs.status(job_id);
    if (status !== undefined) endDeployment(greengrass, job_id, status);
  }
  jobs.onChange((execution) => active() && follow(greengrass, execution));
  jobs.onJob(({ jobId, status }) => active() && endDeployment(greengrass, jobId, status));
};

/** Where a deployment to one thing, which has no job, is with that thing. */
export const recordThingDeployment = (
  greengrass: Greengrass,
  { id, target, createdAt }: Revision,
  name: string | null,
  status: "QUEUED" | "CANCELED",
): void => {
  const thing = thingOf(target);
  if (thing === undefined) return;
  const deployed: Deployed = { deploymentId: id, name, target, jobId: null, createdAt };
  if (status === "CANCELED" && findEffective(greengrass, thing, id)?.status !== "QUEUED") return;
  recordEffective(greengrass, thing, deployed, status, status === "QUEUED" ? createdAt : Date.now());
};
