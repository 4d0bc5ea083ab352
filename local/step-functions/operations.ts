import { randomUUID } from "node:crypto";
import * as z from "zod";
import { type Operation, ServiceError } from "../aws-json-rpc.ts";
import { MAX_DATA_BYTES } from "./errors.ts";
import { notRedrivable, type Runner } from "./executions.ts";
import { makeMapRunOperations } from "./map-run-operations.ts";
import type { MapRuns } from "./map-runs.ts";
import {
  decodeToken,
  EXECUTION_ARN,
  MACHINE_ARN,
  Paging,
  pageOf,
  pageSize,
  partsOf,
  seconds,
  slice,
} from "./requests.ts";
import type { Arns } from "./result-writer.ts";
import type { RunnableMachine } from "./run.ts";
import { type Execution, type Executions, RETENTION_MS, told } from "./store.ts";

/** A state machine as it was given, for DescribeStateMachine; or that of the children of a Map Run. */
export interface KnownMachine extends RunnableMachine {
  readonly given: object;
  readonly createdAt: number;
  readonly type: "STANDARD" | "EXPRESS";
}

export interface Options {
  readonly machines: ReadonlyMap<string, KnownMachine>;
  readonly store: Executions;
  readonly mapRuns: MapRuns;
  readonly runner: Runner;
  readonly arns: Arns;
}

const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"] as const;
const IncludedData = z.enum(["ALL_DATA", "METADATA_ONLY"]).optional();
const Arn = z.string().min(1).max(256);
const StartInput = z.object({
  stateMachineArn: Arn,
  name: z.string().optional(),
  input: z.string().default("{}"),
});
const ExecutionInput = z.object({ executionArn: Arn, includedData: IncludedData });
const StopInput = ExecutionInput.extend({
  error: z.string().max(256).optional(),
  cause: z.string().max(32_768).optional(),
});
const RedriveInput = ExecutionInput.extend({ clientToken: z.string().min(1).max(64).optional() });
const HistoryInput = ExecutionInput.extend({
  ...Paging,
  reverseOrder: z.boolean().default(false),
  includeExecutionData: z.boolean().default(true),
});
const MachineInput = z.object({ stateMachineArn: Arn, includedData: IncludedData });
const ListInput = z.object({
  ...Paging,
  stateMachineArn: Arn.optional(),
  mapRunArn: z.string().min(1).max(2000).optional(),
  statusFilter: z.enum(STATUSES).optional(),
  redriveFilter: z.enum(["REDRIVEN", "NOT_REDRIVEN"]).optional(),
});
const ListMachinesInput = z.object(Paging);
const TaskToken = z.string().min(1).max(2048);
const SuccessInput = z.object({ taskToken: TaskToken, output: z.string() });
const FailureInput = z.object({
  taskToken: TaskToken,
  error: z.string().max(256).optional(),
  cause: z.string().max(32_768).optional(),
});

/** Blanks, brackets, wildcards, the special and the control characters that a name may not have. */
const FORBIDDEN_IN_NAME = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}\p{Cs}\uFFFE\uFFFF]/u;
/** How long a client token of RedriveExecution makes its repetition the same call. */
const REDRIVE_TOKEN_MS = 15 * 60_000;

const checkInput = (input: string): void => {
  if (Buffer.byteLength(input) > MAX_DATA_BYTES) {
    throw new ServiceError("InvalidExecutionInput", `the input is larger than ${MAX_DATA_BYTES} bytes`);
  }
  try {
    JSON.parse(input);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ServiceError("InvalidExecutionInput", `Invalid State Machine Execution Input: '${why}'`);
  }
};

const checkName = (name: string): void => {
  if (name.length < 1 || name.length > 80 || FORBIDDEN_IN_NAME.test(name)) {
    throw new ServiceError("InvalidName", `Invalid Name: '${name}'`);
  }
};

/** A status, and the redrives, as ListExecutions and DescribeExecution have them. */
export const executionItem = (arns: Arns, execution: Execution) => ({
  executionArn: arns.execution(execution.machine, execution.name),
  stateMachineArn: arns.machine(execution.machine),
  name: execution.name,
  status: execution.status,
  startDate: seconds(execution.startedAt),
  ...(execution.stoppedAt === null ? {} : { stopDate: seconds(execution.stoppedAt) }),
  redriveCount: execution.redriveCount,
  ...(execution.redrivenAt === null ? {} : { redriveDate: seconds(execution.redrivenAt) }),
});

/**
 * The operations, by their names. Each throws the errors of its AWS namesake.
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
 */
