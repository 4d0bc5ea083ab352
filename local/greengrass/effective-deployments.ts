import { z } from "zod";
import { afterToken, cut } from "../aws-json/paging.ts";
import type { JobExecutionChange } from "../iot/jobs-port.ts";
import { requireCoreDevice } from "./core-devices.ts";
import { invalidToken } from "./errors.ts";
import { DEFAULT_PAGE, type Greengrass, type GreengrassHandlers } from "./state.ts";

export const EFFECTIVE_DEPLOYMENTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS effective_deployments (
    thing TEXT NOT NULL, deployment_id TEXT NOT NULL, name TEXT, target TEXT NOT NULL, job_id TEXT,
    status TEXT NOT NULL, reason TEXT, error_stack TEXT NOT NULL, error_types TEXT NOT NULL,
    created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL, PRIMARY KEY (thing, deployment_id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS effective_deployments_by_target ON effective_deployments (target, status);
`;

export type EffectiveStatus =
  | "IN_PROGRESS"
  | "QUEUED"
  | "FAILED"
  | "COMPLETED"
  | "TIMED_OUT"
  | "CANCELED"
  | "REJECTED"
  | "SUCCEEDED";

/** What a core device says of a deployment that it has dealt with. */
export interface Outcome {
  readonly reason?: string | undefined;
  readonly errorStack?: readonly string[] | undefined;
  readonly errorTypes?: readonly string[] | undefined;
}

/** The deployment of which a device's copy is: what is shown of it outlives the deployment. */
export interface Deployed {
  readonly deploymentId: string;
  readonly name: string | null;
  readonly target: string;
  readonly jobId: string | null;
  readonly createdAt: number;
}

interface EffectiveRow {
  readonly thing: string;
  readonly deployment_id: string;
  readonly name: string | null;
  readonly target: string;
  readonly job_id: string | null;
  readonly status: EffectiveStatus;
  readonly reason: string | null;
  /** JSON lists. */
  readonly error_stack: string;
  readonly error_types: string;
  readonly created_at: number;
  readonly modified_at: number;
}

/** The states that EventBridge hears of: https://docs.aws.amazon.com/greengrass/v2/developerguide/deployment-health-notifications.html */
const TOLD: ReadonlySet<EffectiveStatus> = new Set(["FAILED", "SUCCEEDED", "COMPLETED", "REJECTED", "CANCELED"]);

export const findEffective = (greengrass: Greengrass, thing: string, id: string): EffectiveRow | undefined =>
  greengrass.store.get<EffectiveRow>(
    "SELECT * FROM effective_deployments WHERE thing = ? AND deployment_id = ?",
    thing,
    id,
  );

const tell = (greengrass: Greengrass, row: EffectiveRow): void => {
  if (!TOLD.has(row.status)) return;
  greengrass.outbox.push({
    source: "aws.greengrass",
    "detail-type": "Greengrass V2 Effective Deployment Status Change",
    resources: [greengrass.arn(`coreDevices:${row.thing}`)],
    detail: {
      deploymentId: row.deployment_id,
      coreDeviceExecutionStatus: row.status,
      statusDetails: {
        errorStack: JSON.parse(row.error_stack) as string[],
        errorTypes: JSON.parse(row.error_types) as string[],
      },
      ...(row.reason !== null && { reason: row.reason }),
    },
  });
};

/**
 * Records where a device is with a deployment and, when the status is another than before, tells EventBridge. What the
 * outcome does not say stays as it was. Call it within `change`.
 *
 * @param at milliseconds
 */
export const recordEffective = (
  greengrass: Greengrass,
  thing: string,
  deployed: Deployed,
  status: EffectiveStatus,
  at: number,
  outcome: Outcome = {},
): void => {
  const before = findEffective(greengrass, thing, deployed.deploymentId);
  const list = (items: readonly string[] | undefined) => (items === undefined ? null : JSON.stringify(items));
  greengrass.store.run(
    `INSERT INTO effective_deployments
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, coalesce(?8, '[]'), coalesce(?9, '[]'), ?10, ?11)
     ON CONFLICT (thing, deployment_id) DO UPDATE SET status = ?6, reason = coalesce(?7, reason),
       error_stack = coalesce(?8, error_stack), error_types = coalesce(?9, error_types), modified_at = ?11`,
    thing,
    deployed.deploymentId,
    deployed.name,
    deployed.target,
    deployed.jobId,
    status,
    outcome.reason ?? null,
    list(outcome.errorStack),
    list(outcome.errorTypes),
    deployed.createdAt,
    at,
  );
  const after = findEffective(greengrass, thing, deployed.deploymentId);
  if (after !== undefined && before?.status !== status) tell(greengrass, after);
};

/** How a reason reads: https://docs.aws.amazon.com/greengrass/v2/developerguide/deployment-health-notifications.html */
export const reasonOf = (
  detailedStatus: string | undefined,
  failureCause: string | undefined,
  errorStack: readonly string[] = [],
): string | undefined => {
  const parts = [errorStack.at(-1), detailedStatus, failureCause].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join(": ");
};

/** A list as a job execution's details hold it, which are strings: JSON, or Java's `[A, B]`. */
const listIn = (text: string | undefined): string[] | undefined => {
  if (text === undefined) return undefined;
  try {
    return z.array(z.string()).parse(JSON.parse(text));
  } catch {
    return text
      .replace(/^\[|\]$/g, "")
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  }
};

/**
 * What a nucleus writes into a job execution's details; the keys are in its DeploymentService.
 * https://github.com/aws-greengrass/aws-greengrass-nucleus
 */
export const outcomeOf = ({ statusDetails = {} }: Pick<JobExecutionChange, "statusDetails">): Outcome => {
  const errorStack = listIn(statusDetails["deployment-error-stack"]);
  return {
    reason: reasonOf(
      statusDetails["detailed-deployment-status"],
      statusDetails["deployment-failure-cause"],
      errorStack ?? [],
    ),
    errorStack,
    errorTypes: listIn(statusDetails["deployment-error-types"]),
  };
};

/** Follows a job execution within `change`; one that was removed is no deployment of that device any more. */
export const followExecution = (greengrass: Greengrass, change: JobExecutionChange, deployed: Deployed): void => {
  if (change.status === "REMOVED") {
    greengrass.store.run(
      "DELETE FROM effective_deployments WHERE thing = ? AND deployment_id = ?",
      change.thingName,
      deployed.deploymentId,
    );
    return;
  }
  recordEffective(greengrass, change.thingName, deployed, change.status, change.at, outcomeOf(change));
};

const isError = ({ status }: EffectiveRow): boolean => status !== "SUCCEEDED" && status !== "COMPLETED";

const shown = (greengrass: Greengrass, row: EffectiveRow) => ({
  deploymentId: row.deployment_id,
  // Required in the answer, also of a deployment without a name.
  deploymentName: row.name ?? "",
  ...(row.job_id !== null && {
    iotJobId: row.job_id,
    iotJobArn: `arn:aws:iot:${greengrass.region}:${greengrass.accountId}:job/${row.job_id}`,
  }),
  targetArn: row.target,
  coreDeviceExecutionStatus: row.status,
  reason: row.reason ?? undefined,
  creationTimestamp: new Date(row.created_at),
  modifiedTimestamp: new Date(row.modified_at),
  ...(isError(row) && {
    statusDetails: {
      errorStack: JSON.parse(row.error_stack) as string[],
      errorTypes: JSON.parse(row.error_types) as string[],
    },
  }),
});

export const effectiveDeploymentHandlers: GreengrassHandlers = {
  /**
   * The latest deployment first.
   * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_ListEffectiveDeployments.html
   */
  ListEffectiveDeployments: (input, greengrass) => {
    requireCoreDevice(greengrass, input.coreDeviceThingName);
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [at, id] = afterToken(input.nextToken, invalidToken) ?? [Number.MAX_SAFE_INTEGER, ""];
    const rows = greengrass.store.all<EffectiveRow>(
      `SELECT * FROM effective_deployments WHERE thing = ? AND (created_at, deployment_id) < (?, ?)
       ORDER BY created_at DESC, deployment_id DESC LIMIT ?`,
      input.coreDeviceThingName,
      at ?? Number.MAX_SAFE_INTEGER,
      id ?? "",
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.created_at, row.deployment_id]);
    return { effectiveDeployments: page.items.map((row) => shown(greengrass, row)), nextToken: page.next };
  },
};
