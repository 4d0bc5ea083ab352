import { randomUUID } from "node:crypto";
import { afterToken, cut } from "../aws-json/paging.ts";
import { fingerprint, recall, remember } from "./client-tokens.ts";
import { componentVersionArn, findComponentVersion } from "./components.ts";
import { conflict, invalid, invalidToken, notFound } from "./errors.ts";
import { DEFAULT_PAGE, type Greengrass, type GreengrassHandlers } from "./state.ts";
import { dropTags, tagsOf, writeTags } from "./tags.ts";

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

type CreateDeploymentInput = Parameters<NonNullable<GreengrassHandlers["CreateDeployment"]>>[0];
type Components = NonNullable<CreateDeploymentInput["components"]>;

/** What a deployment deploys and how, as it was given; with the service's defaults for the policies. */
type Document = Pick<CreateDeploymentInput, "components" | "deploymentPolicies" | "iotJobConfiguration">;

interface DeploymentRow {
  readonly id: string;
  readonly target: string;
  readonly revision: number;
  readonly name: string | null;
  readonly status: "ACTIVE" | "CANCELED" | "INACTIVE";
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

const deploymentArn = (greengrass: Greengrass, id: string): string => greengrass.arn(`deployments:${id}`);

/** Components that AWS publishes; nothing is known of their versions here. */
const isPublic = (name: string): boolean => name.startsWith("aws.greengrass.");

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/**
 * @throws ResourceNotFoundException (404) for component versions that the account has not got; ValidationException
 * (400) for ones that are not deployable, without a version, or with a configuration update that is not JSON.
 */
const checkComponents = (greengrass: Greengrass, components: Components): void => {
  for (const [name, specification] of Object.entries(components)) {
    const version = specification.componentVersion;
    if (version === undefined) throw invalid(`Invalid Input: component ${name} has no componentVersion`);
    const { merge, reset = [] } = specification.configurationUpdate ?? {};
    if (merge !== undefined && !isJson(merge))
      throw invalid(`Invalid Input: the configuration to merge of component ${name} is not JSON`);
    if (reset.some((pointer) => pointer !== "" && !pointer.startsWith("/")))
      throw invalid(`Invalid Input: the configuration to reset of component ${name} has what is no JSON pointer`);
    if (isPublic(name)) continue;
    const arn = componentVersionArn(greengrass, name, version);
    const row = findComponentVersion(greengrass, arn);
    if (row === undefined) throw notFound(`The component version ${arn} does not exist`, arn, "COMPONENT");
    if (row.state !== "DEPLOYABLE") throw invalid(`Invalid Input: component version ${arn} is ${row.state}`);
  }
};

/** The defaults: https://docs.aws.amazon.com/greengrass/v2/APIReference/API_DeploymentPolicies.html */
const documentOf = (input: CreateDeploymentInput): Document => ({
  components: input.components ?? {},
  deploymentPolicies: {
    failureHandlingPolicy: input.deploymentPolicies?.failureHandlingPolicy ?? "ROLLBACK",
    componentUpdatePolicy: {
      timeoutInSeconds: input.deploymentPolicies?.componentUpdatePolicy?.timeoutInSeconds ?? 60,
      action: input.deploymentPolicies?.componentUpdatePolicy?.action ?? "NOTIFY_COMPONENTS",
    },
    configurationValidationPolicy: {
      timeoutInSeconds: input.deploymentPolicies?.configurationValidationPolicy?.timeoutInSeconds ?? 30,
    },
  },
  iotJobConfiguration: input.iotJobConfiguration ?? {},
});

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

/** Makes the target's next revision, which takes the place of the one before. */
const insertRevision = (
  greengrass: Greengrass,
  input: CreateDeploymentInput,
  id: string,
  jobId: string | null,
): void => {
  const { store } = greengrass;
  store.run(
    `INSERT INTO deployment_targets VALUES (?, 1)
     ON CONFLICT (arn) DO UPDATE SET last_revision = last_revision + 1`,
    input.targetArn,
  );
  store.run(
    `UPDATE deployments SET latest = 0, status = iif(status = 'ACTIVE', 'INACTIVE', status)
     WHERE target = ? AND latest = 1`,
    input.targetArn,
  );
  store.run(
    `INSERT INTO deployments
     SELECT ?, arn, last_revision, ?, 'ACTIVE', 1, ?, ?, ?, ?,
       (SELECT coalesce(max(sequence), 0) + 1 FROM deployments)
     FROM deployment_targets WHERE arn = ?`,
    id,
    input.deploymentName ?? null,
    input.parentTargetArn ?? null,
    jobId,
    JSON.stringify(documentOf(input)),
    Date.now(),
    input.targetArn,
  );
  writeTags(greengrass, deploymentArn(greengrass, id), input.tags);
};

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
    if (earlier?.same === true) return earlier.response as { deploymentId: string };
    if (earlier !== undefined)
      throw conflict("The clientToken was used with another request", input.clientToken ?? "", "DEPLOYMENT");

    for (const arn of [input.targetArn, input.parentTargetArn])
      if (arn !== undefined && !greengrass.targetExists(arn))
        throw notFound(`The target ${arn} does not exist`, arn, "TARGET");
    checkComponents(greengrass, input.components ?? {});
    const id = randomUUID();
    // Deployments to one thing are sent through its shadow, without a job.
    const jobId = input.targetArn.includes(":thinggroup/") ? randomUUID() : null;
    const answer = { deploymentId: id, ...jobOf(greengrass, jobId) };
    greengrass.store.transact(() => {
      insertRevision(greengrass, input, id, jobId);
      remember(greengrass, OPERATION, input.clientToken, request, answer);
    });
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
    const limit = input.maxResults ?? DEFAULT_PAGE;
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

  /** https://docs.aws.amazon.com/greengrass/v2/APIReference/API_CancelDeployment.html */
  CancelDeployment: (input, greengrass) => {
    const row = getDeployment(greengrass, input.deploymentId);
    if (row.status !== "ACTIVE")
      throw conflict(
        `The deployment ${row.id} is ${row.status}; only an active one can be canceled`,
        row.id,
        "DEPLOYMENT",
      );
    greengrass.store.run("UPDATE deployments SET status = 'CANCELED' WHERE id = ?", row.id);
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
