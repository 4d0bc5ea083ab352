import type { JobExecutionSummary } from "@aws-sdk/client-iot";
import { afterToken, cut } from "../aws-json/paging.ts";
import { invalidRequest, invalidStateTransition, invalidToken, versionConflict } from "./errors.ts";
import { MAX_DETAILS } from "./jobs-device.ts";
import { move, settle } from "./jobs-engine.ts";
import { type ExecutionRow, getExecution, getJob, isTerminal } from "./jobs-store.ts";
import { change } from "./outbox.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers, parseStrings } from "./state.ts";
import { getThing } from "./things.ts";

const summary = (row: ExecutionRow): JobExecutionSummary => ({
  status: row.status,
  queuedAt: new Date(row.queued_at),
  startedAt: row.started_at === null ? undefined : new Date(row.started_at),
  lastUpdatedAt: new Date(row.updated_at),
  executionNumber: row.number,
  retryAttempt: row.number - row.series,
});

const list = (
  iot: Iot,
  input: {
    readonly status?: string | undefined;
    readonly maxResults?: number | undefined;
    readonly nextToken?: string | undefined;
  },
  conditions: Readonly<Record<string, string | undefined>>,
) => {
  const limit = input.maxResults ?? DEFAULT_PAGE;
  const [after = 0] = afterToken(input.nextToken, invalidToken) ?? [];
  const given = Object.entries({ ...conditions, "status = ?": input.status }).filter(
    ([, value]) => value !== undefined,
  );
  const rows = iot.store.all<ExecutionRow>(
    `SELECT * FROM job_executions WHERE ${["position > ?", ...given.map(([condition]) => condition)].join(" AND ")}
     ORDER BY position LIMIT ?`,
    after,
    ...given.map(([, value]) => value ?? null),
    limit + 1,
  );
  return cut(rows, limit, (row) => [row.position]);
};

export const jobExecutionHandlers: IotHandlers = {
  /** All tries of all things, in the order they were queued. */
  ListJobExecutionsForJob: (input, iot) => {
    const job = getJob(iot, input.jobId);
    const page = list(iot, input, { "job = ?": job.name });
    return {
      executionSummaries: page.items.map((row) => ({
        thingArn: iot.arn("thing", row.thing),
        jobExecutionSummary: summary(row),
      })),
      nextToken: page.next,
    };
  },

  ListJobExecutionsForThing: (input, iot) => {
    const thing = getThing(iot, input.thingName);
    const page = list(iot, input, {
      "thing = ?": thing.name,
      "job = ?": input.jobId,
      "job IN (SELECT name FROM jobs WHERE namespace = ?)": input.namespaceId,
    });
    return {
      executionSummaries: page.items.map((row) => ({ jobId: row.job, jobExecutionSummary: summary(row) })),
      nextToken: page.next,
    };
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_DescribeJobExecution.html */
  DescribeJobExecution: (input, iot) => {
    const row = getExecution(iot, input.jobId, input.thingName, input.executionNumber);
    return {
      execution: {
        jobId: row.job,
        status: row.status,
        forceCanceled: row.forced === 1 ? true : undefined,
        statusDetails: { detailsMap: parseStrings(row.details) },
        thingArn: iot.arn("thing", row.thing),
        queuedAt: new Date(row.queued_at),
        startedAt: row.started_at === null ? undefined : new Date(row.started_at),
        lastUpdatedAt: new Date(row.updated_at),
        executionNumber: row.number,
        versionNumber: row.version,
        approximateSecondsBeforeTimedOut:
          row.due_at === null ? undefined : Math.max(0, Math.ceil((row.due_at - iot.clock.now()) / 1_000)),
      },
    };
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CancelJobExecution.html */
  CancelJobExecution: (input, iot) => {
    const row = getExecution(iot, input.jobId, input.thingName);
    if (Object.keys(input.statusDetails ?? {}).length > MAX_DETAILS)
      throw invalidRequest(`statusDetails can have at most ${MAX_DETAILS} members`);
    if (input.expectedVersion !== undefined && input.expectedVersion !== row.version)
      throw versionConflict(input.expectedVersion, row.version);
    if (isTerminal(row.status) || (row.status === "IN_PROGRESS" && input.force !== true))
      throw invalidStateTransition(`The execution is ${row.status} and cannot be canceled`);
    change(iot, () => move(iot, row, "CANCELED", { details: input.statusDetails, forced: input.force }));
    return {};
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteJobExecution.html */
  DeleteJobExecution: (input, iot) => {
    getJob(iot, input.jobId, input.namespaceId);
    const row = getExecution(iot, input.jobId, input.thingName, input.executionNumber);
    if (!isTerminal(row.status) && input.force !== true)
      throw invalidStateTransition(`The execution is ${row.status} and cannot be deleted`);
    change(iot, () => {
      iot.store.run("DELETE FROM job_executions WHERE position = ?", row.position);
      iot.store.run(
        `UPDATE job_executions SET latest = 1 WHERE job = ?1 AND thing = ?2 AND number =
         (SELECT max(number) FROM job_executions WHERE job = ?1 AND thing = ?2)`,
        row.job,
        row.thing,
      );
      settle(iot, row.job);
    });
    return {};
  },
};