export const makeOperations = (options: Options): ReadonlyMap<string, Operation> => {
  const { machines, store, mapRuns, runner, arns } = options;

  const machineOf = (arn: string): KnownMachine => {
    const [name = ""] = partsOf(MACHINE_ARN, arn);
    const machine = machines.get(name);
    if (machine === undefined || machine.arn !== arn) {
      throw new ServiceError("StateMachineDoesNotExist", `State Machine Does Not Exist: '${arn}'`);
    }
    return machine;
  };

  const executionOf = (arn: string): Execution => {
    const [machine = "", name = ""] = partsOf(EXECUTION_ARN, arn);
    const execution = arns.execution(machine, name) === arn ? store.get(machine, name) : undefined;
    if (execution === undefined || execution.status === "PENDING") {
      throw new ServiceError("ExecutionDoesNotExist", `Execution Does Not Exist: '${arn}'`);
    }
    return told(execution);
  };

  const mapRunArnOf = ({ mapRun }: Execution) => {
    if (mapRun === null) return {};
    const { machine, name } = mapRuns.at(mapRun);
    return { mapRunArn: arns.mapRun(machine, name) };
  };

  const startExecution: Operation = (given) => {
    const { stateMachineArn, name = randomUUID(), input } = StartInput.parse(given);
    const machine = machineOf(stateMachineArn);
    if (machine.name.includes("/")) {
      throw new ServiceError("StateMachineDoesNotExist", `State Machine Does Not Exist: '${stateMachineArn}'`);
    }
    checkName(name);
    checkInput(input);
    const existing = store.get(machine.name, name);
    const executionArn = arns.execution(machine.name, name);
    if (existing !== undefined) {
      if (existing.status === "RUNNING" && existing.input === input) {
        return { executionArn, startDate: seconds(existing.startedAt) };
      }
      const expired = existing.stoppedAt !== null && existing.stoppedAt < Date.now() - RETENTION_MS;
      if (!expired) {
        throw new ServiceError("ExecutionAlreadyExists", `Execution Already Exists: '${executionArn}'`);
      }
    }
    const { startedAt } = runner.start(machine, name, input);
    return { executionArn, startDate: seconds(startedAt) };
  };

  const redriveStatusOf = (execution: Execution) => {
    const reason = notRedrivable(execution, store.eventCount(execution.position));
    if (reason !== undefined) return { redriveStatus: "NOT_REDRIVABLE", redriveStatusReason: reason };
    return { redriveStatus: execution.mapRun === null ? "REDRIVABLE" : "REDRIVABLE_BY_MAP_RUN" };
  };

  const describeExecution: Operation = (given) => {
    const { executionArn, includedData } = ExecutionInput.parse(given);
    if (includedData === "METADATA_ONLY") {
      throw new ServiceError("NotImplementedException", "DescribeExecution has no METADATA_ONLY here", 501);
    }
    const execution = executionOf(executionArn);
    const { input, output, error, cause } = execution;
    return {
      ...executionItem(arns, execution),
      ...mapRunArnOf(execution),
      input,
      inputDetails: { included: true },
      ...(output === null ? {} : { output, outputDetails: { included: true } }),
      ...(error === null ? {} : { error }),
      ...(cause === null ? {} : { cause }),
      ...redriveStatusOf(execution),
    };
  };

  const { mapRunOf, ...mapRunOperations } = makeMapRunOperations(options, executionOf);

  const listExecutions: Operation = (given) => {
    const { stateMachineArn, mapRunArn, statusFilter, redriveFilter, maxResults, nextToken } = ListInput.parse(given);
    if ((stateMachineArn === undefined) === (mapRunArn === undefined)) {
      const message = "Must provide a stateMachineArn or a mapRunArn, and not both";
      throw new ServiceError("ValidationException", message);
    }
    const limit = pageSize(maxResults);
    const before = decodeToken(nextToken, Number.MAX_SAFE_INTEGER);
    const status = statusFilter ?? null;
    const redriven = redriveFilter === undefined ? null : redriveFilter === "REDRIVEN";
    const rows =
      mapRunArn === undefined
        ? store.list(machineOf(stateMachineArn ?? "").name, before, status, redriven, limit + 1)
        : mapRuns.listChildren(mapRunOf(mapRunArn).position, before, status, redriven, limit + 1);
    const { page, ...more } = pageOf(rows, limit);
    const executions = page.map((execution) => ({
      ...executionItem(arns, told(execution)),
      ...mapRunArnOf(execution),
      ...(execution.items === null ? {} : { itemCount: execution.items }),
    }));
    return { executions, ...more };
  };

  const stopExecution: Operation = async (given) => {
    const { executionArn, error, cause } = StopInput.parse(given);
    const execution = executionOf(executionArn);
    const stopped = (await runner.stop(execution, { status: "ABORTED", error, cause })) ?? execution;
    return { stopDate: seconds(stopped.stoppedAt ?? Date.now()) };
  };

  const redriveExecution: Operation = (given) => {
    const { executionArn, clientToken } = RedriveInput.parse(given);
    const execution = executionOf(executionArn);
    const { redrivenAt, redriveToken } = execution;
    if (clientToken !== undefined && clientToken === redriveToken && redrivenAt !== null) {
      if (Date.now() - redrivenAt < REDRIVE_TOKEN_MS) return { redriveDate: seconds(redrivenAt) };
    }
    const reason =
      execution.mapRun === null
        ? notRedrivable(execution, store.eventCount(execution.position))
        : "Execution is a child of a Map Run and is redriven with its parent";
    if (reason !== undefined) throw new ServiceError("ExecutionNotRedrivable", reason);
    const again = runner.redrive(execution, clientToken);
    return { redriveDate: seconds(again.redrivenAt ?? Date.now()) };
  };

  const getExecutionHistory: Operation = (given) => {
    const query = HistoryInput.parse(given);
    const execution = executionOf(query.executionArn);
    const from = decodeToken(query.nextToken, 0);
    const { count } = runner.history(execution, 1, 0);
    const { to, ...more } = slice(count, from, pageSize(query.maxResults));
    const [first, last] = query.reverseOrder ? [count - to + 1, count - from] : [from + 1, to];
    const events = runner.history(execution, first, last).events.map(({ id, previous, type, timestamp, details }) => ({
      id,
      previousEventId: previous,
      type,
      timestamp: seconds(timestamp),
      ...(query.includeExecutionData ? details : {}),
    }));
    if (query.reverseOrder) events.reverse();
    return { events, ...more };
  };

  const machineItem = ({ arn, name, type, createdAt }: KnownMachine) => ({
    stateMachineArn: arn,
    name,
    type,
    creationDate: seconds(createdAt),
  });
  const definitionOf = (machine: KnownMachine, includedData: z.infer<typeof IncludedData>): string =>
    includedData === "METADATA_ONLY" ? "{}" : JSON.stringify(machine.given);

  const describeStateMachine: Operation = (given) => {
    const { stateMachineArn, includedData } = MachineInput.parse(given);
    const machine = machineOf(stateMachineArn);
    return { ...machineItem(machine), status: "ACTIVE", definition: definitionOf(machine, includedData) };
  };

  const describeStateMachineForExecution: Operation = (given) => {
    const { executionArn, includedData } = ExecutionInput.parse(given);
    const execution = executionOf(executionArn);
    const machine = machineOf(arns.machine(execution.machine));
    const { stateMachineArn, name, creationDate } = machineItem(machine);
    const [, label] = machine.name.split("/");
    return {
      stateMachineArn,
      name,
      definition: definitionOf(machine, includedData),
      updateDate: creationDate,
      ...mapRunArnOf(execution),
      ...(label === undefined ? {} : { label }),
    };
  };

  const listStateMachines: Operation = (given) => {
    const { maxResults, nextToken } = ListMachinesInput.parse(given);
    const from = decodeToken(nextToken, 0);
    const all = [...machines.values()].filter(({ name }) => !name.includes("/"));
    const { to, ...more } = slice(all.length, from, pageSize(maxResults));
    return { stateMachines: all.slice(from, to).map(machineItem), ...more };
  };

  const sendTaskSuccess: Operation = (given) => {
    const { taskToken, output } = SuccessInput.parse(given);
    runner.tokens.succeed(taskToken, output);
  };
  const sendTaskFailure: Operation = (given) => {
    const { taskToken, error, cause } = FailureInput.parse(given);
    runner.tokens.fail(taskToken, error, cause);
  };
  const sendTaskHeartbeat: Operation = (given) => {
    runner.tokens.beat(z.object({ taskToken: TaskToken }).parse(given).taskToken);
  };

  return new Map<string, Operation>([
    ["StartExecution", startExecution],
    ["DescribeExecution", describeExecution],
    ["ListExecutions", listExecutions],
    ["StopExecution", stopExecution],
    ["RedriveExecution", redriveExecution],
    ["GetExecutionHistory", getExecutionHistory],
    ["DescribeStateMachine", describeStateMachine],
    ["DescribeStateMachineForExecution", describeStateMachineForExecution],
    ["ListStateMachines", listStateMachines],
    ["SendTaskSuccess", sendTaskSuccess],
    ["SendTaskFailure", sendTaskFailure],
    ["SendTaskHeartbeat", sendTaskHeartbeat],
    ["DescribeMapRun", mapRunOperations.describeMapRun],
    ["ListMapRuns", mapRunOperations.listMapRuns],
    ["UpdateMapRun", mapRunOperations.updateMapRun],
  ]);
};
