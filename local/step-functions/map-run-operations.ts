import * as z from "zod";
import { type Operation, ServiceError } from "../aws-json-rpc.ts";
import type { Count, MapRun } from "./map-runs.ts";
import type { Options } from "./operations.ts";
import { decodeToken, MAP_RUN_ARN, Paging, pageOf, pageSize, partsOf, seconds } from "./requests.ts";
import type { Execution } from "./store.ts";

const MapRunInput = z.object({ mapRunArn: z.string().min(1).max(2000) });
const ListInput = z.object({ executionArn: z.string().min(1).max(256), ...Paging });
const UpdateInput = MapRunInput.extend({
  maxConcurrency: z.int().min(0).optional(),
  toleratedFailureCount: z.int().min(0).optional(),
  toleratedFailurePercentage: z.number().min(0).max(100).optional(),
});

const NAMES = {
  pending: "PENDING",
  running: "RUNNING",
  succeeded: "SUCCEEDED",
  failed: "FAILED",
  timedOut: "TIMED_OUT",
};

/** `itemCounts` or `executionCounts` of a Map Run. */
const countsOf = (counts: readonly Count[], of: "items" | "executions", run: MapRun) => {
  const sum = (status?: string): number =>
    counts.reduce((all, count) => (status === undefined || count.status === status ? all + count[of] : all), 0);
  return {
    ...Object.fromEntries(Object.entries(NAMES).map(([name, status]) => [name, sum(status)])),
    aborted: sum("ABORTED"),
    total: sum(),
    resultsWritten: run.resultsWritten,
    failuresNotRedrivable: 0,
    pendingRedrive: 0,
  };
};

/** The operations on Map Runs, and how they find one. */
export const makeMapRunOperations = (
  { mapRuns, store, runner, arns }: Options,
  executionOf: (arn: string) => Execution,
) => {
  /** @throws ServiceError InvalidArn, ResourceNotFound */
  const mapRunOf = (arn: string): MapRun => {
    const [machine = "", name = ""] = partsOf(MAP_RUN_ARN, arn);
    const run = arns.mapRun(machine, name) === arn ? mapRuns.find(machine, name) : undefined;
    if (run === undefined) throw new ServiceError("ResourceNotFound", `Resource not found: '${arn}'`);
    return run;
  };
  const item = (run: MapRun) => {
    const parent = store.at(run.execution);
    if (parent === undefined) throw new Error("a Map Run without its execution");
    return {
      mapRunArn: arns.mapRun(run.machine, run.name),
      executionArn: arns.execution(parent.machine, parent.name),
      startDate: seconds(run.startedAt),
      ...(run.stoppedAt === null ? {} : { stopDate: seconds(run.stoppedAt) }),
    };
  };

  const describeMapRun: Operation = (given) => {
    const run = mapRunOf(MapRunInput.parse(given).mapRunArn);
    const counts = mapRuns.counts(run.position);
    return {
      ...item(run),
      status: run.status,
      maxConcurrency: run.maxConcurrency,
      toleratedFailurePercentage: run.toleratedPercentage ?? 0,
      toleratedFailureCount: run.toleratedCount ?? 0,
      itemCounts: countsOf(counts, "items", run),
      executionCounts: countsOf(counts, "executions", run),
      redriveCount: run.redriveCount,
      ...(run.redrivenAt === null ? {} : { redriveDate: seconds(run.redrivenAt) }),
    };
  };

  const listMapRuns: Operation = (given) => {
    const { executionArn, maxResults, nextToken } = ListInput.parse(given);
    const limit = pageSize(maxResults);
    const before = decodeToken(nextToken, Number.MAX_SAFE_INTEGER);
    const { page, ...more } = pageOf(mapRuns.list(executionOf(executionArn).position, before, limit + 1), limit);
    return { mapRuns: page.map((run) => ({ ...item(run), stateMachineArn: arns.machine(run.machine) })), ...more };
  };

  const updateMapRun: Operation = (given) => {
    const { mapRunArn, maxConcurrency, toleratedFailureCount, toleratedFailurePercentage } = UpdateInput.parse(given);
    const run = mapRunOf(mapRunArn);
    if (run.status !== "RUNNING") {
      throw new ServiceError("ValidationException", `The Map Run is ${run.status} and cannot be updated`);
    }
    mapRuns.change(run.position, {
      maxConcurrency: maxConcurrency ?? run.maxConcurrency,
      toleratedCount: toleratedFailureCount ?? run.toleratedCount,
      toleratedPercentage: toleratedFailurePercentage ?? run.toleratedPercentage,
    });
    runner.changed(run);
  };

  return { mapRunOf, describeMapRun, listMapRuns, updateMapRun };
};
