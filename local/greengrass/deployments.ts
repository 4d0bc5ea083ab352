import { randomUUID } from "node:crypto";
import { afterToken, cut } from "../aws-json/paging.ts";
import { fingerprint, recall, remember } from "./client-tokens.ts";
import {
  type CreateDeploymentInput,
  checkComponents,
  checkSize,
  checkTimeout,
  type Document,
  documentOf,
  jobDocument,
  type Revision,
  thingOf,
} from "./deployment-documents.ts";
import { recordThingDeployment, requestCancel, requestJob, settleJobs } from "./deployment-jobs.ts";
import { conflict, invalidToken, notEmulated, notFound } from "./errors.ts";
import { change } from "./outbox.ts";
import type { Greengrass, GreengrassHandlers } from "./state.ts";
import { dropTags, limitTags, tagsOf, writeTags } from "./tags.ts";

export const DEPLOYMENTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS deployments (
    id TEXT PRIMARY KEY, target TEXT NOT NULL, revision INTEGER NOT NULL, name TEXT, status TEXT NOT NULL,
    latest INTEGER NOT NULL, parent_target TEXT, job_id TEXT, document TEXT NOT NULL, created_at INTEGER NOT NULL,
    sequence INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS deployments_by_target ON deployments (target, sequence);
  CREATE INDEX IF NOT EXISTS deployments_by_sequence ON deployments (sequence);
  CREATE TABLE IF NOT EXISTS deployment_targets (
    arn TEXT PRIMARY KEY, last_revision INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** Where ListDeployments names no limit: https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ListDeployments.html */
const DEPLOYMENTS_PAGE = 50;

export interface DeploymentRow {
  readonly id: string;
  readonly target: string;
  readonly revision: number;
  readonly name: string | null;
  readonly status: "ACTIVE" | "COMPLETED" | "CANCELED" | "FAILED" | "INACTIVE";
  readonly latest: number;
  readonly parent_target: string | null;
  readonly job_id: string | null;
  /** A {@link Document} as JSON. */
  readonly document: string;
  readonly created_at: number;
  /** Counts the account's deployments: two of one millisecond are in order too. */
  readonly sequence: number;
}

/** @throws ResourceNotFoundException (404) */
const getDeployment = (greengrass: Greengrass, id: string): DeploymentRow => {
  const row = greengrass.store.get<DeploymentRow>("SELECT * FROM deployments WHERE id = ?", id);
  if (row === undefined) throw notFound(`The deployment ${id} does not exist`, id, "DEPLOYMENT");
  return row;
};

export const deploymentArn = (greengrass: Greengrass, id: string): string => greengrass.arn(`deployments:${id}`);

const jobOf = (greengrass: Greengrass, jobId: string | null) =>
  jobId === null
    ? {}
    : { iotJobId: jobId, iotJobArn: `arn:aws:iot:${greengrass.region}:${greengrass.accountId}:job/${jobId}` };

const summary = (row: DeploymentRow) => ({
  targetArn: row.target,
  revisionId: String(row.revision),
  deploymentId: row.id,
  deploymentName: row.name ?? undefined,
  creationTimestamp: new Date(row.created_at),
  deploymentStatus: row.status,
  isLatestForTarget: row.latest === 1,
  parentTargetArn: row.parent_target ?? undefined,
});

const revisionOf = (row: DeploymentRow): Revision => ({
  id: row.id,
  target: row.target,
  revision: row.revision,
  createdAt: row.created_at,
});

/** Ends what a deployment has under way: its job, or its place in a thing's queue. */
const stop = (greengrass: Greengrass, row: DeploymentRow, status: "CANCELED" | "INACTIVE"): void => {
  greengrass.store.run("UPDATE deployments SET status = ? WHERE id = ?", status, row.id);
  requestCancel(greengrass, row.job_id);
  recordThingDeployment(greengrass, revisionOf(row), row.name, "CANCELED");
};

/** Makes the target's next revision, which takes the place of the one before. */
const insertRevision = (
  greengrass: Greengrass,
  input: CreateDeploymentInput,
  revision: Revision,
  jobId: string | null,
): void => {
  const { store } = greengrass;
  const document = documentOf(input);
  const name = input.deploymentName ?? null;
  store.run(
    "INSERT INTO deployment_targets VALUES (?1, ?2) ON CONFLICT (arn) DO UPDATE SET last_revision = ?2",
    input.targetArn,
    revision.revision,
  );
  const previous = store.get<DeploymentRow>(
    "SELECT * FROM deployments WHERE target = ? AND latest = 1",
    input.targetArn,
  );
  if (previous !== undefined) {
    store.run("UPDATE deployments SET latest = 0 WHERE id = ?", previous.id);
    if (previous.status === "ACTIVE") stop(greengrass, previous, "INACTIVE");
  }
  store.run(
    `INSERT INTO deployments
     VALUES (?, ?, ?, ?, 'ACTIVE', 1, NULL, ?, ?, ?, (SELECT coalesce(max(sequence), 0) + 1 FROM deployments))`,
    revision.id,
    revision.target,
    revision.revision,
    name,
    jobId,
    JSON.stringify(document),
    revision.createdAt,
  );
  writeTags(greengrass, deploymentArn(greengrass, revision.id), input.tags);
  if (jobId === null) recordThingDeployment(greengrass, revision, name, "QUEUED");
  else requestJob(greengrass, jobId, name, revision, document);
};

const nextRevision = (greengrass: Greengrass, target: string): number =>
  (greengrass.store.get<{ last: number }>("SELECT last_revision AS last FROM deployment_targets WHERE arn = ?", target)
    ?.last ?? 0) + 1;

const OPERATION = "CreateDeployment";

export const deploymentHandlers: GreengrassHandlers = {
  /**
   * A deployment to a target that has one already is that target's next revision. The same client token with the same
   * request gets the same answer; with another request, a ConflictException (409).
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_CreateDeployment.html
   */
  CreateDeployment: (input, greengrass) => {
    const request = fingerprint(input);
    const earlier = recall(greengrass, OPERATION, input.clientToken, request);
    if (earlier?.same === true) {
      // The first attempt may have failed between the two databases.
      settleJobs(greengrass);
      return earlier.response as { deploymentId: string };
    }
    if (earlier !== undefined)
      throw conflict("The clientToken was used with another request", input.clientToken ?? "", "DEPLOYMENT");

    if (input.parentTargetArn !== undefined) throw notEmulated(`${OPERATION} of a subdeployment`);
    if (!greengrass.targetExists(input.targetArn))
      throw notFound(`The target ${input.targetArn} does not exist`, input.targetArn, "TARGET");
    checkComponents(greengrass, input.components ?? {});
    checkTimeout(input);
    limitTags(input.tags);
    const revision: Revision = {
      id: randomUUID(),
      target: input.targetArn,
      revision: nextRevision(greengrass, input.targetArn),
      createdAt: Date.now(),
    };
    checkSize(jobDocument(greengrass, revision, documentOf(input)), input.targetArn);
    // Deployments to one thing are sent through its shadow, without a job.
    const jobId = thingOf(input.targetArn) === undefined ? randomUUID() : null;
    const answer = { deploymentId: revision.id, ...jobOf(greengrass, jobId) };
    change(greengrass, () => {
      insertRevision(greengrass, input, revision, jobId);
      remember(greengrass, OPERATION, input.clientToken, request, answer);
    });
    settleJobs(greengrass);
    return answer;
  },

  GetDeployment: (input, greengrass) => {
    const row = getDeployment(greengrass, input.deploymentId);
    return {
      ...summary(row),
      ...jobOf(greengrass, row.job_id),
      ...(JSON.parse(row.document) as Document),
      tags: tagsOf(greengrass, deploymentArn(greengrass, row.id)),
    };
  },

  /**
   * The latest first; without a filter, the latest revision of each target.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ListDeployments.html
   */
  ListDeployments: (input, greengrass) => {
    const limit = input.maxResults ?? DEPLOYMENTS_PAGE;
    const before = afterToken(input.nextToken, invalidToken)?.[0] ?? Number.MAX_SAFE_INTEGER;
    const where = ["sequence < ?"];
    const parameters = [before];
    if (input.targetArn !== undefined) {
      where.push("target = ?");
      parameters.push(input.targetArn);
    }
    if (input.parentTargetArn !== undefined) {
      where.push("parent_target = ?");
      parameters.push(input.parentTargetArn);
    }
    if (input.historyFilter !== "ALL") where.push("latest = 1");
    const rows = greengrass.store.all<DeploymentRow>(
      `SELECT * FROM deployments WHERE ${where.join(" AND ")} ORDER BY sequence DESC LIMIT ?`,
      ...parameters,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.sequence]);
    return { deployments: page.items.map(summary), nextToken: page.next };
  },

  /**
   * Devices that have the deployment already keep it.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_CancelDeployment.html
   */
  CancelDeployment: (input, greengrass) => {
    const row = getDeployment(greengrass, input.deploymentId);
    if (row.status !== "ACTIVE")
      throw conflict(
        `The deployment ${row.id} is ${row.status}; only an active one can be canceled`,
        row.id,
        "DEPLOYMENT",
      );
    change(greengrass, () => stop(greengrass, row, "CANCELED"));
    settleJobs(greengrass);
    return { message: "SUCCESS" };
  },

  /**
   * An active deployment must be canceled first.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_DeleteDeployment.html
   */
  DeleteDeployment: (input, greengrass) => {
    const row = getDeployment(greengrass, input.deploymentId);
    if (row.status === "ACTIVE")
      throw conflict(`The deployment ${row.id} is ACTIVE: cancel it first`, row.id, "DEPLOYMENT");
    greengrass.store.transact(() => {
      greengrass.store.run("DELETE FROM deployments WHERE id = ?", row.id);
      dropTags(greengrass, deploymentArn(greengrass, row.id));
    });
    return {};
  },
};
